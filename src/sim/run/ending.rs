//! What must hold once nothing goes wrong any more.

use std::collections::BTreeMap;

use super::{Process, Run};
use crate::execute::Stop;
use crate::facts::Depth;
use crate::model::{CarriedKind, Digest, SignerIdentity, Slot, Source, UnitId};
use crate::plan::{Blocked, Cause, Scope};
use crate::reconcile::{Pass, Unwatched, Writes};
use crate::sim::Standing;

/// Passes that may be needed.
const PASSES_TO_CONVERGE: usize = 4;

impl Run {
    /// Runs passes until nothing is left to do, as many as may be needed.
    pub(super) async fn settle(&mut self, process: &mut Process) -> Result<(), String> {
        self.follow(process)?;
        let thorough = Scope {
            depth: Depth::Blobs,
            ..Scope::default()
        };
        let mut left = Vec::new();
        for _ in 0..PASSES_TO_CONVERGE {
            self.rules.begin_pass();
            let passes = process
                .converge(&thorough, &*self.rules, &Stop::new())
                .await
                .map_err(|error| error.to_string())?;
            let Some(last) = passes.last() else { continue };
            self.allow_conflicts(process, &last.last.blocked)?;
            if self.is_settled(process, last) {
                return Ok(());
            }
            let planned = process.planned();
            left = planned
                .blocked
                .iter()
                .map(|blocked| format!("{:?}", blocked.cause))
                .chain(planned.questions.iter().map(|question| format!("{question:?}")))
                .chain(planned.steps.iter().map(|step| format!("{step:?}")))
                .collect();
        }
        Err(format!("not converged after {PASSES_TO_CONVERGE} rounds: {left:?}"))
    }

    /// Nothing is left but what nobody can repair: damage that took the last copy.
    fn is_settled(&self, process: &Process, pass: &Pass) -> bool {
        let is_gone = |blocked: &Blocked| match &blocked.cause {
            Cause::CarriedLost { unit, digests } => digests.iter().all(|digest| self.is_gone(process, *unit, digest)),
            _ => false,
        };
        let left = &pass.last;
        !pass.interrupted && left.summary.due() == 0 && left.questions == 0 && left.blocked.iter().all(is_gone)
    }

    /// Neither the places of a claim nor those that it reads from have all of a manifest.
    fn is_gone(&self, process: &Process, unit: UnitId, digest: &Digest) -> bool {
        let graph = process.graph();
        let places_of = |unit: UnitId| {
            let endpoints = graph
                .unit(unit)
                .claim()
                .map(|claim| claim.endpoints)
                .unwrap_or_default();
            endpoints
                .iter()
                .map(move |endpoint| graph.place(graph.unit(unit).repository, endpoint))
        };
        let source = match graph.unit(unit).claim().map(|claim| &claim.source) {
            Some(Source::Registry(repository)) => Some(repository.clone()),
            _ => None,
        };
        let upstream = graph.upstream(unit).into_iter().flat_map(places_of);
        !places_of(unit)
            .chain(upstream)
            .chain(source)
            .any(|place| Standing::is_whole(&self.store, &place, digest))
    }

    /// Without its state landfall cannot know that a tag was its own; somebody says so.
    fn allow_conflicts(&self, process: &mut Process, blocked: &[Blocked]) -> Result<(), String> {
        for blocked in blocked {
            if let Cause::Conflict { tag, endpoint, found } = &blocked.cause {
                if !self.lost_state {
                    return Err(format!(
                        "a tag that landfall set is called foreign: {:?}",
                        blocked.cause
                    ));
                }
                process
                    .adopt(*tag, *endpoint, *found, "the state was lost")
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Everything stands, whole and verified, and nothing was signed twice into a registry.
    pub(super) fn check(&self, process: &Process) -> Result<(), String> {
        let graph = process.graph();
        for id in graph.wanted() {
            let unit = graph.unit(id);
            let Some(claim) = unit.claim() else { continue };
            let public = graph.public_reference(unit.repository);
            for endpoint in claim.endpoints.iter() {
                let place = graph.place(unit.repository, endpoint);
                let standing = Standing::read(&self.store, &place, &unit.digest, &public, self.rules.verdicts());
                let name = format!("{place}@{}", unit.digest);
                if !standing.image {
                    return Err(format!("{name}: the image is not whole"));
                }
                let carried = process
                    .admission(id)
                    .map(|admission| &*admission.carried)
                    .unwrap_or_default();
                for item in carried
                    .iter()
                    .filter(|item| matches!(item.kind, CarriedKind::Referrer { .. }))
                {
                    if !Standing::is_whole(&self.store, &place, &item.digest)
                        && !self.is_gone(process, id, &item.digest)
                    {
                        return Err(format!("{name}: {} did not travel", item.digest));
                    }
                }
                for slot in unit.slots() {
                    let (what, found) = match slot {
                        Slot::Gate | Slot::Image => continue,
                        Slot::Tag(tag) => {
                            let (_, tag) = graph.tag(tag);
                            let at = self.store.tag(&place, tag);
                            if at != Some(unit.digest) {
                                return Err(format!("{name}: tag {tag} stands on {at:?}"));
                            }
                            continue;
                        }
                        Slot::Signature(crate::model::SignatureForm::Bundle) => ("bundles", &standing.bundles),
                        Slot::Signature(crate::model::SignatureForm::Tag) => ("entries in .sig", &standing.entries),
                        Slot::Signature(crate::model::SignatureForm::Referrer) => {
                            ("signature referrers", &standing.signature_referrers)
                        }
                        Slot::Attestation(_) => ("promotion records", &standing.attestations),
                    };
                    let present = claim.signer.as_ref().map(|signer| signer.identity());
                    let by_present = found.iter().any(|(_, by)| Some(*by) == present);
                    let node = crate::model::NodeId { unit: id, slot };
                    if !by_present && process.wanted_at(node).contains(endpoint) {
                        return Err(format!("{name}: there are no {what} by the present key"));
                    }
                    let mut by_identity: BTreeMap<SignerIdentity, usize> = BTreeMap::new();
                    found
                        .iter()
                        .for_each(|(_, by)| *by_identity.entry(*by).or_default() += 1);
                    // A state that was lost signs again, and what says the same then goes. What travelled stays.
                    if let Some((by, times)) = by_identity.iter().find(|(_, times)| **times > 1)
                        && (!self.lost_state || carried.is_empty())
                    {
                        return Err(format!("{name}: {by} signed it {times} times: {what}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// A pass over what is as desired writes nothing, and does not ask more than it must.
    pub(super) async fn check_quiet(&mut self, process: &mut Process) -> Result<(), String> {
        let mark = self.store.now();
        let requests_before = self.store.requests().total();
        self.rules.begin_pass();
        let pass = process
            .pass(
                &Scope::default(),
                &crate::facts::Bounds::FRESH,
                Writes::Due,
                &Unwatched,
                &Stop::new(),
            )
            .await
            .map_err(|error| error.to_string())?;
        if !self.is_settled(process, &pass) || !pass.ran.is_empty() {
            return Err(format!(
                "a pass after convergence is not quiet: {:?} {:?}",
                pass.ran,
                process.planned()
            ));
        }
        let writes = self.store.client_writes_since(mark);
        if !writes.is_empty() {
            return Err(format!("a pass after convergence writes: {writes:?}"));
        }
        let requests = self.store.requests().total() - requests_before;
        let graph = process.graph();
        let places: usize = graph
            .wanted()
            .filter_map(|unit| graph.unit(unit).claim().map(|claim| claim.endpoints.len()))
            .sum();
        // An image of these scenarios has at most 7 manifests, and 14 things beside it of at most 3 requests each.
        let bound = (places * 64 + 8) as u64;
        if requests > bound {
            return Err(format!("a quiet pass sent {requests} requests for {places} places"));
        }
        Ok(())
    }
}
