//! The graph, grown from one commit to the next.

use std::collections::HashMap;
use std::sync::Arc;

use super::chain::{Chains, Cycle};
use super::unit::{ClaimAt, Unit};
use crate::model::{
    Claim, Desired, Digest, Endpoint, EndpointIndex, NodeId, ProjectClaims, Repository, RepositoryId, RepositoryPath,
    Slot, Source, Tag, TagId, Target, TargetId, UnitId,
};

/// What shall stand where. Numbers stay as they are from commit to commit for as long as the targets do, so that facts
/// can be kept beside them.
#[derive(Debug, Default)]
pub struct Graph {
    targets: Arc<[Arc<Target>]>,
    repositories: Vec<(TargetId, RepositoryPath)>,
    repository_ids: HashMap<(TargetId, RepositoryPath), RepositoryId>,
    units: Vec<Unit>,
    unit_ids: HashMap<(RepositoryId, Digest), UnitId>,
    tags: Vec<(RepositoryId, Tag)>,
    tag_ids: HashMap<(RepositoryId, Tag), TagId>,
    repository_tags: Vec<Vec<TagId>>,
    repository_units: Vec<Vec<UnitId>>,
    projects: HashMap<Arc<str>, Arc<ProjectClaims>>,
    chains: Chains,
}

/// What an update changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// The targets changed: all numbers are new, and facts kept beside the old ones are worthless.
    Everything,
    /// These units were added, changed or are no longer wanted.
    Units(Vec<UnitId>),
}

impl Graph {
    #[must_use]
    pub fn new(desired: &Desired) -> Self {
        let mut graph = Self::default();
        graph.update(desired);
        graph
    }

    /// Follows `desired`. Projects that are the same allocation as before are not looked at.
    pub fn update(&mut self, desired: &Desired) -> Touched {
        let targets_changed = !Arc::ptr_eq(&self.targets, &desired.targets) && self.targets != desired.targets;
        if targets_changed {
            *self = Self {
                targets: Arc::clone(&desired.targets),
                ..Self::default()
            };
        }
        let mut touched = Vec::new();
        let mut gone: Vec<_> = self
            .projects
            .values()
            .filter(|old| {
                desired
                    .projects
                    .binary_search_by(|project| project.name.cmp(&old.name))
                    .is_err()
            })
            .cloned()
            .collect();
        gone.sort_by(|a, b| a.name.cmp(&b.name));
        for project in gone {
            self.projects.remove(&project.name);
            self.withdraw(&project.claims, &mut touched);
        }
        for project in &desired.projects {
            let before = self.projects.get(&project.name);
            if before.is_some_and(|before| Arc::ptr_eq(before, project)) {
                continue;
            }
            let before = self.projects.insert(Arc::clone(&project.name), Arc::clone(project));
            self.follow(before.as_deref(), project, &mut touched);
        }
        if targets_changed {
            return Touched::Everything;
        }
        touched.sort_unstable();
        touched.dedup();
        // Whoever reads from a touched unit is touched too.
        let downstream: Vec<_> = touched.iter().flat_map(|unit| self.chains.downstream(*unit)).collect();
        touched.extend(downstream);
        touched.sort_unstable();
        touched.dedup();
        Touched::Units(touched)
    }

    fn withdraw(&mut self, claims: &[Claim], touched: &mut Vec<UnitId>) {
        for claim in claims {
            let id = self.intern_unit(claim);
            self.unclaim(id, touched);
        }
    }

    fn follow(&mut self, before: Option<&ProjectClaims>, project: &Arc<ProjectClaims>, touched: &mut Vec<UnitId>) {
        let mut unclaimed: HashMap<UnitId, &Claim> = before
            .map(|before| {
                before
                    .claims
                    .iter()
                    .map(|claim| (self.intern_unit(claim), claim))
                    .collect()
            })
            .unwrap_or_default();
        for (index, claim) in project.claims.iter().enumerate() {
            let id = self.intern_unit(claim);
            let at = ClaimAt {
                project: Arc::clone(project),
                index,
            };
            // Moving a line in a file changes where a claim stands, not what it asks for.
            let same = unclaimed.remove(&id).is_some_and(|old| {
                Claim {
                    origin: claim.origin.clone(),
                    ..old.clone()
                } == *claim
            });
            self.units[id.index()].claim = Some(at);
            if same {
                continue;
            }
            touched.push(id);
            let repository = self.units[id.index()].repository;
            let tags = claim.tags.iter().map(|tag| self.intern_tag(repository, tag)).collect();
            self.units[id.index()].tags = tags;
            self.chains.remove(id);
            if let Source::Target { target, repository } = &claim.source {
                let upstream = self.intern(TargetId(*target as u32), repository, claim.digest);
                self.chains.insert(upstream, id);
            }
        }
        for (id, _) in unclaimed {
            // Another project may have taken it over in this very commit.
            let claim = self.units[id.index()].claim.as_ref();
            if claim.is_some_and(|at| before.is_some_and(|before| std::ptr::eq(&*at.project, before))) {
                self.unclaim(id, touched);
            }
        }
    }

    fn unclaim(&mut self, id: UnitId, touched: &mut Vec<UnitId>) {
        let unit = &mut self.units[id.index()];
        unit.claim = None;
        unit.tags.clear();
        self.chains.remove(id);
        touched.push(id);
    }

    fn intern_unit(&mut self, claim: &Claim) -> UnitId {
        self.intern(TargetId(claim.target as u32), &claim.repository, claim.digest)
    }

    fn intern(&mut self, target: TargetId, path: &RepositoryPath, digest: Digest) -> UnitId {
        let repository = match self.repository_ids.get(&(target, path.clone())) {
            Some(id) => *id,
            None => {
                let id = RepositoryId(self.repositories.len() as u32);
                self.repositories.push((target, path.clone()));
                self.repository_tags.push(Vec::new());
                self.repository_units.push(Vec::new());
                self.repository_ids.insert((target, path.clone()), id);
                id
            }
        };
        *self.unit_ids.entry((repository, digest)).or_insert_with(|| {
            self.units.push(Unit {
                repository,
                digest,
                tags: Vec::new(),
                claim: None,
            });
            let id = UnitId(self.units.len() as u32 - 1);
            self.repository_units[repository.index()].push(id);
            id
        })
    }

    fn intern_tag(&mut self, repository: RepositoryId, tag: &Tag) -> TagId {
        if let Some(id) = self.tag_ids.get(&(repository, tag.clone())) {
            return *id;
        }
        let id = TagId(self.tags.len() as u32);
        self.tags.push((repository, tag.clone()));
        self.repository_tags[repository.index()].push(id);
        self.tag_ids.insert((repository, tag.clone()), id);
        id
    }

    /// Every unit ever seen, wanted or not; its number is its position.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The numbers of units that some claim wants.
    pub fn wanted(&self) -> impl Iterator<Item = UnitId> {
        self.units
            .iter()
            .enumerate()
            .filter(|(_, unit)| unit.claim.is_some())
            .map(|(index, _)| UnitId(index as u32))
    }

    #[must_use]
    pub fn unit(&self, id: UnitId) -> &Unit {
        &self.units[id.index()]
    }

    #[must_use]
    pub fn find(&self, target: &str, path: &RepositoryPath, digest: Digest) -> Option<UnitId> {
        let target = self.targets.iter().position(|candidate| &*candidate.name == target)?;
        let repository = self.repository_ids.get(&(TargetId(target as u32), path.clone()))?;
        self.unit_ids.get(&(*repository, digest)).copied()
    }

    #[must_use]
    pub fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    #[must_use]
    pub fn target(&self, id: TargetId) -> &Arc<Target> {
        &self.targets[id.index()]
    }

    /// Every endpoint of every target.
    pub fn endpoints(&self) -> impl Iterator<Item = (TargetId, EndpointIndex, &Endpoint)> {
        self.targets.iter().enumerate().flat_map(|(index, target)| {
            let all = target.all_endpoints().iter();
            all.map(move |endpoint| (TargetId(index as u32), endpoint, target.endpoint(endpoint)))
        })
    }

    #[must_use]
    pub fn target_of(&self, unit: UnitId) -> TargetId {
        self.repositories[self.units[unit.index()].repository.index()].0
    }

    /// The target and path of a repository.
    #[must_use]
    pub fn repository(&self, id: RepositoryId) -> (TargetId, &RepositoryPath) {
        let (target, path) = &self.repositories[id.index()];
        (*target, path)
    }

    #[must_use]
    pub fn repository_count(&self) -> usize {
        self.repositories.len()
    }

    /// Where a repository of a target stands at one of its endpoints.
    #[must_use]
    pub fn place(&self, id: RepositoryId, endpoint: EndpointIndex) -> Repository {
        let (target, path) = &self.repositories[id.index()];
        self.target(*target).endpoint(endpoint).prefix.join(path)
    }

    /// The name under which consumers know a repository.
    #[must_use]
    pub fn public_reference(&self, id: RepositoryId) -> Repository {
        let (target, path) = &self.repositories[id.index()];
        self.target(*target).public_name.join(path)
    }

    #[must_use]
    pub fn tag(&self, id: TagId) -> (RepositoryId, &Tag) {
        let (repository, tag) = &self.tags[id.index()];
        (*repository, tag)
    }

    #[must_use]
    pub fn tag_count(&self) -> usize {
        self.tags.len()
    }

    /// The tags that claims ever named in a repository.
    #[must_use]
    pub fn tags_of(&self, id: RepositoryId) -> &[TagId] {
        &self.repository_tags[id.index()]
    }

    /// The units, wanted or not, of a repository.
    #[must_use]
    pub fn units_of(&self, id: RepositoryId) -> &[UnitId] {
        &self.repository_units[id.index()]
    }

    /// The unit of a digest in a repository.
    #[must_use]
    pub fn unit_at(&self, repository: RepositoryId, digest: Digest) -> Option<UnitId> {
        self.unit_ids.get(&(repository, digest)).copied()
    }

    #[must_use]
    pub fn find_tag(&self, repository: RepositoryId, tag: &Tag) -> Option<TagId> {
        self.tag_ids.get(&(repository, tag.clone())).copied()
    }

    #[must_use]
    pub fn find_tag_named(&self, target: &str, path: &RepositoryPath, tag: &Tag) -> Option<TagId> {
        let target = self.targets.iter().position(|candidate| &*candidate.name == target)?;
        let repository = self.repository_ids.get(&(TargetId(target as u32), path.clone()))?;
        self.find_tag(*repository, tag)
    }

    /// The unit that a chained unit reads from.
    #[must_use]
    pub fn upstream(&self, unit: UnitId) -> Option<UnitId> {
        self.chains.upstream(unit)
    }

    /// Every cycle among chained claims.
    #[must_use]
    pub fn cycles(&self) -> Vec<Cycle> {
        self.chains.cycles()
    }

    /// A node's name, the same in every process: `production/dns/coredns@sha256:…#signature/bundle`, and
    /// `production/dns/coredns:v1` for a tag.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> String {
        let unit = self.unit(node.unit);
        let (target, path) = self.repository(unit.repository);
        let target = &self.target(target).name;
        match node.slot {
            Slot::Tag(tag) => format!("{target}/{path}:{}", self.tag(tag).1),
            Slot::Gate => format!("{target}/{path}@{}#gate", unit.digest),
            Slot::Image => format!("{target}/{path}@{}", unit.digest),
            Slot::Signature(form) => format!("{target}/{path}@{}#signature/{form}", unit.digest),
            Slot::Attestation(kind) => format!("{target}/{path}@{}#attestation/{kind}", unit.digest),
        }
    }
}
