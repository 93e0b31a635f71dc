//! Copies that did not end with every blob verified, in whichever process they were begun.

use super::Recollection;
use crate::facts::{Facts, Memory};
use crate::graph::Graph;
use crate::model::{EndpointIndex, EndpointSet, UnitId};
use crate::reconcile::state::{Batch, StateError};

impl Recollection {
    pub(super) fn remember_unfinished(&self, graph: &Graph, units: &[UnitId], memory: &mut Memory) {
        if self.unfinished.is_empty() {
            return;
        }
        for id in units {
            let unit = graph.unit(*id);
            for endpoint in graph.target(graph.target_of(*id)).all_endpoints().iter() {
                let place = graph.place(unit.repository, endpoint);
                if self.unfinished.contains(&(place, unit.digest)) {
                    memory.unfinished.entry(*id).or_default().insert(endpoint);
                }
            }
        }
    }

    /// A copy did not come to its end: what stands there may lack blobs.
    pub(super) fn copy_failed(&mut self, graph: &Graph, id: UnitId, endpoint: EndpointIndex, memory: &mut Memory) {
        let unit = graph.unit(id);
        self.unfinished
            .insert((graph.place(unit.repository, endpoint), unit.digest));
        memory.unfinished.entry(id).or_default().insert(endpoint);
    }

    /// A copy came to its end: every blob was seen.
    pub(super) fn copy_ended(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        unit: UnitId,
        endpoint: EndpointIndex,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        if let Some(at) = memory.unfinished.get_mut(&unit) {
            at.remove(endpoint);
            if at.is_empty() {
                memory.unfinished.remove(&unit);
            }
        }
        let unit = graph.unit(unit);
        let place = graph.place(unit.repository, endpoint);
        batch.end_copy(&place, unit.digest)?;
        self.unfinished.remove(&(place, unit.digest));
        Ok(())
    }

    /// Where a look down to the blobs has found by now, of what a copy left, that all of it is there.
    pub fn leave_unfinished(
        &mut self,
        batch: &Batch<'_>,
        graph: &Graph,
        facts: &Facts,
        memory: &mut Memory,
    ) -> Result<(), StateError> {
        let whole: Vec<(UnitId, EndpointSet)> = memory
            .unfinished
            .iter()
            .map(|(unit, at)| (*unit, *at & found_whole(*unit, facts, memory)))
            .collect();
        for (unit, at) in whole {
            for endpoint in at.iter() {
                self.copy_ended(batch, graph, unit, endpoint, memory)?;
            }
        }
        Ok(())
    }
}

/// Where the image and all that travels with it were seen down to the blobs.
fn found_whole(unit: UnitId, facts: &Facts, memory: &Memory) -> EndpointSet {
    let known = facts.unit(unit);
    let image = known.image.present & known.blobs;
    let admission = memory.admissions.get(&unit).or(known.admission.as_ref());
    match admission {
        Some(admission) if admission.carried.is_empty() => image,
        // What is unfinished is looked at down to the blobs: see `plan`.
        Some(_) => known
            .missing_carried
            .iter()
            .fold(image & known.evidence.present, |whole, (_, missing)| whole - *missing),
        None => EndpointSet::EMPTY,
    }
}
