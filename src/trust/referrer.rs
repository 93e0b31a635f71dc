//! The manifest by which a bundle refers to an image.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::model::{Descriptor, Digest, Manifest, ManifestKind, media_type};

/// What stands for "no config" (OCI image specification, "Guidance for an Empty Descriptor").
const EMPTY: &[u8] = b"{}";

/// The artifact type of a manifest of signatures that refers to its image (cosign 2 with OCI 1.1, containers/image).
pub const SIGNATURES: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// The annotation that tells what a referrer attests, without its being fetched. A hint only.
pub const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
const CONTENT: &str = "dev.sigstore.bundle.content";
const CREATED: &str = "org.opencontainers.image.created";

/// A referrer, ready to be pushed: the blobs first, then the manifest by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrerArtifact {
    pub manifest: Bytes,
    /// Names the manifest, with artifact type and annotations: as it is, the entry of a fallback index.
    pub descriptor: Descriptor,
    pub blobs: Vec<(Descriptor, Bytes)>,
}

/// The manifest that attaches a bundle to `subject`, as `cosign sign` and `cosign attest` write it
/// (cosign 3, `pkg/oci/remote/write.go`). The same parts give the same bytes.
#[must_use]
pub fn attach_bundle(
    subject: &Descriptor,
    bundle: Bytes,
    predicate_type: &str,
    created: Timestamp,
) -> ReferrerArtifact {
    /// In the order that cosign writes.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Referrer<'a> {
        schema_version: u32,
        media_type: &'static str,
        config: &'a Descriptor,
        layers: [&'a Descriptor; 1],
        annotations: &'a BTreeMap<String, String>,
        subject: Descriptor,
        artifact_type: &'static str,
    }

    let config = Descriptor::of(media_type::OCI_EMPTY, EMPTY);
    let layer = Descriptor::of(media_type::SIGSTORE_BUNDLE, &bundle);
    let created = created.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ");
    let annotations = BTreeMap::from([
        (CONTENT.to_owned(), "dsse-envelope".to_owned()),
        (PREDICATE_TYPE.to_owned(), predicate_type.to_owned()),
        (CREATED.to_owned(), created.to_string()),
    ]);
    let manifest = Bytes::from(
        serde_json::to_vec(&Referrer {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST,
            config: &config,
            layers: [&layer],
            annotations: &annotations,
            subject: Descriptor::new(&subject.media_type, subject.digest, subject.size),
            artifact_type: media_type::SIGSTORE_BUNDLE,
        })
        .expect("plain structs of texts always serialise"),
    );
    ReferrerArtifact {
        descriptor: Descriptor {
            artifact_type: Some(media_type::SIGSTORE_BUNDLE.to_owned()),
            annotations,
            ..Descriptor::of(media_type::OCI_MANIFEST, &manifest)
        },
        manifest,
        blobs: vec![(config, Bytes::from_static(EMPTY)), (layer, bundle)],
    }
}

/// The layer that holds the bundle, where the manifest is a bundle's referrer: like cosign, only one with a single
/// layer. Whether the bundle counts, only verifying tells.
#[must_use]
pub fn bundle_layer(manifest: &Manifest) -> Option<&Descriptor> {
    match manifest.layers.as_slice() {
        [layer] if manifest.kind == ManifestKind::Image && layer.media_type == media_type::SIGSTORE_BUNDLE => {
            Some(layer)
        }
        _ => None,
    }
}

/// The entry of a manifest in its subject's fallback index (OCI distribution specification, "Pushing Manifests with
/// Subject"): with artifact type and annotations, without which clients cannot tell what it is.
#[must_use]
pub fn index_entry(manifest: &Manifest, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        artifact_type: manifest.effective_artifact_type().map(str::to_owned),
        annotations: manifest.annotations.clone(),
        ..Descriptor::new(&manifest.media_type, digest, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limits;

    fn artifact() -> ReferrerArtifact {
        let subject = Descriptor {
            annotations: BTreeMap::from([("not".to_owned(), "repeated".to_owned())]),
            ..Descriptor::of(media_type::OCI_INDEX, b"image")
        };
        attach_bundle(
            &subject,
            Bytes::from_static(b"bundle"),
            "urn:example",
            "2026-11-01T12:00:03.9Z".parse().unwrap(),
        )
    }

    #[test]
    fn the_manifest_is_the_one_that_cosign_writes() {
        let text = std::str::from_utf8(&artifact().manifest).unwrap().to_owned();
        insta::assert_snapshot!(text);
        assert_eq!(artifact(), artifact());
    }

    #[test]
    fn the_manifest_reads_back_and_its_entry_is_its_descriptor() {
        let artifact = artifact();
        let manifest = Manifest::parse(&artifact.manifest, None, &Limits::default()).unwrap();
        assert_eq!(manifest.subject.as_ref().unwrap().digest, Digest::of(b"image"));
        assert_eq!(bundle_layer(&manifest), Some(&artifact.blobs[1].0));
        let entry = index_entry(&manifest, artifact.descriptor.digest, artifact.descriptor.size);
        assert_eq!(entry, artifact.descriptor);
        for (descriptor, bytes) in &artifact.blobs {
            assert_eq!(descriptor.digest, Digest::of(bytes));
        }
    }

    #[test]
    fn manifests_of_other_kinds_hold_no_bundle() {
        let text = std::str::from_utf8(&artifact().manifest).unwrap().to_owned();
        let other = text.replace(media_type::SIGSTORE_BUNDLE, "application/spdx+json");
        let manifest = Manifest::parse(other.as_bytes(), None, &Limits::default()).unwrap();
        assert_eq!(bundle_layer(&manifest), None);
    }
}
