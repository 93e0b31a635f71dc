//! Answers by place.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::answer::{Evidence, SourceAnswer, Twice};
use super::question::Ask;
use crate::graph::Graph;
use crate::model::{
    Admission, Carried, Digest, EndpointIndex, EndpointSet, Obstacle, RepositoryId, Tag, TagId, TargetId, UnitId,
};

/// What is known of one place at each endpoint. An endpoint in none of the sets was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    pub present: EndpointSet,
    pub absent: EndpointSet,
    pub forbidden: EndpointSet,
    pub unknown: EndpointSet,
}

impl Known {
    #[must_use]
    pub fn asked(self) -> EndpointSet {
        self.present | self.absent | self.forbidden | self.unknown
    }

    /// Present or absent.
    #[must_use]
    pub fn answered(self) -> EndpointSet {
        self.present | self.absent
    }

    pub(super) fn forget(&mut self, endpoints: EndpointSet) {
        self.present -= endpoints;
        self.absent -= endpoints;
        self.forbidden -= endpoints;
        self.unknown -= endpoints;
    }
}

/// Which digest stands where: few values, many endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values(pub(super) Vec<(Digest, EndpointSet)>);

impl Values {
    pub fn iter(&self) -> impl Iterator<Item = (Digest, EndpointSet)> {
        self.0.iter().copied()
    }

    #[must_use]
    pub fn at(&self, digest: Digest) -> EndpointSet {
        self.0
            .iter()
            .find(|(value, _)| *value == digest)
            .map_or(EndpointSet::EMPTY, |(_, at)| *at)
    }

    #[must_use]
    pub fn get(&self, endpoint: EndpointIndex) -> Option<Digest> {
        self.0
            .iter()
            .find(|(_, at)| at.contains(endpoint))
            .map(|(value, _)| *value)
    }

    pub fn set(&mut self, endpoint: EndpointIndex, digest: Digest) {
        self.forget(EndpointSet::only(endpoint));
        match self.0.iter_mut().find(|(value, _)| *value == digest) {
            Some((_, at)) => at.insert(endpoint),
            None => self.0.push((digest, EndpointSet::only(endpoint))),
        }
    }

    pub fn forget(&mut self, endpoints: EndpointSet) {
        self.0.retain_mut(|(_, at)| {
            *at -= endpoints;
            !at.is_empty()
        });
    }
}

/// What is known of one image at its target.
#[derive(Debug, Clone, Default)]
pub struct UnitFacts {
    pub image: Known,
    /// Where `image.present` reaches down to the blobs.
    pub blobs: EndpointSet,
    /// Where signatures, attestations and carried artifacts were looked for: `present` means looked.
    pub evidence: Known,
    /// What was found, under `evidence.present`.
    pub found: Vec<(Evidence, EndpointSet)>,
    /// What stands more than once, likewise.
    pub twice: Vec<(Twice, EndpointSet)>,
    /// What travels with the image and where it is not, under `evidence.present`.
    pub missing_carried: Vec<(Carried, EndpointSet)>,
    /// The manifests below the image's own, once somebody has read them: they are the same everywhere and for ever.
    pub below: Option<Arc<[Digest]>>,
    /// Read from a promotion record that verifies.
    pub admission: Option<Arc<Admission>>,
    pub(super) image_looked: Ages,
    pub(super) evidence_looked: Ages,
}

impl UnitFacts {
    /// Where an artifact stands.
    #[must_use]
    pub fn found_at(&self, evidence: Evidence) -> EndpointSet {
        self.found
            .iter()
            .find(|(found, _)| *found == evidence)
            .map_or(EndpointSet::EMPTY, |(_, at)| *at)
    }

    /// Where something that travels with the image is known not to be.
    #[must_use]
    pub fn missing_at(&self, carried: &Carried) -> EndpointSet {
        self.missing_carried
            .iter()
            .find(|(missing, _)| missing == carried)
            .map_or(EndpointSet::EMPTY, |(_, at)| *at)
    }
}

/// What is known of one tag.
#[derive(Debug, Clone, Default)]
pub struct TagFacts {
    pub values: Values,
    /// `present` is every endpoint in `values`.
    pub known: Known,
    /// In the repository's list; its digest was not asked for.
    pub listed: EndpointSet,
    pub(super) looked: Ages,
}

#[derive(Debug, Clone, Default)]
pub struct RepositoryFacts {
    /// `present`: a list was read; `absent`: the registry does not know the repository.
    pub list: Known,
    pub(super) names: Vec<(Arc<BTreeSet<Tag>>, EndpointSet)>,
    pub(super) looked: Ages,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFact {
    Answered(SourceAnswer),
    /// [`Facts::failure`] tells why.
    Failed,
}

/// When each endpoint was looked at, in [`Facts::ticks`]; empty until the first answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Ages(Vec<u32>);

impl Ages {
    pub fn set(&mut self, endpoint: EndpointIndex, ticks: u32) {
        let index = usize::from(endpoint.0);
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        self.0[index] = ticks;
    }

    pub fn get(&self, endpoint: EndpointIndex) -> u32 {
        self.0.get(usize::from(endpoint.0)).copied().unwrap_or(0)
    }

    /// The endpoints last looked at before `limit`.
    pub fn before(&self, limit: u32, among: EndpointSet) -> EndpointSet {
        among.iter().filter(|endpoint| self.get(*endpoint) < limit).collect()
    }
}

/// All answers. Grows with the graph whose numbers it uses.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// When anything was first known: ages are counted from here.
    pub(super) epoch: Option<Timestamp>,
    pub(super) endpoints: Vec<Known>,
    pub(super) units: Vec<UnitFacts>,
    pub(super) tags: Vec<TagFacts>,
    pub(super) repositories: Vec<RepositoryFacts>,
    pub(super) sources: HashMap<UnitId, SourceFact>,
    /// Where the claim's own place was asked in the source's stead, and did not offer the image whole.
    pub(super) not_standing: HashMap<UnitId, EndpointSet>,
    /// Why a place is unknown or forbidden; there are few of these.
    pub(super) failures: HashMap<(Ask, EndpointIndex), Arc<Obstacle>>,
}

impl Facts {
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let mut facts = Self::default();
        facts.grow(graph);
        facts
    }

    /// Makes room for what an update added to the graph.
    pub fn grow(&mut self, graph: &Graph) {
        self.endpoints.resize_with(graph.target_count(), Known::default);
        self.repositories
            .resize_with(graph.repository_count(), RepositoryFacts::default);
        self.units.resize_with(graph.units().len(), UnitFacts::default);
        let known_tags = self.tags.len();
        self.tags.resize_with(graph.tag_count(), TagFacts::default);
        for index in known_tags..graph.tag_count() {
            self.infer_new_tag(graph, TagId(index as u32));
        }
    }

    #[must_use]
    pub fn endpoints(&self, target: TargetId) -> Known {
        self.endpoints[target.index()]
    }

    #[must_use]
    pub fn unit(&self, id: UnitId) -> &UnitFacts {
        &self.units[id.index()]
    }

    #[must_use]
    pub fn tag(&self, id: TagId) -> &TagFacts {
        &self.tags[id.index()]
    }

    /// What is known of a repository's list of tags.
    #[must_use]
    pub fn list(&self, id: RepositoryId) -> Known {
        self.repositories[id.index()].list
    }

    #[must_use]
    pub fn source(&self, id: UnitId) -> Option<&SourceFact> {
        self.sources.get(&id)
    }

    /// Where the claim's own place was asked in the source's stead, in vain.
    #[must_use]
    pub fn not_standing(&self, id: UnitId) -> EndpointSet {
        self.not_standing.get(&id).copied().unwrap_or_default()
    }

    /// Why `ask` has no answer at an endpoint.
    #[must_use]
    pub fn failure(&self, ask: Ask, endpoint: EndpointIndex) -> Option<&Arc<Obstacle>> {
        self.failures.get(&(ask, endpoint))
    }

    /// Where an image counts as present: at these endpoints only where it was looked at down to the blobs.
    #[must_use]
    pub fn present(&self, id: UnitId, to_blobs: EndpointSet) -> EndpointSet {
        let unit = self.unit(id);
        unit.image.present - (to_blobs - unit.blobs)
    }
}
