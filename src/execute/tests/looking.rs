//! Answers read straight from the store, not through the code under test.

use std::sync::Arc;

use crate::facts::{Answer, Ask, Depth, Evidence, EvidenceAnswer, ImageAnswer, SourceAnswer, SourceImage};
use crate::graph::Graph;
use crate::model::{
    ArtifactKind, AttestationKind, Carried, CarriedKind, Descriptor, Digest, EndpointIndex, Limits, Repository,
    SignatureForm, Tag, UnitId,
};
use crate::sim::registry::{Contents, Store};
use crate::trust::{PromotionRecord, PublicKey, SignatureEntry, bundle, referrer, signature_manifest};

pub struct Looker<'a> {
    pub store: &'a Store,
    pub graph: &'a Graph,
    pub source: &'a Repository,
    /// Of one image only.
    pub carried: (Digest, &'a Arc<[Carried]>),
    pub key: &'a PublicKey,
}

impl Looker<'_> {
    pub fn answer(&self, ask: Ask, depth: Depth, endpoint: EndpointIndex) -> Answer {
        let place = |repository| self.graph.place(repository, endpoint);
        match ask {
            Ask::Endpoint(_) => Answer::Endpoint,
            Ask::Tags(repository) => {
                let held = self.store.contents(&place(repository));
                Answer::Tags(held.map(|held| held.tags.keys().cloned().collect()))
            }
            Ask::Image(unit) => {
                let unit = self.graph.unit(unit);
                Answer::Image(if self.stands(&place(unit.repository), &unit.digest, depth) {
                    ImageAnswer::Whole
                } else {
                    ImageAnswer::Lacking
                })
            }
            Ask::Evidence(unit) => Answer::Evidence(self.evidence(unit, endpoint)),
            Ask::Tag(tag) => {
                let (repository, tag) = self.graph.tag(tag);
                let held = self.store.contents(&place(repository)).unwrap_or_default();
                Answer::Tag(
                    held.tags
                        .get(tag)
                        .filter(|digest| held.manifests.contains_key(digest))
                        .copied(),
                )
            }
            Ask::Standing(_) => Answer::Source(SourceAnswer::Absent),
            Ask::Source(unit) => Answer::Source(if self.is_whole(self.source, &self.graph.unit(unit).digest) {
                SourceAnswer::Whole(Arc::new(SourceImage {
                    below: Arc::default(),
                    needs: Arc::default(),
                    repository: self.source.clone(),
                    carried: self.carried(unit),
                    found_standing: false,
                    found: self.found(self.source, unit),
                }))
            } else {
                SourceAnswer::Absent
            }),
        }
    }

    fn carried(&self, unit: UnitId) -> Arc<[Carried]> {
        if self.graph.unit(unit).digest == self.carried.0 {
            Arc::clone(self.carried.1)
        } else {
            Arc::default()
        }
    }

    fn is_whole(&self, place: &Repository, digest: &Digest) -> bool {
        self.stands(place, digest, Depth::Blobs)
    }

    fn stands(&self, place: &Repository, digest: &Digest, depth: Depth) -> bool {
        let held = self.store.contents(place).unwrap_or_default();
        let Some(manifest) = held.manifests.get(digest) else {
            return false;
        };
        Digest::of(&manifest.bytes) == *digest
            && (depth == Depth::Manifests
                || manifest.blobs().all(|blob| {
                    self.store
                        .blob(place, &blob)
                        .is_some_and(|bytes| Digest::of(&bytes) == blob)
                }))
            && manifest.children().all(|child| self.stands(place, &child, depth))
    }

    fn evidence(&self, unit: UnitId, endpoint: EndpointIndex) -> EvidenceAnswer {
        let place = self.graph.place(self.graph.unit(unit).repository, endpoint);
        EvidenceAnswer {
            found: self.found(&place, unit),
            twice: Vec::new(),
            missing_carried: self
                .carried(unit)
                .iter()
                .filter(|item| !self.is_carried(&place, item))
                .cloned()
                .collect(),
            admission: None,
        }
    }

    /// What is there and verifies.
    pub fn found(&self, place: &Repository, unit: UnitId) -> Vec<Evidence> {
        let image = self.graph.unit(unit).digest;
        let public_reference = self.graph.public_reference(self.graph.unit(unit).repository);
        let held = self.store.contents(place).unwrap_or_default();
        let keys = [self.key.clone()];
        let mut found = Vec::new();
        for digest in self.listed(place, &held, &image) {
            let Some(manifest) = held.manifests.get(&digest).and_then(|manifest| manifest.parsed.clone()) else {
                continue;
            };
            let bytes = referrer::bundle_layer(&manifest).and_then(|layer| self.store.blob(place, &layer.digest));
            let Some(bytes) = bytes.filter(|_| self.is_whole(place, &digest)) else {
                continue;
            };
            let by = self.key.identity();
            if bundle::verify_signature(&bytes, &keys, &image).is_ok() {
                let kind = ArtifactKind::Signature(SignatureForm::Bundle);
                found.push(Evidence { kind, digest, by });
            }
            if PromotionRecord::verify(&bytes, &keys, &public_reference, &image).is_ok() {
                let kind = ArtifactKind::Attestation(AttestationKind::Promotion);
                found.push(Evidence { kind, digest, by });
            }
        }
        for layer in layers(&held, &Tag::cosign(&image, "sig")) {
            let payload = self.store.blob(place, &layer.digest);
            let entry = payload.and_then(|payload| SignatureEntry::found(layer, payload).ok());
            if let Some(entry) = entry.filter(|entry| entry.verify(&keys, &image).is_ok()) {
                found.push(Evidence {
                    kind: ArtifactKind::Signature(SignatureForm::Tag),
                    digest: entry.id(),
                    by: self.key.identity(),
                });
            }
        }
        found
    }

    /// What clients find for a subject.
    fn listed(&self, place: &Repository, held: &Contents, subject: &Digest) -> Vec<Digest> {
        let mut listed: Vec<Digest> = Vec::new();
        if self.store.behaviour(&place.registry).referrers_api {
            let refers = held
                .manifests
                .iter()
                .filter(|(_, manifest)| manifest.subject() == Some(*subject));
            listed.extend(refers.map(|(digest, _)| *digest));
        }
        let index = held
            .tags
            .get(&Tag::referrers_of(subject))
            .and_then(|digest| held.manifests.get(digest));
        if let Some(index) = index {
            listed.extend(
                index
                    .children()
                    .filter(|child| !listed.contains(child))
                    .collect::<Vec<_>>(),
            );
        }
        listed
    }

    fn is_carried(&self, place: &Repository, item: &Carried) -> bool {
        let held = self.store.contents(place).unwrap_or_default();
        match &item.kind {
            CarriedKind::Referrer { subject } => {
                self.listed(place, &held, subject).contains(&item.digest) && self.is_whole(place, &item.digest)
            }
            CarriedKind::CosignTag { subject, suffix } => {
                let tag = Tag::cosign(subject, suffix);
                if !matches!(suffix.as_str(), "sig" | "att") {
                    return held.tags.contains_key(&tag);
                }
                let standing = layers(&held, &tag);
                let Some(ours) = held
                    .manifests
                    .get(&item.digest)
                    .and_then(|manifest| manifest.parsed.clone())
                else {
                    return false;
                };
                let id = |layer: &Descriptor| (layer.digest, signature_manifest::entry_id(layer));
                ours.layers
                    .iter()
                    .all(|layer| standing.iter().any(|other| id(other) == id(layer)))
            }
        }
    }
}

pub fn layers(held: &Contents, tag: &Tag) -> Vec<Descriptor> {
    let manifest = held.tags.get(tag).and_then(|digest| held.manifests.get(digest));
    let parsed = manifest.and_then(|manifest| {
        crate::model::Manifest::parse(&manifest.bytes, Some(&manifest.media_type), &Limits::default()).ok()
    });
    parsed.map(|manifest| manifest.layers).unwrap_or_default()
}
