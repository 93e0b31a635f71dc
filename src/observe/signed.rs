//! Signatures and attestations beside an image, and which of them verify.

use std::sync::Arc;

use super::failure::LookError;
use super::place::Place;
use super::verdict::Verdict;
use super::verification::{Expected, Verifier};
use crate::facts::{Evidence, Twice};
use crate::model::{Admission, ArtifactKind, AttestationKind, Descriptor, Digest, Manifest, SignatureForm, media_type};
use crate::registry::{FetchedManifest, ManifestAt, Referrers, Registry};
use crate::trust::referrer::{SIGNATURES, bundle_layer};
use crate::trust::{signature_manifest, signature_referrer};

/// What was found, in the order of the artifacts' digests.
#[derive(Debug, Default)]
pub(super) struct Signed {
    pub found: Vec<Evidence>,
    /// What was signed more than once.
    pub twice: Vec<Twice>,
    /// Of the promotion record with the lowest digest.
    pub admission: Option<Arc<Admission>>,
}

/// Verifies what refers to the image and, where `signatures` is given, what stands under its `.sig` tag. What does not
/// verify, or is listed and not there, does not count; what cannot be read is an error.
pub(super) async fn find<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    expected: &Expected,
    referrers: &Referrers,
    signatures: Option<&FetchedManifest>,
) -> Result<Signed, LookError> {
    let mut signed = Signed::default();
    let mut said: Vec<(Digest, Evidence)> = Vec::new();
    for artifact in candidates(place, expected, referrers)? {
        let (form, verdict) = referrer(place, verifier, expected, &artifact).await?;
        match verdict {
            Verdict::Nothing => {}
            Verdict::Signature { by, says } => {
                let kind = ArtifactKind::Signature(form);
                let evidence = Evidence {
                    kind,
                    digest: artifact,
                    by,
                };
                signed.found.push(evidence);
                said.push((says, evidence));
            }
            Verdict::Promotion { by, admission } => {
                let kind = ArtifactKind::Attestation(AttestationKind::Promotion);
                let evidence = Evidence {
                    kind,
                    digest: artifact,
                    by,
                };
                signed.found.push(evidence);
                // Records of one claim are about the same, whenever they were made.
                said.push((expected.image, evidence));
                signed.admission.get_or_insert(admission);
            }
        }
    }
    if let Some(signatures) = signatures {
        let layers = place.parse(signatures)?.layers;
        for layer in layers {
            let Some(entry) = signature_manifest::entry_id(&layer) else {
                continue;
            };
            if let Verdict::Signature { by, says } = payload(place, verifier, expected, &entry, layer).await? {
                let kind = ArtifactKind::Signature(SignatureForm::Tag);
                let evidence = Evidence {
                    kind,
                    digest: entry,
                    by,
                };
                signed.found.push(evidence);
                said.push((says, evidence));
            }
        }
    }
    signed.found.sort_unstable();
    signed.found.dedup();
    signed.twice = twice(said);
    for Twice { kept, others } in &signed.twice {
        tracing::warn!(
            repository = %place.repository, digest = %expected.image, kind = %kept.kind, by = %kept.by,
            kept = %kept.digest, others = others.len(), "one key signed this more than once: the lowest digest stays"
        );
    }
    Ok(signed)
}

/// What one key says more than once: of each the lowest digest, which every process chooses alike, and the others.
fn twice(mut said: Vec<(Digest, Evidence)>) -> Vec<Twice> {
    let group = |(says, evidence): &(Digest, Evidence)| (evidence.kind, evidence.by, *says);
    said.sort_unstable_by_key(|one| (group(one), one.1.digest));
    said.dedup();
    let groups = said.chunk_by(|one, other| group(one) == group(other));
    groups
        .filter_map(|group| match group {
            [(_, kept), others @ ..] if !others.is_empty() => Some(Twice {
                kept: *kept,
                others: others.iter().map(|(_, other)| other.digest).collect(),
            }),
            _ => None,
        })
        .collect()
}

/// The referrers that can be bundles, or hold signatures of the older form. The list's artifact type alone proves nothing:
/// go-containerregistry gives the config's media type for it.
fn candidates<R: Registry>(
    place: &Place<'_, R>,
    expected: &Expected,
    referrers: &Referrers,
) -> Result<Vec<Digest>, LookError> {
    let mut candidates: Vec<Digest> = referrers
        .descriptors
        .iter()
        .filter(|listed| may_count(listed))
        .map(|listed| listed.digest)
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    let limit = place.limits.descriptors;
    if candidates.len() > limit {
        return Err(LookError::TooMany {
            repository: place.repository.clone(),
            subject: expected.image,
            count: candidates.len(),
            limit,
        });
    }
    Ok(candidates)
}

fn may_count(listed: &Descriptor) -> bool {
    match listed.artifact_type.as_deref() {
        None | Some("" | media_type::OCI_EMPTY | SIGNATURES) => true,
        Some(artifact_type) => artifact_type.starts_with("application/vnd.dev.sigstore.bundle"),
    }
}

/// The verdict on a referrer, where its manifest and its bundle are there. Its empty configuration is not looked for, at no
/// depth: clients do not read it, and a bundle that counted as gone without it would be made a second time.
async fn referrer<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    expected: &Expected,
    artifact: &Digest,
) -> Result<(SignatureForm, Verdict), LookError> {
    let nothing = Ok((SignatureForm::Bundle, Verdict::Nothing));
    let known = verifier.known(expected, artifact);
    if known == Some(Verdict::Nothing) {
        return nothing;
    }
    let Some(fetched) = place.fetch(ManifestAt::Digest(artifact)).await? else {
        return nothing;
    };
    let layer = match held(place, expected, &fetched) {
        Ok(Held::Bundle(layer)) => layer,
        Ok(Held::Signatures(layers)) => {
            let verdict = first_signature(place, verifier, expected, layers).await?;
            return Ok((SignatureForm::Referrer, verdict));
        }
        Err(why) => {
            verifier.dismiss(expected, artifact, &why);
            return nothing;
        }
    };
    let verdict = match known {
        Some(known) if place.has_blob(&layer).await? => known,
        Some(_) => Verdict::Nothing,
        None => match place.small_blob(&layer).await? {
            Some(bytes) => verifier.bundle(expected, artifact, &bytes),
            None => Verdict::Nothing,
        },
    };
    Ok((SignatureForm::Bundle, verdict))
}

/// What a referrer holds that may count.
enum Held {
    Bundle(Box<Descriptor>),
    Signatures(Vec<Descriptor>),
}

/// The first of a manifest's layers that is a signature of ours.
async fn first_signature<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    expected: &Expected,
    layers: Vec<Descriptor>,
) -> Result<Verdict, LookError> {
    for layer in layers {
        let Some(entry) = signature_manifest::entry_id(&layer) else {
            continue;
        };
        let verdict = payload(place, verifier, expected, &entry, layer).await?;
        if verdict != Verdict::Nothing {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Nothing)
}

/// The layer with the bundle or those with signatures, or why this can be neither. Said of the bytes alone, for it is
/// remembered by their digest: what one registry says of them must not count against them at another.
fn held<R>(place: &Place<'_, R>, expected: &Expected, fetched: &FetchedManifest) -> Result<Held, String> {
    let manifest = Manifest::parse(&fetched.bytes, None, place.limits).map_err(|error| error.to_string())?;
    match &manifest.subject {
        Some(subject) if subject.digest == expected.image => {}
        Some(subject) => return Err(format!("its subject is {}", subject.digest)),
        None => return Err("it has no subject".to_owned()),
    }
    let signatures = signature_referrer::layers(&manifest);
    if !signatures.is_empty() {
        return Ok(Held::Signatures(signatures.to_vec()));
    }
    let layer = bundle_layer(&manifest).ok_or("it holds no bundle")?.clone();
    if !is_small(place, &layer) {
        return Err(format!(
            "its bundle has {} bytes: at most {} are read",
            layer.size, place.limits.small_blob
        ));
    }
    Ok(Held::Bundle(Box::new(layer)))
}

/// The verdict on one layer of a manifest of signatures, where its payload is there.
async fn payload<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    expected: &Expected,
    entry: &Digest,
    layer: Descriptor,
) -> Result<Verdict, LookError> {
    match verifier.known(expected, entry) {
        Some(Verdict::Nothing) => return Ok(Verdict::Nothing),
        Some(known) => {
            let there = place.has_blob(&layer).await?;
            return Ok(if there { known } else { Verdict::Nothing });
        }
        None => {}
    }
    if !is_small(place, &layer) {
        // Not remembered: the size is no part of the entry's identity, and may be a lie of this manifest only.
        return Ok(Verdict::Nothing);
    }
    Ok(match place.small_blob(&layer).await? {
        Some(bytes) => verifier.entry(expected, entry, layer, bytes),
        None => Verdict::Nothing,
    })
}

fn is_small<R>(place: &Place<'_, R>, blob: &Descriptor) -> bool {
    blob.size <= place.limits.small_blob as u64
}
