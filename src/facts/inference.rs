//! Every step from one answer to another: what an answer says of places that were not asked, and what a write changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::answer::{Answer, Evidence, ImageAnswer, SourceAnswer};
use super::question::{Ask, Depth};
use super::{Facts, SourceFact};
use crate::graph::Graph;
use crate::model::{Carried, Digest, EndpointIndex, EndpointSet, Obstacle, RepositoryId, Tag, TagId, UnitId};

impl Facts {
    /// Takes one endpoint's answer to one question. An answer of another kind than the question is not recorded.
    pub fn record(
        &mut self,
        graph: &Graph,
        ask: Ask,
        depth: Depth,
        endpoint: EndpointIndex,
        answer: Answer,
        now: Timestamp,
    ) {
        let at = EndpointSet::only(endpoint);
        self.epoch.get_or_insert(now);
        let looked = self.ticks(now);
        if let Answer::Failed(obstacle) = answer {
            self.record_failure(ask, endpoint, obstacle);
            return;
        }
        self.failures.remove(&(ask, endpoint));
        match (ask, answer) {
            (Ask::Endpoint(target), Answer::Endpoint) => {
                let known = &mut self.endpoints[target.index()];
                known.forget(at);
                known.present |= at;
            }
            (Ask::Tags(repository), Answer::Tags(tags)) => self.record_list(graph, repository, endpoint, tags, looked),
            (Ask::Image(unit), Answer::Image(answer)) => {
                let facts = &mut self.units[unit.index()];
                facts.image.forget(at);
                facts.blobs -= at;
                if let ImageAnswer::WholeWith(below) = &answer {
                    facts.below.get_or_insert_with(|| Arc::clone(below));
                }
                match answer {
                    ImageAnswer::Whole | ImageAnswer::WholeWith(_) => {
                        facts.image.present |= at;
                        if depth == Depth::Blobs {
                            facts.blobs |= at;
                        }
                    }
                    ImageAnswer::Lacking => facts.image.absent |= at,
                }
                facts.image_looked.set(endpoint, looked);
            }
            (Ask::Evidence(unit), Answer::Evidence(answer)) => {
                let facts = &mut self.units[unit.index()];
                // An answer replaces the one before it whole: what it does not name is gone.
                facts.forget_evidence(at);
                facts.evidence.present |= at;
                for found in answer.found {
                    facts.add_found(found, at);
                }
                for twice in answer.twice {
                    match facts.twice.iter_mut().find(|(known, _)| *known == twice) {
                        Some((_, known)) => *known |= at,
                        None => facts.twice.push((twice, at)),
                    }
                }
                for carried in answer.missing_carried {
                    match facts.missing_carried.iter_mut().find(|(known, _)| *known == carried) {
                        Some((_, missing)) => *missing |= at,
                        None => facts.missing_carried.push((carried, at)),
                    }
                }
                // The first to be read stays: records of one admission say the same.
                if facts.admission.is_none() {
                    facts.admission = answer.admission;
                }
                facts.evidence_looked.set(endpoint, looked);
            }
            (Ask::Tag(tag), Answer::Tag(value)) => self.set_tag(tag, endpoint, value, looked),
            (Ask::Source(unit), Answer::Source(answer)) => {
                if let Some(image) = answer.image() {
                    let below = &mut self.units[unit.index()].below;
                    below.get_or_insert_with(|| Arc::clone(&image.below));
                }
                self.sources.insert(unit, SourceFact::Answered(answer));
            }
            (Ask::Standing(unit), Answer::Source(answer @ SourceAnswer::Whole(_))) => {
                self.sources.insert(unit, SourceFact::Answered(answer));
            }
            (Ask::Standing(unit), Answer::Source(_)) => *self.not_standing.entry(unit).or_default() |= at,
            (ask, answer) => debug_assert!(false, "{ask:?} answered with {answer:?}"),
        }
    }

    fn record_failure(&mut self, ask: Ask, endpoint: EndpointIndex, obstacle: Arc<Obstacle>) {
        let at = EndpointSet::only(endpoint);
        let forbidden = obstacle.is_denied();
        self.failures.insert((ask, endpoint), obstacle);
        let known = match ask {
            Ask::Endpoint(target) => &mut self.endpoints[target.index()],
            Ask::Tags(repository) => {
                let facts = &mut self.repositories[repository.index()];
                facts.names.retain_mut(|(_, known)| {
                    *known -= at;
                    !known.is_empty()
                });
                &mut facts.list
            }
            Ask::Image(unit) => {
                let facts = &mut self.units[unit.index()];
                facts.blobs -= at;
                &mut facts.image
            }
            Ask::Evidence(unit) => {
                let facts = &mut self.units[unit.index()];
                facts.forget_evidence(at);
                &mut facts.evidence
            }
            Ask::Tag(tag) => {
                let facts = &mut self.tags[tag.index()];
                facts.values.forget(at);
                facts.listed -= at;
                &mut facts.known
            }
            Ask::Standing(unit) => {
                *self.not_standing.entry(unit).or_default() |= at;
                return;
            }
            Ask::Source(unit) => {
                self.sources.insert(unit, SourceFact::Failed);
                return;
            }
        };
        known.forget(at);
        if forbidden {
            known.forbidden |= at;
        } else {
            known.unknown |= at;
        }
    }

    /// A list says of each tag whether it is there, not which digest it has.
    fn record_list(
        &mut self,
        graph: &Graph,
        repository: RepositoryId,
        endpoint: EndpointIndex,
        tags: Option<Vec<Tag>>,
        looked: u32,
    ) {
        let at = EndpointSet::only(endpoint);
        let facts = &mut self.repositories[repository.index()];
        facts.list.forget(at);
        facts.names.retain_mut(|(_, known)| {
            *known -= at;
            !known.is_empty()
        });
        facts.looked.set(endpoint, looked);
        match tags {
            None => facts.list.absent |= at,
            Some(tags) => {
                facts.list.present |= at;
                let names: BTreeSet<Tag> = tags.into_iter().collect();
                // Mirrors mostly hold the same tags: one list serves them all.
                match facts.names.iter_mut().find(|(known, _)| **known == names) {
                    Some((_, known)) => *known |= at,
                    None => facts.names.push((Arc::new(names), at)),
                }
            }
        }
        for tag in graph.tags_of(repository) {
            self.infer_tag_from_list(graph, *tag, endpoint, looked);
        }
    }

    pub(super) fn infer_new_tag(&mut self, graph: &Graph, tag: TagId) {
        let repository = graph.tag(tag).0.index();
        for endpoint in self.repositories[repository].list.answered().iter() {
            let looked = self.repositories[repository].looked.get(endpoint);
            self.infer_tag_from_list(graph, tag, endpoint, looked);
        }
    }

    fn infer_tag_from_list(&mut self, graph: &Graph, id: TagId, endpoint: EndpointIndex, looked: u32) {
        let (repository, name) = graph.tag(id);
        // Gitea lists tags in lower case, and answers for them in any: such a list leaves the question open.
        let is_in = |names: &BTreeSet<Tag>| {
            names.contains(name) || name.in_lower_case().is_some_and(|lower| names.contains(&lower))
        };
        let listed = self.repositories[repository.index()]
            .names
            .iter()
            .any(|(names, at)| at.contains(endpoint) && is_in(names));
        let at = EndpointSet::only(endpoint);
        if listed {
            let tag = &mut self.tags[id.index()];
            if !tag.known.present.contains(endpoint) {
                tag.known.forget(at);
                tag.listed |= at;
            }
            return;
        }
        let tag = &mut self.tags[id.index()];
        if tag.known.present.contains(endpoint) {
            // The registry itself said that it stands. Of two answers that contradict each other, the one that permits a
            // write does not win: an older one is asked for again, one of the same look stands.
            if tag.looked.get(endpoint) < looked {
                tag.known.forget(at);
                tag.values.forget(at);
            }
        } else {
            self.set_tag(id, endpoint, None, looked);
        }
    }

    fn set_tag(&mut self, id: TagId, endpoint: EndpointIndex, value: Option<Digest>, looked: u32) {
        let at = EndpointSet::only(endpoint);
        let tag = &mut self.tags[id.index()];
        tag.known.forget(at);
        tag.values.forget(at);
        tag.listed -= at;
        match value {
            Some(digest) => {
                tag.values.set(endpoint, digest);
                tag.known.present |= at;
            }
            None => tag.known.absent |= at,
        }
        tag.looked.set(endpoint, looked);
    }

    /// A copy ends with every manifest and blob verified.
    pub fn copied(
        &mut self,
        graph: &Graph,
        unit: UnitId,
        endpoint: EndpointIndex,
        carried: &[Carried],
        now: Timestamp,
    ) {
        let at = EndpointSet::only(endpoint);
        let repository = graph.unit(unit).repository;
        let repository_was_missing = self.repositories[repository.index()].list.absent.contains(endpoint);
        let looked = self.ticks(now);
        let facts = &mut self.units[unit.index()];
        facts.image.forget(at);
        facts.image.present |= at;
        facts.blobs |= at;
        facts.image_looked.set(endpoint, looked);
        facts.missing_carried.retain_mut(|(item, missing)| {
            if carried.contains(item) {
                *missing -= at;
            }
            !missing.is_empty()
        });
        // What travelled with the image may be a signature of ours. In a repository that was not there, what this image
        // has is what was written with it just now; anywhere else the question stays.
        if !carried.is_empty() {
            facts.forget_evidence(at);
        } else if repository_was_missing && !facts.evidence.asked().contains(endpoint) {
            facts.evidence.present |= at;
            facts.evidence_looked.set(endpoint, looked);
        }
    }

    /// An artifact was attached and is now among the image's.
    pub fn attached(&mut self, unit: UnitId, endpoint: EndpointIndex, evidence: Evidence) {
        // That others were looked for there is not said by this: only its own write is known.
        self.units[unit.index()].add_found(evidence, EndpointSet::only(endpoint));
    }

    pub fn tagged(&mut self, tag: TagId, endpoint: EndpointIndex, digest: Digest, now: Timestamp) {
        self.set_tag(tag, endpoint, Some(digest), self.ticks(now));
    }

    /// A tag was moved away from a manifest. Some registries drop it then: every image of the repository that is the
    /// manifest, lists it or is listed by it counts as not asked there. Gives these.
    pub fn displaced(
        &mut self,
        graph: &Graph,
        repository: RepositoryId,
        manifest: Digest,
        endpoint: EndpointIndex,
    ) -> Vec<UnitId> {
        let mut displaced = Vec::new();
        let at = EndpointSet::only(endpoint);
        let below = graph.unit_at(repository, manifest);
        let below = below.and_then(|unit| self.units[unit.index()].below.clone());
        for unit in graph.units_of(repository) {
            let digest = graph.unit(unit).digest;
            let facts = &mut self.units[unit.index()];
            let lists = |below: &Option<Arc<[Digest]>>, manifest: &Digest| {
                below.as_ref().is_some_and(|below| below.contains(manifest))
            };
            if digest == manifest || lists(&facts.below, &manifest) || lists(&below, &digest) {
                facts.image.forget(at);
                facts.blobs -= at;
                facts.forget_evidence(at);
                displaced.push(unit);
            }
        }
        displaced
    }

    /// A write's outcome is uncertain, or what was expected was not found: the place and its repository's list count
    /// as not asked.
    pub fn doubt(&mut self, graph: &Graph, ask: Ask, endpoint: EndpointIndex) {
        let at = EndpointSet::only(endpoint);
        let repository = match ask {
            Ask::Image(unit) => {
                let facts = &mut self.units[unit.index()];
                facts.image.forget(at);
                facts.blobs -= at;
                graph.unit(unit).repository
            }
            Ask::Evidence(unit) => {
                self.units[unit.index()].forget_evidence(at);
                graph.unit(unit).repository
            }
            Ask::Tag(tag) => {
                let facts = &mut self.tags[tag.index()];
                facts.known.forget(at);
                facts.values.forget(at);
                facts.listed -= at;
                graph.tag(tag).0
            }
            Ask::Source(unit) | Ask::Standing(unit) => {
                self.sources.remove(&unit);
                return;
            }
            Ask::Endpoint(target) => {
                self.endpoints[target.index()].forget(at);
                return;
            }
            Ask::Tags(repository) => repository,
        };
        let facts = &mut self.repositories[repository.index()];
        facts.list.forget(at);
        facts.names.retain_mut(|(_, known)| {
            *known -= at;
            !known.is_empty()
        });
    }
}

impl super::UnitFacts {
    fn add_found(&mut self, evidence: Evidence, at: EndpointSet) {
        match self.found.iter_mut().find(|(known, _)| *known == evidence) {
            Some((_, known)) => *known |= at,
            None => self.found.push((evidence, at)),
        }
    }
}
