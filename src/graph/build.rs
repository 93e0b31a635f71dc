//! The graph, grown from one commit to the next.

use std::collections::HashMap;
use std::sync::Arc;

use super::chain::{Chains, Cycle};
use super::touched::{Renumbered, Touched};
use super::unit::{ClaimAt, Unit};
use crate::model::{
    Claim, Desired, Digest, Endpoint, EndpointIndex, NodeId, ProjectClaims, Repository, RepositoryId, RepositoryPath,
    Signer, Slot, Source, Tag, TagId, Target, TargetId, UnitId,
};

/// What shall stand where. Numbers stay as they are for as long as the process lives, so that facts can be kept beside
/// them: a target by its name, an image by its target, repository and digest.
#[derive(Debug, Default)]
pub struct Graph {
    /// Every target ever seen, as it was last; one that a commit removed keeps its number.
    targets: Vec<Arc<Target>>,
    target_ids: HashMap<Arc<str>, TargetId>,
    /// The targets of the present commit, in its order.
    present: Arc<[TargetId]>,
    /// What `present` was read from.
    desired: Arc<[Arc<Target>]>,
    repositories: Vec<(TargetId, RepositoryPath)>,
    repository_ids: HashMap<(TargetId, RepositoryPath), RepositoryId>,
    units: Vec<Unit>,
    unit_ids: HashMap<(RepositoryId, Digest), UnitId>,
    tags: Vec<(RepositoryId, Tag)>,
    tag_ids: HashMap<(RepositoryId, Tag), TagId>,
    repository_tags: Vec<Vec<TagId>>,
    /// The units that want each tag: one, unless a commit is wrong.
    tag_units: Vec<Vec<UnitId>>,
    repository_units: Vec<Vec<UnitId>>,
    projects: HashMap<Arc<str>, Numbered>,
    chains: Chains,
}

/// A project, and the targets that its claims mean by their indexes.
#[derive(Debug, Clone)]
struct Numbered {
    claims: Arc<ProjectClaims>,
    targets: Arc<[TargetId]>,
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
        let mut touched = Touched::default();
        let changed = self.follow_targets(desired, &mut touched);
        let mut gone: Vec<_> = self
            .projects
            .values()
            .filter(|old| {
                desired
                    .projects
                    .binary_search_by(|project| project.name.cmp(&old.claims.name))
                    .is_err()
            })
            .cloned()
            .collect();
        gone.sort_by(|a, b| a.claims.name.cmp(&b.claims.name));
        for project in gone {
            self.projects.remove(&project.claims.name);
            self.withdraw(&project, &mut touched);
        }
        for project in &desired.projects {
            let before = self.projects.get(&project.name);
            if before.is_some_and(|before| Arc::ptr_eq(&before.claims, project)) {
                continue;
            }
            let project = Numbered {
                claims: Arc::clone(project),
                targets: Arc::clone(&self.present),
            };
            let before = self.projects.insert(Arc::clone(&project.claims.name), project.clone());
            self.follow(before.as_ref(), &project, &mut touched);
        }
        for (id, other_name) in changed {
            let of_target: Vec<UnitId> = self.wanted().filter(|unit| self.target_of(*unit) == id).collect();
            if other_name {
                touched.evidence.extend(&of_target);
                touched.sources.extend(&of_target);
            }
            touched.units.extend(of_target);
        }
        touched.sort();
        // Whoever reads from a touched unit is touched too.
        let downstream: Vec<_> = touched
            .units
            .iter()
            .flat_map(|unit| self.chains.downstream(*unit))
            .collect();
        touched.units.extend(downstream);
        touched.sort();
        touched
    }

    /// Takes the targets over. Gives those that are not what they were, and whether their public name is another.
    fn follow_targets(&mut self, desired: &Desired, touched: &mut Touched) -> Vec<(TargetId, bool)> {
        if Arc::ptr_eq(&self.desired, &desired.targets) {
            return Vec::new();
        }
        self.desired = Arc::clone(&desired.targets);
        let mut changed = Vec::new();
        let mut present = Vec::with_capacity(desired.targets.len());
        for target in desired.targets.iter() {
            let Some(id) = self.target_ids.get(&target.name).copied() else {
                let id = TargetId(self.targets.len() as u32);
                self.targets.push(Arc::clone(target));
                self.target_ids.insert(Arc::clone(&target.name), id);
                present.push(id);
                continue;
            };
            present.push(id);
            let before = std::mem::replace(&mut self.targets[id.index()], Arc::clone(target));
            if before == *target {
                continue;
            }
            changed.push((id, before.public_name != target.public_name));
            let now_at = |endpoint: &Endpoint| target.endpoints.iter().position(|now| now.prefix == endpoint.prefix);
            let to: Vec<_> = before
                .endpoints
                .iter()
                .map(|endpoint| now_at(endpoint).map(|at| EndpointIndex(at as u8)))
                .collect();
            let stays = |(index, at): (usize, &Option<EndpointIndex>)| *at == Some(EndpointIndex(index as u8));
            if !to.iter().enumerate().all(stays) {
                touched.endpoints.push(Renumbered { target: id, to });
            }
        }
        self.present = present.into();
        changed
    }

    fn withdraw(&mut self, project: &Numbered, touched: &mut Touched) {
        for claim in &project.claims.claims {
            let id = self.intern_unit(claim, &project.targets);
            self.unclaim(id, touched);
        }
    }

    fn follow(&mut self, before: Option<&Numbered>, project: &Numbered, touched: &mut Touched) {
        let mut unclaimed: HashMap<UnitId, &Claim> = HashMap::new();
        for claim in before.iter().flat_map(|before| &before.claims.claims) {
            let before = before.map_or(&project.targets, |before| &before.targets);
            unclaimed.insert(self.intern_unit(claim, before), claim);
        }
        for (index, claim) in project.claims.claims.iter().enumerate() {
            let id = self.intern_unit(claim, &project.targets);
            let upstream = match &claim.source {
                Source::Registry(_) => None,
                Source::Target { target, repository } => {
                    Some(self.intern(project.targets[*target], repository, claim.digest))
                }
            };
            let old = unclaimed.remove(&id);
            let at = ClaimAt {
                project: Arc::clone(&project.claims),
                index,
            };
            self.units[id.index()].claim = Some(at);
            let same_signer = old.is_some_and(|old| signs_alike(old.signer.as_deref(), claim.signer.as_deref()));
            let same_source = old.is_some_and(|old| match (&old.source, &claim.source) {
                (Source::Registry(old), Source::Registry(new)) => old == new,
                (Source::Target { .. }, Source::Target { .. }) => self.chains.upstream(id) == upstream,
                _ => false,
            });
            if !same_signer {
                touched.evidence.push(id);
            }
            if !same_signer || !same_source {
                touched.sources.push(id);
            }
            if same_source && old.is_some_and(|old| asks_the_same(old, claim)) {
                continue;
            }
            touched.units.push(id);
            let repository = self.units[id.index()].repository;
            let tags = claim.tags.iter().map(|tag| self.intern_tag(repository, tag)).collect();
            self.set_tags(id, tags);
            self.chains.remove(id);
            if let Some(upstream) = upstream {
                self.chains.insert(upstream, id);
            }
        }
        for (id, _) in unclaimed {
            // Another project may have taken it over in this very commit.
            let claim = self.units[id.index()].claim.as_ref();
            if claim.is_some_and(|at| before.is_some_and(|before| Arc::ptr_eq(&at.project, &before.claims))) {
                self.unclaim(id, touched);
            }
        }
    }

    fn unclaim(&mut self, id: UnitId, touched: &mut Touched) {
        self.units[id.index()].claim = None;
        self.set_tags(id, Vec::new());
        self.chains.remove(id);
        touched.units.push(id);
    }

    fn set_tags(&mut self, id: UnitId, tags: Vec<TagId>) {
        for tag in &tags {
            self.tag_units[tag.index()].push(id);
        }
        for tag in std::mem::replace(&mut self.units[id.index()].tags, tags) {
            let units = &mut self.tag_units[tag.index()];
            if let Some(position) = units.iter().position(|unit| *unit == id) {
                units.remove(position);
            }
        }
    }

    fn intern_unit(&mut self, claim: &Claim, targets: &[TargetId]) -> UnitId {
        self.intern(targets[claim.target], &claim.repository, claim.digest)
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
            let id = UnitId(self.units.len() as u32);
            self.units.push(Unit {
                repository,
                digest,
                tags: Vec::new(),
                claim: None,
            });
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
        self.tag_units.push(Vec::new());
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
        let target = self.find_target(target)?;
        let repository = self.repository_ids.get(&(target, path.clone()))?;
        self.unit_ids.get(&(*repository, digest)).copied()
    }

    /// The targets of the present commit.
    pub fn targets(&self) -> impl Iterator<Item = (TargetId, &Arc<Target>)> {
        self.present.iter().map(|id| (*id, &self.targets[id.index()]))
    }

    /// How many targets were ever seen: numbers are below it.
    #[must_use]
    pub fn target_count(&self) -> usize {
        self.targets.len()
    }

    /// Whether the present commit has a target.
    #[must_use]
    pub fn is_present(&self, id: TargetId) -> bool {
        self.present.contains(&id)
    }

    /// As it is, or was when it was last named.
    #[must_use]
    pub fn target(&self, id: TargetId) -> &Arc<Target> {
        &self.targets[id.index()]
    }

    #[must_use]
    pub fn find_target(&self, name: &str) -> Option<TargetId> {
        self.target_ids.get(name).copied()
    }

    /// Every endpoint of every target.
    pub fn endpoints(&self) -> impl Iterator<Item = (TargetId, EndpointIndex, &Endpoint)> {
        self.targets().flat_map(|(id, target)| {
            let all = target.all_endpoints().iter();
            all.map(move |endpoint| (id, endpoint, target.endpoint(endpoint)))
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

    /// The units that want a tag set on them: one, or none.
    #[must_use]
    pub fn units_under(&self, id: TagId) -> &[UnitId] {
        &self.tag_units[id.index()]
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
        let target = self.find_target(target)?;
        let repository = self.repository_ids.get(&(target, path.clone()))?;
        self.find_tag(*repository, tag)
    }

    /// The units of a repository that some claim wants.
    pub fn units_of(&self, id: RepositoryId) -> impl Iterator<Item = UnitId> {
        let units = self.repository_units[id.index()].iter().copied();
        units.filter(|unit| self.unit(*unit).claim.is_some())
    }

    /// All units that read from this one, directly or through others.
    #[must_use]
    pub fn downstream(&self, unit: UnitId) -> Vec<UnitId> {
        self.chains.downstream(unit)
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

/// Whether the same signatures count. A signer's name is in none of them.
fn signs_alike(old: Option<&Signer>, new: Option<&Signer>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => (&old.key, &old.previous, &old.formats) == (&new.key, &new.previous, &new.formats),
        (None, None) => true,
        _ => false,
    }
}

/// Whether two claims on one image, read from the same source, ask for the same. Where a claim stands in Git does not
/// matter, nor by which index it names its target.
fn asks_the_same(old: &Claim, new: &Claim) -> bool {
    let Claim {
        target: _,
        source: _,
        origin: _,
        repository,
        digest,
        tags,
        endpoints,
        signer,
        attest,
        policy,
    } = old;
    (repository, digest, tags, endpoints) == (&new.repository, &new.digest, &new.tags, &new.endpoints)
        && (signer, attest, policy) == (&new.signer, &new.attest, &new.policy)
}
