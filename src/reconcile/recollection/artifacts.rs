//! What was signed, and by whom.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Recollection;
use super::keys::{artifact_key, claim_key, journal_key};
use crate::execute::SignedArtifact;
use crate::facts::{Evidence, Memory};
use crate::graph::Graph;
use crate::model::{ArtifactKind, Desired, Digest, NodeId, Repository, Signer, SignerIdentity, UnitId};
use crate::plan::{ROTATION_WINDOW, Reason};
use crate::reconcile::ReconcileError;
use crate::reconcile::state::{Batch, ClaimKey, JournalKey, State, StateError};
use crate::trust::{PublicKey, bundle, simple_signing};

/// One artifact that was made under this state.
struct Made {
    kind: ArtifactKind,
    by: SignerIdentity,
    digest: Digest,
    /// `None` where the row does not say.
    reference: Option<Repository>,
    /// Its bytes do not stand wherever they are wanted.
    waits: bool,
}

/// The journal's rows, without their bytes.
pub(super) struct Artifacts {
    made: HashMap<ClaimKey, Vec<Made>>,
    /// Rows of schema 1 of which it is not known whose they are.
    unassigned: Vec<JournalKey>,
}

impl Artifacts {
    pub fn load(state: &State) -> Result<Self, StateError> {
        let mut artifacts = Self {
            made: HashMap::new(),
            unassigned: Vec::new(),
        };
        for (key, entry) in state.all_journalled()? {
            let Some(by) = key.by else {
                artifacts.unassigned.push(key);
                continue;
            };
            let made = Made {
                kind: key.kind,
                by,
                digest: entry.digest,
                reference: entry.reference,
                waits: entry.artifact.is_some(),
            };
            artifacts.made.entry(key.claim).or_default().push(made);
        }
        Ok(artifacts)
    }

    pub fn remember(&self, graph: &Graph, unit: UnitId, key: &ClaimKey, memory: &mut Memory) {
        // It may have been filled for another public reference.
        for kind in ArtifactKind::ALL {
            let node = NodeId {
                unit,
                slot: kind.slot(),
            };
            for by in memory.made.remove(&node).unwrap_or_default() {
                memory.waiting.remove(&(node, by));
            }
        }
        let Some(made) = self.made.get(key) else { return };
        let reference = graph.public_reference(graph.unit(unit).repository);
        for made in made {
            // An attestation speaks of one public reference; under another one it is nothing. A signature's digest is
            // the same under all of them.
            let is_of_another = made.reference.as_ref().is_some_and(|known| *known != reference);
            if is_of_another && matches!(made.kind, ArtifactKind::Attestation(_)) {
                continue;
            }
            let node = NodeId {
                unit,
                slot: made.kind.slot(),
            };
            memory.note_made(node, made.by);
            if made.waits {
                memory.waiting.insert((node, made.by), made.digest);
            }
        }
    }

    fn note(&mut self, claim: ClaimKey, made: Made) {
        let of_claim = self.made.entry(claim).or_default();
        of_claim.retain(|known| (known.kind, known.by) != (made.kind, made.by));
        of_claim.push(made);
    }
}

impl Recollection {
    /// An artifact was made, and its bytes are in the journal.
    pub fn signed(
        &mut self,
        graph: &Graph,
        node: NodeId,
        made: Evidence,
        because: Reason,
        now: Timestamp,
        memory: &mut Memory,
    ) {
        let Evidence { kind, digest, by } = made;
        let reference = graph.public_reference(graph.unit(node.unit).repository);
        let row = Made {
            kind,
            by,
            digest,
            reference: Some(reference),
            waits: true,
        };
        self.artifacts.note(claim_key(graph, node.unit), row);
        memory.note_made(node, by);
        memory.waiting.insert((node, by), digest);
        if because == Reason::Rotated {
            memory.rotated.retain(|at| now.duration_since(*at) < ROTATION_WINDOW);
            memory.rotated.push_back(now);
        }
    }

    /// Signed bytes that stand wherever they are wanted are not attached from the state any more.
    pub fn leave_journal(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        (node, by): (NodeId, SignerIdentity),
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        if memory.waiting.remove(&(node, by)).is_none() {
            return Ok(());
        }
        let Some(key) = artifact_key(graph, node, by) else {
            return Ok(());
        };
        let made = self.artifacts.made.get_mut(&claim_key(graph, node.unit));
        for made in made
            .into_iter()
            .flatten()
            .filter(|made| (made.kind, made.by) == (key.kind, by))
        {
            made.waits = false;
        }
        batch.set_aside(&journal_key(&key))
    }

    /// Rows of schema 1 do not say who made them: they belong to the key that their bytes verify with, a mark without
    /// bytes to the present one. What verifies with none is nobody's, and stays as it is.
    pub fn assign(&mut self, desired: &Desired) -> Result<(), ReconcileError> {
        if self.artifacts.unassigned.is_empty() {
            return Ok(());
        }
        let signers: HashMap<ClaimKey, &Signer> = desired
            .projects
            .iter()
            .flat_map(|project| &project.claims)
            .filter_map(|claim| {
                let key = ClaimKey {
                    target: desired.targets.get(claim.target)?.name.to_string(),
                    repository: claim.repository.clone(),
                    digest: claim.digest,
                };
                Some((key, claim.signer.as_deref()?))
            })
            .collect();
        let mut assigned = Vec::new();
        for key in &self.artifacts.unassigned {
            let Some(signer) = signers.get(&key.claim) else {
                continue;
            };
            let by = match self.state.signed(key)? {
                Some(bytes) => maker(&bytes, &key.claim.digest, signer),
                None => Some(signer.identity()),
            };
            if let Some(by) = by {
                assigned.push((key.clone(), by));
            }
        }
        if assigned.is_empty() {
            return Ok(());
        }
        self.state
            .write(|batch| assigned.iter().try_for_each(|(key, by)| batch.assign(key, *by)))?;
        self.artifacts = Artifacts::load(&self.state)?;
        Ok(())
    }
}

/// Which of a signer's keys made these bytes about an image.
fn maker(artifact: &SignedArtifact, image: &Digest, signer: &Signer) -> Option<SignerIdentity> {
    let keys: Vec<PublicKey> = signer
        .keys()
        .filter_map(|key| PublicKey::from_pem(key.pem.as_bytes()).ok())
        .collect();
    let key = match artifact {
        SignedArtifact::Bundle { bundle, .. } => bundle::verify(bundle.as_bytes(), &keys, image).ok()?.key,
        SignedArtifact::Simple { payload, signature } => {
            simple_signing::verify(payload.as_bytes(), signature, &keys, image)
                .ok()?
                .key
        }
    };
    Some(SignerIdentity::Key(key))
}
