//! Signatures and attestations beside an image.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::facts::{Evidence, EvidenceKind, RecordFound};
use super::{Looking, why};
use crate::model::{Descriptor, Digest, Manifest, Repository, Tag, media_type};
use crate::registry::{ErrorKind, ManifestAt, Registry, RegistryError};
use crate::trust::statement::predicate_type;
use crate::trust::{
    PromotionRecord, SignatureEntry, VerifiedStatement, bundle, referrer, signature_manifest, signature_referrer,
};

/// What was found beside an image.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub evidence: Vec<Evidence>,
    pub records: Vec<RecordFound>,
    /// Every manifest that refers to it.
    pub referrers: Vec<Digest>,
}

/// Why nothing certain can be said of what stands there.
pub(super) type NotSeen = std::sync::Arc<str>;

/// Reads what refers to the image, and what stands under its `.sig` tag. Whatever cannot be read makes all of it not
/// seen: a signature that is there must not count as absent.
pub(super) async fn look<R: Registry>(
    looking: &Looking<'_, R>,
    place: &Repository,
    image: &Digest,
) -> Result<Beside, NotSeen> {
    let mut beside = Beside::default();
    let referrers = looking
        .registry
        .referrers(place, image)
        .await
        .map_err(|error| why(&error))?;
    for listed in &referrers.descriptors {
        beside.referrers.push(listed.digest);
        if may_count(listed) {
            bundle_of(looking, place, image, &listed.digest, &mut beside).await?;
        }
    }
    let tag = Tag::cosign(image, "sig");
    let at = ManifestAt::Tag(&tag);
    if let Some(fetched) = served(looking.registry.manifest(place, at).await)? {
        let layers = signature_manifest::parse(&fetched.bytes, looking.limits)
            .map_err(|error| why(&format_args!("{place}:{tag}: {error}")))?;
        for layer in layers {
            let Some(entry) = signature_manifest::entry_id(&layer) else {
                continue;
            };
            let Some(payload) = small_blob(looking, place, &layer).await? else {
                continue;
            };
            let found = SignatureEntry::found(layer, payload);
            let verified = found.and_then(|found| found.verify(looking.keys.all(), image));
            beside.evidence.push(Evidence {
                kind: EvidenceKind::Tag,
                artifact: entry,
                by: verified.ok().map(|verified| verified.key),
            });
        }
    }
    beside.evidence.sort_unstable();
    beside.evidence.dedup();
    beside.referrers.sort_unstable();
    beside.referrers.dedup();
    beside.records.sort_by_key(|record| record.artifact);
    Ok(beside)
}

async fn bundle_of<R: Registry>(
    looking: &Looking<'_, R>,
    place: &Repository,
    image: &Digest,
    artifact: &Digest,
    beside: &mut Beside,
) -> Result<(), NotSeen> {
    let at = ManifestAt::Digest(artifact);
    let fetched = served(looking.registry.manifest(place, at).await)?;
    // Listed and not there: it is no signature that anybody could verify.
    let Some(fetched) = fetched else { return Ok(()) };
    let Ok(manifest) = Manifest::parse(&fetched.bytes, None, looking.limits) else {
        return Ok(());
    };
    let speaks_of = manifest.subject.as_ref().map(|subject| subject.digest);
    if speaks_of != Some(*image) {
        return Ok(());
    }
    for layer in signature_referrer::layers(&manifest) {
        let Some(payload) = small_blob(looking, place, layer).await? else {
            continue;
        };
        let found = SignatureEntry::found(layer.clone(), payload);
        let verified = found.and_then(|found| found.verify(looking.keys.all(), image));
        beside.evidence.push(Evidence {
            kind: EvidenceKind::Referrer,
            artifact: *artifact,
            by: verified.ok().map(|verified| verified.key),
        });
    }
    let Some(layer) = referrer::bundle_layer(&manifest) else {
        return Ok(());
    };
    let Some(bytes) = small_blob(looking, place, layer).await? else {
        return Ok(());
    };
    let (kind, by) = match bundle::verify(&bytes, looking.keys.all(), image) {
        Err(_) => {
            // Somebody else's: what it says cannot be known, only what it says to be.
            let says = manifest.annotations.get(referrer::PREDICATE_TYPE).map(String::as_str);
            let kind = match says {
                Some(predicate_type::SIGNATURE) => EvidenceKind::Bundle,
                _ => EvidenceKind::Other,
            };
            (kind, None)
        }
        Ok(statement) => {
            let kind = match statement.predicate_type.as_str() {
                predicate_type::SIGNATURE => EvidenceKind::Bundle,
                predicate_type::PROMOTION => match record(&statement, artifact, image) {
                    Some(record) => {
                        beside.records.push(record);
                        EvidenceKind::Record
                    }
                    None => EvidenceKind::Other,
                },
                _ => EvidenceKind::Other,
            };
            (kind, Some(statement.key))
        }
    };
    beside.evidence.push(Evidence {
        kind,
        artifact: *artifact,
        by,
    });
    Ok(())
}

/// The record of whatever reference it is for.
fn record(statement: &VerifiedStatement, artifact: &Digest, image: &Digest) -> Option<RecordFound> {
    let named = statement.predicate.get("publicReference")?.as_str()?.parse().ok()?;
    let record = PromotionRecord::from_statement(statement, &named, image).ok()?;
    Some(RecordFound {
        artifact: *artifact,
        by: statement.key,
        public_reference: record.public_reference,
        commit: record.git.commit,
        path: record.git.path,
        author: record.git.author,
        source: record.source,
        policy: record.gate.policy,
        mode: record.gate.mode,
        verdict: record.gate.verdict,
        admitted_at: record.admitted_at,
        recorded_at: record.recorded_at,
    })
}

/// `None` where it is not there, or too large to be what is looked for.
async fn small_blob<R: Registry>(
    looking: &Looking<'_, R>,
    place: &Repository,
    blob: &Descriptor,
) -> Result<Option<Bytes>, NotSeen> {
    if blob.size > looking.limits.small_blob as u64 {
        return Ok(None);
    }
    let found = served(looking.registry.blob(place, blob).await)?;
    let Some(mut pieces) = found else { return Ok(None) };
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let Some(piece) = served(piece.map(Some))? else {
            return Ok(None);
        };
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes.freeze()))
}

/// Bytes that are not those of their digest are no signature that anybody could verify: as if nothing stood there.
fn served<T>(answer: Result<Option<T>, RegistryError>) -> Result<Option<T>, NotSeen> {
    match answer {
        Err(error) if error.kind == ErrorKind::DigestMismatch => Ok(None),
        answer => answer.map_err(|error| why(&error)),
    }
}

/// A list's artifact type is a hint: go-containerregistry's registry gives the configuration's media type for it.
fn may_count(listed: &Descriptor) -> bool {
    match listed.artifact_type.as_deref() {
        None | Some("" | media_type::OCI_EMPTY | referrer::SIGNATURES) => true,
        Some(artifact_type) => artifact_type.starts_with("application/vnd.dev.sigstore.bundle"),
    }
}
