//! What is recorded when a claim passes its gate.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::ReconcileError;
use super::reconciler::Reconciler;
use crate::execute::{ExecutionContext, UnitAdmission, World};
use crate::facts::{SourceAnswer, SourceFact, SourceImage};
use crate::model::{
    Admission, Claim, CommitId, Digest, Incomplete, PolicyMode, RepoPath, Repository, Source as ClaimSource, UnitId,
    Verdict,
};
use crate::plan::Step;
use crate::source::{Source, introduced};

impl<W: World, S: Source> Reconciler<W, S> {
    /// What execution needs to know of the units that these steps touch.
    pub(super) fn execution_context(&self, steps: &[Step], now: Timestamp) -> Result<ExecutionContext, ReconcileError> {
        let mut units: Vec<UnitId> = steps.iter().map(|step| step.node.unit).collect();
        units.dedup();
        units.sort_unstable();
        units.dedup();
        let mut admissions = HashMap::with_capacity(units.len());
        let mut admitted = |unit, admission: Arc<Admission>, is_new| {
            let source = self.source_of(unit, &admission);
            let admission = UnitAdmission {
                admission,
                is_new,
                source,
            };
            admissions.insert(unit, admission);
        };
        let mut new = Vec::new();
        for unit in units {
            match (self.memory.admissions.get(&unit), &self.facts.unit(unit).admission) {
                (Some(admission), _) => admitted(unit, Arc::clone(admission), false),
                // Read from a record at a registry: state has yet to learn of it.
                (None, Some(admission)) => admitted(unit, Arc::clone(admission), true),
                (None, None) => new.push(unit),
            }
        }
        for (unit, admission) in self.admit(&new, now)? {
            admitted(unit, admission, true);
        }
        Ok(ExecutionContext {
            admissions,
            git_url: Arc::clone(&self.settings.git_url),
            limits: self.settings.limits,
            concurrency: self.settings.concurrency,
            transfer: self.settings.transfer,
        })
    }

    /// Whether a claim is admitted though something beside its image stays behind.
    fn may_leave(&self, unit: UnitId) -> bool {
        self.graph.target(self.graph.target_of(unit)).carry.incomplete == Incomplete::Leave
    }

    /// Where the source is read: where it was just found, else where the claim says, else where it once was.
    fn source_of(&self, unit: UnitId, admission: &Admission) -> Repository {
        if let Some(SourceFact::Answered(answer)) = self.facts.source(unit)
            && let Some(image) = answer.image()
        {
            return image.repository.clone();
        }
        match self.graph.unit(unit).claim().map(|claim| &claim.source) {
            Some(ClaimSource::Registry(repository)) => repository.clone(),
            _ => admission.source.clone(),
        }
    }

    /// The admissions of claims whose gate has passed just now.
    fn admit(&self, units: &[UnitId], now: Timestamp) -> Result<Vec<(UnitId, Arc<Admission>)>, ReconcileError> {
        let passed: Vec<(UnitId, &Claim, &SourceImage)> = units
            .iter()
            .filter_map(|unit| {
                let image = match self.facts.source(*unit) {
                    Some(SourceFact::Answered(SourceAnswer::Whole(image))) => image,
                    Some(SourceFact::Answered(SourceAnswer::WithoutAll { image, .. })) if self.may_leave(*unit) => {
                        image
                    }
                    _ => return None,
                };
                Some((*unit, self.graph.unit(*unit).claim()?, &**image))
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
                    verdict: Verdict::Unchecked,
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
    ) -> Result<Vec<(UnitId, Arc<Admission>)>, ReconcileError> {
        let mut recorded = Vec::new();
        let mut new = Vec::new();
        for unit in self.graph.wanted() {
            if self.memory.admissions.contains_key(&unit) || self.facts.standing(&self.graph, unit).is_empty() {
                continue;
            }
            match &self.facts.unit(unit).admission {
                Some(admission) => recorded.push((unit, Arc::clone(admission))),
                None => new.push(unit),
            }
        }
        recorded.extend(self.admit(&new, now)?);
        Ok(recorded)
    }
}

/// SHA-256 over the canonical text of the policies a claim's gate asks.
fn policy_digest(claim: &Claim) -> Digest {
    let text = serde_json::to_vec(&*claim.policy).unwrap_or_default();
    Digest::of(&text)
}

/// Every digest that a file names, however it is written around it.
fn digests_in(bytes: &[u8]) -> BTreeSet<Digest> {
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
