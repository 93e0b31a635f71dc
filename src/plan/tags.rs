//! Tags come last.

use super::blocked::Cause;
use super::displaced::Moves;
use super::planner::Planner;
use super::signatures::Artifact;
use super::step::{Action, Reason, Step, Withheld};
use super::unit::Subject;
use crate::facts::Ask;
use crate::graph::{Dependency, DependsAt};
use crate::model::{Digest, Drift, EndpointIndex, EndpointSet, SignaturePlacement, Slot, TagId};

impl Planner<'_> {
    pub(super) fn tags(&mut self, subject: &Subject<'_>, image_ready: EndpointSet, artifacts: &[Artifact]) {
        let may_stand = self.tag_may_stand(subject, image_ready, artifacts);
        // What takes a part of this very image along comes first: the other tags are set once that is put back.
        let endangering = |planner: &Self, tag: TagId| {
            let groups = planner.changes(subject, tag).groups.into_iter();
            groups.fold(EndpointSet::EMPTY, |all, (replaces, because, at)| match replaces {
                Some(old) if !is_withheld(subject, because) => all | planner.endangers_itself(subject, tag, old, at),
                _ => all,
            })
        };
        let tags: Vec<(TagId, EndpointSet)> = subject
            .unit
            .tags
            .iter()
            .map(|tag| (*tag, endangering(self, *tag)))
            .collect();
        let (first, rest): (Vec<_>, Vec<_>) = tags.into_iter().partition(|(_, endangers)| !endangers.is_empty());
        let mut busy = EndpointSet::EMPTY;
        for (tag, endangers) in first.into_iter().chain(rest) {
            busy |= self.tag(subject, tag, may_stand - busy, artifacts) & endangers;
        }
    }

    /// Returns where the tag is moved, and what it leaves has no other tag.
    fn tag(
        &mut self,
        subject: &Subject<'_>,
        tag: TagId,
        may_stand: EndpointSet,
        artifacts: &[Artifact],
    ) -> EndpointSet {
        let facts = self.facts.tag(tag);
        let node = subject.node(Slot::Tag(tag));
        // For a new claim the list is asked first: what is not in it is known to be absent.
        let askable = if subject.admission.is_some() {
            subject.up
        } else {
            self.facts.list(subject.unit.repository).answered() & subject.up
        };
        self.ask(Ask::Tag(tag), askable - facts.known.asked(), subject.class);
        self.block_failures(
            Ask::Tag(tag),
            facts.known.forbidden & subject.up,
            facts.known.unknown & subject.up,
            node,
        );
        let Changes { groups, conflicts } = self.changes(subject, tag);
        for (endpoint, found) in conflicts {
            self.block(Cause::Conflict { tag, endpoint, found }, node);
        }
        let mut all_moved = EndpointSet::EMPTY;
        if groups.is_empty() {
            return all_moved;
        }
        let after = after(subject, artifacts);
        for (replaces, because, at) in groups {
            let at = at & may_stand;
            // Where a tag drifted, tags do move.
            let at = if replaces.is_some() && because != Reason::Drift {
                self.able_to_move(subject.target_id, node, at)
            } else {
                at
            };
            let step = |keeps, at| Step {
                node,
                action: Action::Tag {
                    tag,
                    digest: subject.unit.digest,
                    replaces,
                    keeps,
                },
                at,
                after: after.clone(),
                because,
            };
            if is_withheld(subject, because) {
                self.withhold(step(false, at), Withheld::ReportOnly);
                continue;
            }
            let moves = match replaces {
                Some(old) => self.moves(subject, tag, old, at),
                None => Moves::free(at),
            };
            let moved = self.emit(subject.target_id, step(false, moves.plain));
            self.emit(subject.target_id, step(true, moves.keeping));
            all_moved |= moved;
            self.if_dropped(subject, node, moves, moved);
        }
        all_moved
    }

    /// Where a tag is to be set on this image: it is looked at down to its blobs there, whoever wrote it.
    pub(super) fn tags_due(&self, subject: &Subject<'_>) -> EndpointSet {
        let changes = subject.unit.tags.iter().map(|tag| self.changes(subject, *tag));
        changes
            .flat_map(|changes| changes.groups)
            .filter(|(_, because, _)| !is_withheld(subject, *because))
            .fold(EndpointSet::EMPTY, |due, (_, _, at)| due | at)
    }

    /// How what is known of a tag differs from what is wanted.
    fn changes(&self, subject: &Subject<'_>, tag: TagId) -> Changes {
        let facts = self.facts.tag(tag);
        let right = facts.values.at(subject.unit.digest);
        let due = (facts.known.answered() & subject.up) - right;
        let mut changes = Changes::default();
        if due.is_empty() {
            return changes;
        }
        let written = self.memory.written.get(&tag);
        let absent = due & facts.known.absent;
        let was_written = written.map_or(EndpointSet::EMPTY, |written| written.at(subject.unit.digest));
        changes.add(None, Reason::Missing, absent & was_written);
        changes.add(None, subject.reason(), absent - was_written);
        for (value, at) in facts.values.iter() {
            for endpoint in (at & due).iter() {
                let last_written = written.and_then(|written| written.get(endpoint));
                let only = EndpointSet::only(endpoint);
                if last_written == Some(subject.unit.digest) {
                    changes.add(Some(value), Reason::Drift, only);
                } else if last_written.is_some() || self.was_declared(tag, value) {
                    changes.add(Some(value), Reason::Moved, only);
                } else if self
                    .memory
                    .adopted
                    .get(&tag)
                    .is_some_and(|adopted| adopted.contains(&value))
                {
                    changes.add(Some(value), Reason::Adopted, only);
                } else {
                    changes.conflicts.push((endpoint, value));
                }
            }
        }
        changes
    }

    pub(super) fn was_declared(&self, tag: TagId, value: Digest) -> bool {
        self.memory
            .declared
            .get(&tag)
            .is_some_and(|digests| digests.contains(&value))
    }
}

/// What has to become of one tag.
#[derive(Debug, Default)]
struct Changes {
    /// By what is replaced and why: one step each.
    groups: Vec<(Option<Digest>, Reason, EndpointSet)>,
    /// Where it stands on something landfall never set nor declared.
    conflicts: Vec<(EndpointIndex, Digest)>,
}

impl Changes {
    fn add(&mut self, replaces: Option<Digest>, because: Reason, at: EndpointSet) {
        if at.is_empty() {
            return;
        }
        match self
            .groups
            .iter_mut()
            .find(|(value, why, _)| (*value, *why) == (replaces, because))
        {
            Some((_, _, known)) => *known |= at,
            None => self.groups.push((replaces, because, at)),
        }
    }
}

fn is_withheld(subject: &Subject<'_>, because: Reason) -> bool {
    because == Reason::Drift && subject.target.drift == Drift::Report
}

/// What a tag of this unit waits for.
fn after(subject: &Subject<'_>, artifacts: &[Artifact]) -> Box<[Dependency]> {
    let at = match subject.target.signatures {
        SignaturePlacement::Replicate => DependsAt::SameEndpoint,
        SignaturePlacement::PrimaryOnly if subject.claim.endpoints.contains(EndpointIndex::PRIMARY) => {
            DependsAt::Primary
        }
        SignaturePlacement::PrimaryOnly => return [image(subject)].into(),
    };
    [image(subject)]
        .into_iter()
        .chain(artifacts.iter().map(|artifact| Dependency {
            node: subject.node(artifact.slot),
            at,
        }))
        .collect()
}

fn image(subject: &Subject<'_>) -> Dependency {
    Dependency {
        node: subject.node(Slot::Image),
        at: DependsAt::SameEndpoint,
    }
}
