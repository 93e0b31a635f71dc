//! The third form of a signature: the simple signing payload of the older form, in a manifest that refers to the image
//! (cosign 2 with OCI 1.1, `WriteSignaturesExperimentalOCI`; coming to containers/image).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::referrer::{ReferrerArtifact, SIGNATURES};
use super::signature_entry::SignatureEntry;
use super::signature_manifest::config_of;
use crate::model::{Descriptor, Digest, Manifest, ManifestKind, media_type};

/// A descriptor in the order that Go's `encoding/json` writes it (go-containerregistry).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    media_type: &'a str,
    size: u64,
    digest: Digest,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

impl<'a> Written<'a> {
    fn of(descriptor: &'a Descriptor) -> Self {
        Self {
            media_type: &descriptor.media_type,
            size: descriptor.size,
            digest: descriptor.digest,
            annotations: &descriptor.annotations,
        }
    }
}

/// The manifest that attaches one signature to `subject`, as cosign writes it. The same parts give the same bytes.
#[must_use]
pub fn attach(subject: &Descriptor, entry: &SignatureEntry) -> ReferrerArtifact {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Referrer<'a> {
        schema_version: u32,
        media_type: &'static str,
        config: Written<'a>,
        layers: [Written<'a>; 1],
        subject: Written<'a>,
        artifact_type: &'static str,
    }

    let layer = entry.descriptor();
    let config = Bytes::from(config_of(std::iter::once(layer.digest)));
    let config_descriptor = Descriptor::of(SIGNATURES, &config);
    let subject = Descriptor::new(&subject.media_type, subject.digest, subject.size);
    let manifest = Bytes::from(
        serde_json::to_vec(&Referrer {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST,
            config: Written::of(&config_descriptor),
            layers: [Written::of(layer)],
            subject: Written::of(&subject),
            artifact_type: SIGNATURES,
        })
        .expect("plain structs of texts always serialise"),
    );
    let payload = Descriptor::new(&layer.media_type, layer.digest, layer.size);
    ReferrerArtifact {
        descriptor: Descriptor {
            artifact_type: Some(SIGNATURES.to_owned()),
            ..Descriptor::of(media_type::OCI_MANIFEST, &manifest)
        },
        manifest,
        blobs: vec![(config_descriptor, config), (payload, entry.payload().clone())],
    }
}

/// The layers that hold signatures, where the manifest is one of this form. Whether one counts, only verifying tells.
#[must_use]
pub fn layers(manifest: &Manifest) -> &[Descriptor] {
    match manifest.effective_artifact_type() {
        Some(SIGNATURES) if manifest.kind == ManifestKind::Image => &manifest.layers,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limits;
    use crate::trust::{referrer, signature_manifest, simple_signing};

    fn entry() -> SignatureEntry {
        let reference = "registry.example.com/dns/coredns".parse().unwrap();
        let payload = Bytes::from(simple_signing::payload(&reference, &Digest::of(b"image")));
        let annotations = BTreeMap::from([(signature_manifest::SIGNATURE.to_owned(), "AA==".to_owned())]);
        let descriptor = Descriptor {
            annotations,
            ..Descriptor::of(media_type::SIMPLE_SIGNING, &payload)
        };
        SignatureEntry::found(descriptor, payload).unwrap()
    }

    #[test]
    fn the_manifest_is_the_one_that_cosign_writes() {
        let subject = Descriptor::of(media_type::OCI_INDEX, b"image");
        let artifact = attach(&subject, &entry());
        insta::assert_snapshot!(std::str::from_utf8(&artifact.manifest).unwrap());
        assert_eq!(artifact, attach(&subject, &entry()));
    }

    #[test]
    fn the_manifest_reads_back_and_holds_the_signature() {
        let artifact = attach(&Descriptor::of(media_type::OCI_INDEX, b"image"), &entry());
        let manifest = Manifest::parse(&artifact.manifest, None, &Limits::default()).unwrap();
        assert_eq!(manifest.subject.as_ref().unwrap().digest, Digest::of(b"image"));
        assert_eq!(layers(&manifest), [entry().descriptor().clone()]);
        assert_eq!(referrer::bundle_layer(&manifest), None);
        let listed = referrer::index_entry(&manifest, artifact.descriptor.digest, artifact.descriptor.size);
        assert_eq!(listed, artifact.descriptor);
        for (descriptor, bytes) in &artifact.blobs {
            assert_eq!(descriptor.digest, Digest::of(bytes));
        }
    }
}
