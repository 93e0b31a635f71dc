//! What must never happen, checked at each write as it reaches a registry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use super::asked_for_time::AskedForTime;
use super::merges::Merges;
use super::registry::Store;
use super::standing::Standing;
use super::verdicts::Verdicts;
use crate::facts::{Ask, Depth};
use crate::graph::Graph;
use crate::model::{
    Digest, EndpointIndex, EndpointSet, Manifest, Obstacle, Repository, SignaturePlacement, Signer, SignerIdentity,
    Slot, Tag, UnitId,
};
use crate::plan::{Action, Status, Step};
use crate::reconcile::Watch;
use crate::reconcile::engine::Engine;
use crate::trust::PublicKey;

/// What the plans of this pass allow at one repository.
#[derive(Debug, Default)]
struct Allowed {
    /// And what they replace.
    tags: BTreeMap<(Tag, Digest), BTreeSet<Option<Digest>>>,
    /// Images that are copied, or beside which something is attached.
    subjects: BTreeSet<Digest>,
    copies: bool,
    /// What is removed, what stays for it, and the image both are about.
    removes: BTreeMap<Digest, (Digest, Digest)>,
}

/// What a tag needs at one repository before it may stand on a digest.
#[derive(Debug, Clone)]
struct Needs {
    bundle: bool,
    tag_form: bool,
    referrer_form: bool,
    attestation: bool,
    /// Where the artifacts must stand; the primary, where they stand only there.
    artifacts_at: Repository,
    public_reference: Repository,
    /// Whose artifacts count.
    signer: Option<Arc<Signer>>,
}

#[derive(Debug, Default)]
struct Book {
    allowed: BTreeMap<Repository, Allowed>,
    needs: BTreeMap<(Repository, Digest), Needs>,
    merges: Merges,
    violations: Vec<String>,
    asked: BTreeMap<String, usize>,
    /// Tags of which GET said last that they are not there.
    denied: BTreeSet<(Repository, Tag)>,
    /// Blobs that a registry said it has, and did not.
    lied: BTreeSet<(Repository, Digest)>,
    asked_for_time: AskedForTime,
}

/// Looks on as a pass plans, and judges each write.
#[derive(Debug)]
pub struct Rules {
    verdicts: Verdicts,
    book: Mutex<Book>,
}

impl Rules {
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self {
            verdicts: Verdicts::new(keys),
            book: Mutex::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// Forgets what earlier passes planned.
    pub fn begin_pass(&self) {
        let mut book = self.book();
        book.allowed.clear();
        book.asked.clear();
    }

    /// A process ended: what it had heard is gone with it.
    pub fn restarted(&self) {
        self.book().asked_for_time.forget();
    }

    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.book().violations.clone()
    }

    pub fn violated(&self, what: String) {
        self.book().violations.push(what);
    }

    /// A registry has said what stands under a tag.
    pub fn manifest_read(&self, repository: &Repository, tag: &Tag, found: Option<&Bytes>) {
        let mut book = self.book();
        book.merges.read(repository, tag, found);
        let place = (repository.clone(), tag.clone());
        if found.is_some() {
            book.denied.remove(&place);
        } else {
            book.denied.insert(place);
        }
    }

    /// A registry has said that it has a blob.
    pub fn blob_seen(&self, store: &Store, repository: &Repository, blob: &Digest) {
        if !store.has_blob(repository, blob) {
            self.book().lied.insert((repository.clone(), *blob));
        }
    }

    /// A manifest is about to be written.
    pub fn check_manifest(&self, store: &Store, repository: &Repository, tag: Option<&Tag>, bytes: &[u8]) {
        let digest = Digest::of(bytes);
        let mut book = self.book();
        let mut wrong = Vec::new();
        match book.allowed.get(repository) {
            None => wrong.push("no step of the plan writes to this repository".to_owned()),
            Some(allowed) => match tag {
                Some(tag) if tag.is_metadata() => {
                    let subject = metadata_subject(tag);
                    let planned = allowed.copies || subject.is_some_and(|subject| allowed.subjects.contains(&subject));
                    if !planned {
                        wrong.push(format!("no step of the plan writes {tag}"));
                    }
                }
                Some(tag) => match allowed.tags.get(&(tag.clone(), digest)) {
                    None => wrong.push(format!("no step of the plan sets {tag} to {digest}")),
                    Some(replaced) => {
                        let creates = replaced.iter().all(Option::is_none);
                        if creates && !book.denied.contains(&(repository.clone(), tag.clone())) {
                            wrong.push(format!("{tag} is made, and GET did not say that it is not there"));
                        }
                    }
                },
                None => {
                    let subject = || {
                        let manifest = Manifest::parse(bytes, None, &crate::model::Limits::default()).ok()?;
                        Some(manifest.subject?.digest)
                    };
                    let planned =
                        allowed.copies || subject().is_some_and(|subject| allowed.subjects.contains(&subject));
                    if !planned {
                        wrong.push(format!("no step of the plan writes {digest}"));
                    }
                }
            },
        }
        if let Some(tag) = tag {
            let removed = book
                .allowed
                .get(repository)
                .map(|allowed| allowed.removes.keys().copied().collect());
            let lost = book
                .merges
                .lost(store, repository, tag, bytes, &removed.unwrap_or_default());
            wrong.extend(lost.into_iter().map(|entry| format!("{tag} loses {entry}")));
        }
        if let Some(tag) = tag.filter(|tag| !tag.is_metadata()) {
            if let Some(needs) = book.needs.get(&(repository.clone(), digest)) {
                let mut lacks = lacking(store, &digest, needs, &self.verdicts);
                // Where a registry drops what loses its tag, somebody else may move one after the last look.
                let drops = store.behaviour(&repository.registry).drops_untagged;
                if store.has_lost_to_others(&needs.artifacts_at) {
                    lacks.clear();
                }
                let missing = if drops {
                    BTreeSet::new()
                } else {
                    Standing::missing(store, repository, &digest)
                };
                if missing
                    .iter()
                    .any(|missing| !book.lied.contains(&(repository.clone(), *missing)))
                {
                    lacks.insert(0, "all of its image");
                }
                if !lacks.is_empty() {
                    wrong.push(format!("{tag} is set to {digest} before {}", lacks.join(" and ")));
                }
            } else {
                wrong.push(format!("{tag} is set to {digest}, which nothing claims"));
            }
        }
        book.violations
            .extend(wrong.into_iter().map(|wrong| format!("{repository}: {wrong}")));
    }

    /// A manifest is about to be deleted.
    pub fn check_deletion(&self, store: &Store, repository: &Repository, digest: &Digest) {
        let mut book = self.book();
        let allowed = book
            .allowed
            .get(repository)
            .and_then(|allowed| allowed.removes.get(digest))
            .copied();
        let wrong = match (
            allowed,
            book.needs
                .get(&(repository.clone(), allowed.map_or(*digest, |(_, image)| image))),
        ) {
            (Some((keeps, image)), Some(needs)) => {
                let standing = Standing::read(store, repository, &image, &needs.public_reference, &self.verdicts);
                let stays = standing
                    .bundles
                    .iter()
                    .chain(&standing.attestations)
                    .any(|(stands, _)| *stands == keeps);
                (!stays).then(|| format!("{digest} is deleted, and {keeps}, which says the same, does not stand"))
            }
            _ => Some(format!("no step of the plan deletes {digest}")),
        };
        book.violations
            .extend(wrong.map(|wrong| format!("{repository}: {wrong}")));
    }

    /// A blob is about to be written.
    pub fn check_blob(&self, repository: &Repository) {
        let mut book = self.book();
        if !book.allowed.contains_key(repository) {
            book.violations.push(format!(
                "{repository}: a blob is written, which no step of the plan does"
            ));
        }
    }
}

fn lacking(store: &Store, digest: &Digest, needs: &Needs, verdicts: &Verdicts) -> Vec<&'static str> {
    let artifacts = Standing::read(store, &needs.artifacts_at, digest, &needs.public_reference, verdicts);
    let mut lacks = Vec::new();
    let signer = needs.signer.as_deref();
    let has = |found: &BTreeSet<(Digest, SignerIdentity)>| {
        let counts = |by| signer.is_some_and(|signer| signer.counts(by));
        found.iter().any(|(_, by)| counts(*by))
    };
    if needs.bundle && !has(&artifacts.bundles) {
        lacks.push("its bundle");
    }
    if needs.tag_form && !has(&artifacts.entries) {
        lacks.push("its .sig");
    }
    if needs.referrer_form && !has(&artifacts.signature_referrers) {
        lacks.push("its signature referrer");
    }
    if needs.attestation && !has(&artifacts.attestations) {
        lacks.push("its promotion record");
    }
    lacks
}

fn metadata_subject(tag: &Tag) -> Option<Digest> {
    let hex = tag.as_str().strip_prefix("sha256-")?.get(..64)?;
    format!("sha256:{hex}").parse().ok()
}

impl Watch for Rules {
    /// Only what was touched is planned again, and that must come to the same as planning everything.
    fn turned(&self, engine: &Engine, now: Timestamp) {
        let (kept, anew) = (engine.planned(), engine.planned_anew(now));
        if kept != anew {
            self.violated(format!("the sum of plans is {kept:?}, and planned anew it is {anew:?}"));
        }
        let (kept, counted) = (engine.status(), Status::of(&anew));
        if kept != counted {
            self.violated(format!(
                "the status that is kept is {kept:?}, and of the plan it is {counted:?}"
            ));
        }
    }

    fn met(&self, obstacle: &Obstacle, now: Timestamp) {
        self.book().asked_for_time.heard(obstacle, now);
    }

    fn beginning(&self, graph: &Graph, steps: &[Step], now: Timestamp) {
        let mut book = self.book();
        let early = steps
            .iter()
            .filter_map(|step| book.asked_for_time.beginning(graph, step, now));
        let early: Vec<String> = early.collect();
        book.violations.extend(early);
        for step in steps {
            let unit = graph.unit(step.node.unit);
            needs(graph, step.node.unit, &mut book.needs);
            for endpoint in step.at.iter() {
                let place = graph.place(unit.repository, endpoint);
                let allowed = book.allowed.entry(place).or_default();
                match &step.action {
                    Action::Copy { .. } => {
                        allowed.copies = true;
                        allowed.subjects.insert(unit.digest);
                    }
                    Action::Attach { .. } => {
                        allowed.subjects.insert(unit.digest);
                    }
                    Action::Tag {
                        tag,
                        digest,
                        replaces,
                        keeps,
                    } => {
                        allowed.subjects.extend(replaces.filter(|_| *keeps));
                        let tag = graph.tag(*tag).1.clone();
                        allowed.tags.entry((tag, *digest)).or_default().insert(*replaces);
                    }
                    Action::Sign => {}
                    Action::Remove { artifacts, keeps } => {
                        allowed.subjects.insert(unit.digest);
                        let removes = artifacts.iter().map(|artifact| (*artifact, (*keeps, unit.digest)));
                        allowed.removes.extend(removes);
                    }
                }
            }
        }
    }

    /// Answering a question takes it out of the next plan; one that comes back again and again is a loop.
    fn asking(&self, graph: &Graph, ask: Ask, depth: Depth, endpoint: EndpointIndex, now: Timestamp) {
        let mut book = self.book();
        let early = book.asked_for_time.asking(graph, ask, endpoint, now);
        book.violations.extend(early);
        let times = book.asked.entry(format!("{ask:?} {endpoint:?} {depth:?}")).or_default();
        *times += 1;
        let times = *times;
        if times == 20 {
            book.violations
                .push(format!("{ask:?} at {endpoint:?} was asked {times} times in one pass"));
        }
    }
}

fn needs(graph: &Graph, id: UnitId, needs: &mut BTreeMap<(Repository, Digest), Needs>) {
    let unit = graph.unit(id);
    let Some(claim) = unit.claim() else { return };
    let target = graph.target(graph.target_of(id));
    let has = |wanted: Slot| unit.slots().any(|slot| slot == wanted);
    for endpoint in claim.endpoints.iter() {
        let here = graph.place(unit.repository, endpoint);
        let primary = EndpointSet::PRIMARY.iter().next().unwrap_or(endpoint);
        let artifacts_at = match target.signatures {
            SignaturePlacement::Replicate => here.clone(),
            SignaturePlacement::PrimaryOnly => graph.place(unit.repository, primary),
        };
        needs.insert(
            (here, unit.digest),
            Needs {
                bundle: has(Slot::Signature(crate::model::SignatureForm::Bundle)),
                tag_form: has(Slot::Signature(crate::model::SignatureForm::Tag)),
                referrer_form: has(Slot::Signature(crate::model::SignatureForm::Referrer)),
                attestation: has(Slot::Attestation(crate::model::AttestationKind::Promotion)),
                artifacts_at,
                public_reference: graph.public_reference(unit.repository),
                signer: claim.signer.clone(),
            },
        );
    }
}
