//! What a tag leaves behind when it moves.
//!
//! Some registries (zot, and Gitea for what was only ever tagged) drop a manifest with the last of its tags, also when
//! that moves away, whether or not an index lists the manifest or somebody claims it by its digest. What some claim
//! needs of it is looked at again and put back afterwards; what only this registry still has is kept by an anchor tag
//! before.

use super::planner::Planner;
use super::unit::Subject;
use crate::facts::{Ask, SourceFact};
use crate::model::{Capability, Digest, EndpointSet, TagId, UnitId};

/// Where a tag may be moved, and what has to be done about what it leaves.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub plain: EndpointSet,
    /// Where what is left gets an anchor tag first: nobody else has it.
    pub keeping: EndpointSet,
}

impl Moves {
    /// Nothing is left behind.
    pub fn free(at: EndpointSet) -> Self {
        Self {
            plain: at,
            ..Self::default()
        }
    }
}

/// Where the image that may lose something can be had otherwise.
enum Elsewhere {
    Has,
    HasNot,
    NotKnown,
}

impl Planner<'_> {
    /// What moving `tag` away from `old` at these endpoints takes with it. Where that is not known yet, it is asked, and
    /// the move waits.
    pub(super) fn moves(&mut self, subject: &Subject<'_>, tag: TagId, old: Digest, at: EndpointSet) -> Moves {
        let mut moves = Moves::free(at);
        let exposed = self.may_drop(subject, at) - self.held(subject, tag, old);
        if exposed.is_empty() {
            return moves;
        }
        self.displaces(old);
        let graph = self.graph;
        // Where a neighbour has yet to be read, the move waits, whatever is known of the others.
        let mut unread = EndpointSet::EMPTY;
        for id in graph.units_of(subject.unit.repository) {
            let unit = graph.unit(id);
            let Some(claim) = unit.claim() else { continue };
            let here = exposed & claim.endpoints;
            if here.is_empty() || self.admission(id).is_none() {
                continue;
            }
            match self.contains(id, old) {
                Some(false) => {}
                Some(true) => self.spare(id, here, exposed, subject, &mut moves),
                None => {
                    let unasked = here - self.facts.unit(id).image.asked();
                    if !self.is_in_scope(id) {
                        self.ask(Ask::Image(id), unasked, subject.class);
                    }
                    unread |= unasked;
                }
            }
        }
        moves.keeping = (moves.keeping & at) - unread;
        moves.plain -= moves.keeping | unread;
        moves
    }

    /// Decides how a claimed image comes to keep what it has in `old`.
    fn spare(&mut self, id: UnitId, here: EndpointSet, exposed: EndpointSet, subject: &Subject<'_>, moves: &mut Moves) {
        match self.elsewhere(id, exposed) {
            // It is looked at again once the tag has moved, and put back.
            Elsewhere::Has => {}
            Elsewhere::HasNot => moves.keeping |= here,
            Elsewhere::NotKnown => {
                self.ask(Ask::Source(id), EndpointSet::PRIMARY, subject.class);
                moves.plain -= here;
            }
        }
    }

    /// The endpoints at which the tag moves do not count: all of them may drop it in the same minute.
    fn elsewhere(&self, id: UnitId, exposed: EndpointSet) -> Elsewhere {
        let target = self.graph.target_of(id);
        let others = (self.facts.unit(id).image.present & self.facts.endpoints(target).present) - exposed;
        if !others.is_empty() {
            return Elsewhere::Has;
        }
        match self.facts.source(id) {
            None => Elsewhere::NotKnown,
            Some(SourceFact::Answered(answer)) if answer.image().is_some() => Elsewhere::Has,
            Some(_) => Elsewhere::HasNot,
        }
    }

    /// Where the registry is not known to keep manifests that lose their last tag.
    fn may_drop(&self, subject: &Subject<'_>, at: EndpointSet) -> EndpointSet {
        at.iter()
            .filter(|endpoint| {
                let known = self.memory.capabilities.get(&(subject.target_id, *endpoint));
                known.and_then(|known| known.can(Capability::DropsUntagged)) != Some(false)
            })
            .collect()
    }

    /// Where another claimed tag stands on `old` and stays there.
    fn held(&self, subject: &Subject<'_>, tag: TagId, old: Digest) -> EndpointSet {
        let unit = self.graph.unit_at(subject.unit.repository, old);
        let tags = unit.into_iter().flat_map(|unit| &self.graph.unit(unit).tags);
        tags.filter(|other| **other != tag)
            .fold(EndpointSet::EMPTY, |held, other| {
                held | self.facts.tag(*other).values.at(old)
            })
    }

    /// Whether an image is this manifest or lists it. `None` where its manifests were not read yet.
    fn contains(&self, id: UnitId, manifest: Digest) -> Option<bool> {
        if self.graph.unit(id).digest == manifest {
            return Some(true);
        }
        let below = self.facts.unit(id).below.as_ref()?;
        Some(below.contains(&manifest))
    }
}
