//! The log of a line of commits.

use std::collections::{HashMap, HashSet};

use super::entry::LogEntry;
use super::event::Event;
use super::follow::Follower;
use crate::desired::{self, Ledger};
use crate::model::CommitId;
use crate::source::{GitRepository, Source as _, SourceError};

/// What the commits that came after `known` up to and with `head` changed, oldest first: those alone that changed
/// something. The ledger goes up to `known`; without that, all of history is told.
///
/// # Errors
/// Where Git cannot be read, a shallow clone's end included.
pub fn read(
    source: &GitRepository,
    head: CommitId,
    known: Option<(CommitId, Ledger)>,
) -> Result<Vec<LogEntry>, SourceError> {
    let until = known.as_ref().map(|(commit, _)| *commit);
    let mut follower = match known {
        Some((commit, _)) if commit == head => return Ok(Vec::new()),
        Some((commit, ledger)) => Follower::begin(source, commit, ledger)?,
        None => Follower::new(source),
    };
    let mut found: HashMap<CommitId, Vec<Event>> = HashMap::new();
    source.replay(head, until, &desired::roots, &mut |commit, changed| {
        // A commit that changes nothing landfall reads changes nothing that is asked for.
        if !changed.is_empty() {
            let events = follower.advance(commit, changed)?;
            if !events.is_empty() {
                found.insert(commit, events);
            }
        }
        Ok(())
    })?;
    let wanted: HashSet<CommitId> = found.keys().copied().collect();
    let steps = source.steps(head, until, &wanted)?;
    let entries = steps.into_iter().map(|step| {
        let events = found.remove(&step.record.id).unwrap_or_default();
        LogEntry::new(step, events)
    });
    Ok(entries.collect())
}
