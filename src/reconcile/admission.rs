//! What is recorded when a claim passes its gate.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::ReconcileError;
use super::reconciler::Reconciler;
use crate::execute::{UnitAdmission, World};
use crate::facts::{SourceAnswer, SourceFact, SourceImage};
use crate::model::{
    Admission, ArtifactKind, Claim, CommitId, Digest, Incomplete, NodeId, PolicyMode, RepoPath, Repository,
    Source as ClaimSource, UnitId, Verdict,
};
use crate::source::{Source, introduced};

impl<W: World, S: Source> Reconciler<W, S> {
    /// By what right the steps of these units write.
    pub(super) fn admissions(
        &mut self,
        units: impl Iterator<Item = UnitId>,
        now: Timestamp,
    ) -> Result<HashMap<UnitId, UnitAdmission>, ReconcileError> {
        let units: BTreeSet<UnitId> = units.collect();
        let mut admissions = HashMap::with_capacity(units.len());
        let mut new = Vec::new();
        for unit in units {
            let known = match self.engine.memory.admissions.get(&unit) {
                Some(admission) => Some((Arc::clone(admission), false)),
                // Read from a record at a registry: state has yet to learn of it.
                None => self
                    .engine
                    .facts
                    .unit(unit)
                    .admission
                    .clone()
                    .map(|admission| (admission, true)),
            };
            match (known, self.admitting.get(&unit)) {
                (Some((admission, is_new)), _) => {
                    admissions.insert(unit, self.unit_admission(unit, admission, is_new));
                }
                // Another run of the unit got it first, and has yet to come to a write.
                (None, Some(admitted)) => {
                    admissions.insert(unit, admitted.clone());
                }
                (None, None) => new.push(unit),
            }
        }
        for (unit, admission) in self.admit(&new, now)? {
            admissions.insert(unit, self.unit_admission(unit, admission, true));
        }
        for (unit, admitted) in &admissions {
            if admitted.is_new {
                self.admitting.insert(*unit, admitted.clone());
            }
        }
        Ok(admissions)
    }

    fn unit_admission(&self, unit: UnitId, admission: Arc<Admission>, is_new: bool) -> UnitAdmission {
        let source = self.source_of(unit, &admission);
        UnitAdmission {
            admission,
            is_new,
            recorded: is_new && self.was_recorded(unit),
            source,
        }
    }

    /// Whether a claim is admitted though something beside its image stays behind.
    fn may_leave(&self, unit: UnitId) -> bool {
        self.engine
            .graph
            .target(self.engine.graph.target_of(unit))
            .carry
            .incomplete
            == Incomplete::Leave
    }

    /// Where the source is read: where it was just found, else where the claim says, else where it once was.
    fn source_of(&self, unit: UnitId, admission: &Admission) -> Repository {
        if let Some(SourceFact::Answered(answer)) = self.engine.facts.source(unit)
            && let Some(image) = answer.image()
        {
            return image.repository.clone();
        }
        match self.engine.graph.unit(unit).claim().map(|claim| &claim.source) {
            Some(ClaimSource::Registry(repository)) => repository.clone(),
            _ => admission.source.clone(),
        }
    }

    /// The admissions of claims whose gate has passed just now.
    fn admit(&self, units: &[UnitId], now: Timestamp) -> Result<Vec<(UnitId, Arc<Admission>)>, ReconcileError> {
        let passed: Vec<(UnitId, &Claim, &SourceImage)> = units
            .iter()
            .filter_map(|unit| {
                let image = match self.engine.facts.source(*unit) {
                    Some(SourceFact::Answered(SourceAnswer::Whole(image))) => image,
                    Some(SourceFact::Answered(SourceAnswer::WithoutAll { image, .. })) if self.may_leave(*unit) => {
                        image
                    }
                    _ => return None,
                };
                Some((*unit, self.engine.graph.unit(*unit).claim()?, &**image))
            })
            .collect();
        let introduced = self.introduced(passed.iter().map(|(_, claim, _)| *claim))?;
        let mut authors: HashMap<CommitId, String> = HashMap::new();
        passed
            .into_iter()
            .map(|(unit, claim, image)| {
                let path = &claim.origin.file;
                let commit = introduced[&(path.clone(), claim.digest)];
                let author = match authors.get(&commit) {
                    Some(author) => author.clone(),
                    None => {
                        let author = self.source.commit(commit)?.author;
                        authors.insert(commit, author.clone());
                        author
                    }
                };
                let admission = Admission {
                    source: image.repository.clone(),
                    carried: Arc::clone(&image.carried),
                    policy: policy_digest(claim),
                    mode: PolicyMode::Off,
                    verdict: if image.found_standing {
                        tracing::info!(
                            repository = %image.repository, digest = %claim.digest, source = ?claim.source,
                            "found standing: admitted from where it is, for its source has gone"
                        );
                        Verdict::FoundStanding
                    } else {
                        Verdict::Unchecked
                    },
                    commit,
                    path: path.clone(),
                    author,
                    at: now,
                };
                Ok((unit, Arc::new(admission)))
            })
            .collect()
    }

    /// For each claim the first-parent commit since which its file names its digest.
    fn introduced<'a>(
        &self,
        claims: impl Iterator<Item = &'a Claim>,
    ) -> Result<BTreeMap<(RepoPath, Digest), CommitId>, ReconcileError> {
        let Some(revision) = &self.revision else {
            return Ok(BTreeMap::new());
        };
        let mut wanted: BTreeMap<RepoPath, BTreeSet<Digest>> = BTreeMap::new();
        for claim in claims {
            wanted
                .entry(claim.origin.file.clone())
                .or_default()
                .insert(claim.digest);
        }
        let digests = |_: &RepoPath, bytes: &[u8]| Some(digests_in(bytes));
        Ok(introduced(
            &*self.source,
            revision.commit,
            None,
            &revision.roots,
            wanted,
            digests,
        )?)
    }

    /// Claims that stand already, so that admitting them took no write: state is to know of them all the same.
    pub(super) fn unrecorded_admissions(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(UnitId, Arc<Admission>, bool)>, ReconcileError> {
        let mut recorded = Vec::new();
        let mut new = Vec::new();
        for unit in self.engine.graph.wanted() {
            if self.engine.memory.admissions.contains_key(&unit)
                || self.engine.facts.standing(&self.engine.graph, unit).is_empty()
            {
                continue;
            }
            match &self.engine.facts.unit(unit).admission {
                Some(admission) => recorded.push((unit, Arc::clone(admission))),
                None => new.push(unit),
            }
        }
        recorded.extend(self.admit(&new, now)?);
        Ok(recorded
            .into_iter()
            .map(|(unit, admission)| (unit, admission, self.was_recorded(unit)))
            .collect())
    }

    /// Whether a registry holds a record or a signature of ours that this state did not make: an earlier one did.
    fn was_recorded(&self, unit: UnitId) -> bool {
        let facts = self.engine.facts.unit(unit);
        let signer = self
            .engine
            .graph
            .unit(unit)
            .claim()
            .and_then(|claim| claim.signer.as_deref());
        let is_ours = |by| signer.is_some_and(|signer| signer.counts(by));
        let node = |slot| NodeId { unit, slot };
        let is_unknown = |kind: ArtifactKind| self.engine.memory.makers(node(kind.slot())).is_empty();
        ArtifactKind::ALL.into_iter().all(is_unknown)
            && (facts.admission.is_some() || facts.found.iter().any(|(found, _)| is_ours(found.by)))
    }
}

/// SHA-256 over the canonical text of the policies a claim's gate asks.
fn policy_digest(claim: &Claim) -> Digest {
    let text = serde_json::to_vec(&*claim.policy).unwrap_or_default();
    Digest::of(&text)
}

/// Every digest that a file names, however it is written around it.
pub(super) fn digests_in(bytes: &[u8]) -> BTreeSet<Digest> {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("sha256:")
        .filter_map(|(at, _)| text.get(at..at + 71)?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_wherever_they_stand_in_a_file() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let text = format!("[images.x.tags]\n\"v1\" = \"{a}\"\nuntagged=['{b}'] # sha256:short");
        assert_eq!(digests_in(text.as_bytes()), BTreeSet::from([a, b]));
        assert_eq!(digests_in(b"\xffsha256:"), BTreeSet::new());
    }
}
