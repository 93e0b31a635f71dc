//! The manifest under `sha256-<hex>.sig`: one layer per signature, its payload the blob, the signature an annotation
//! (cosign 2's form, which most policy engines read). Other tools write it too.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::merge::{Document, Merge, MergeError, to_value};
use super::signature_entry::SignatureEntry;
pub use super::signature_entry::{SIGNATURE, entry_id};
use crate::model::{Descriptor, Digest, Limits, ManifestKind};

/// Configs that list their manifest's layers; others are left alone, as go-containerregistry does.
const IMAGE_CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

const EMPTY: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[]}"#;

/// A `.sig` manifest, ready to be pushed: the blobs first, then the manifest under its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedManifest {
    pub manifest: Bytes,
    pub descriptor: Descriptor,
    /// The config and the payloads of what was added. Those of foreign layers are there already.
    pub blobs: Vec<(Descriptor, Bytes)>,
}

/// The layers of a `.sig` manifest that are signatures; their blobs are the payloads.
pub fn parse(manifest: &[u8], limits: &Limits) -> Result<Vec<Descriptor>, MergeError> {
    let document = Document::found(manifest, ManifestKind::Image, limits)?;
    Ok(document
        .entries
        .into_iter()
        .filter(|layer| layer.annotations.contains_key(SIGNATURE))
        .collect())
}

/// Adds signatures to the manifest that stands there. All that is there stays as it is, in its order; only the config,
/// where it is an image's, is made anew, because it lists the layers. What is added is sorted, so that a new manifest
/// does not depend on which signature came first.
pub fn merge(
    existing: Option<&[u8]>,
    entries: &[SignatureEntry],
    limits: &Limits,
) -> Result<Merge<MergedManifest>, MergeError> {
    let document = Document::found(existing.unwrap_or(EMPTY), ManifestKind::Image, limits)?;
    let known: Vec<_> = document.entries.iter().filter_map(entry_id).collect();
    let mut added: Vec<_> = entries.iter().filter(|entry| !known.contains(&entry.id())).collect();
    added.sort_by_key(|entry| entry.id());
    added.dedup_by_key(|entry| entry.id());
    let descriptors: Vec<_> = added.iter().map(|entry| entry.descriptor()).collect();
    let Merge::Write(mut merged) = add(document, &descriptors, limits)? else {
        return Ok(Merge::AlreadyThere);
    };
    for entry in added {
        let payload = Descriptor::new(
            &entry.descriptor().media_type,
            entry.descriptor().digest,
            entry.descriptor().size,
        );
        if merged.blobs.iter().all(|(blob, _)| blob.digest != payload.digest) {
            merged.blobs.push((payload, entry.payload().clone()));
        }
    }
    Ok(Merge::Write(merged))
}

/// Adds the layers of another manifest of this kind (`.sig` or `.att`), whatever they hold, as [`merge`] does. Their
/// blobs are taken to be there already: only a new config is among those to be pushed.
pub fn merge_manifest(existing: &[u8], other: &[u8], limits: &Limits) -> Result<Merge<MergedManifest>, MergeError> {
    let document = Document::found(existing, ManifestKind::Image, limits)?;
    let other = Document::found(other, ManifestKind::Image, limits)?;
    // Two signatures over one payload are two layers of one digest.
    let identity = |layer: &Descriptor| (layer.digest, entry_id(layer));
    let known: Vec<_> = document.entries.iter().map(identity).collect();
    let added: Vec<_> = other
        .entries
        .iter()
        .filter(|layer| !known.contains(&identity(layer)))
        .collect();
    add(document, &added, limits)
}

/// The manifest without these signatures (see [`entry_id`]); all else stays as it is, in its order, but for the config.
///
/// # Errors
/// As [`merge`].
pub fn without(
    existing: Option<&[u8]>,
    removed: &[Digest],
    limits: &Limits,
) -> Result<Merge<MergedManifest>, MergeError> {
    let Some(existing) = existing else {
        return Ok(Merge::AlreadyThere);
    };
    let mut document = Document::found(existing, ManifestKind::Image, limits)?;
    if !document.leave_out(|layer| entry_id(layer).is_some_and(|id| removed.contains(&id)))? {
        return Ok(Merge::AlreadyThere);
    }
    write(document, &[], limits)
}

fn add(document: Document, added: &[&Descriptor], limits: &Limits) -> Result<Merge<MergedManifest>, MergeError> {
    if added.is_empty() {
        return Ok(Merge::AlreadyThere);
    }
    write(document, added, limits)
}

fn write(mut document: Document, added: &[&Descriptor], limits: &Limits) -> Result<Merge<MergedManifest>, MergeError> {
    let mut blobs = Vec::with_capacity(added.len() + 1);
    let layers = document.entries.iter().chain(added.iter().copied());
    if let Some(found) = &document.config
        && IMAGE_CONFIGS.contains(&found.media_type.as_str())
    {
        let config = Bytes::from(config_of(layers.map(|layer| layer.digest)));
        let descriptor = Descriptor::of(&found.media_type, &config);
        if let Some(fields) = document.config_mut() {
            fields.insert("digest".to_owned(), descriptor.digest.to_string().into());
            fields.insert("size".to_owned(), descriptor.size.into());
            // An embedded copy of the former config.
            fields.shift_remove("data");
        }
        blobs.push((descriptor, config));
    }
    let written = document.entries_mut()?;
    written.extend(added.iter().copied().map(to_value));
    let media_type = document.media_type.clone();
    let manifest = Bytes::from(document.write(limits)?);
    Ok(Merge::Write(MergedManifest {
        descriptor: Descriptor::of(media_type, &manifest),
        manifest,
        blobs,
    }))
}

/// The image config that cosign makes (go-containerregistry, `pkg/v1/config.go`): it lists the layers without
/// compression, and payloads are never compressed, so that these are the layers themselves.
pub(super) fn config_of(layers: impl Iterator<Item = Digest>) -> Vec<u8> {
    /// In the order that Go's `encoding/json` writes; times are Go's zero.
    #[derive(Serialize)]
    struct Config {
        architecture: &'static str,
        created: &'static str,
        history: Vec<History>,
        os: &'static str,
        rootfs: RootFs,
        config: BTreeMap<(), ()>,
    }

    #[derive(Clone, Serialize)]
    struct History {
        created: &'static str,
    }

    #[derive(Serialize)]
    struct RootFs {
        #[serde(rename = "type")]
        kind: &'static str,
        diff_ids: Vec<Digest>,
    }

    const ZERO: &str = "0001-01-01T00:00:00Z";
    let diff_ids: Vec<_> = layers.collect();
    serde_json::to_vec(&Config {
        architecture: "",
        created: ZERO,
        history: vec![History { created: ZERO }; diff_ids.len()],
        os: "",
        rootfs: RootFs {
            kind: "layers",
            diff_ids,
        },
        config: BTreeMap::new(),
    })
    .expect("plain structs of texts always serialise")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;
    use crate::model::media_type;

    /// An entry that nobody signed: merging does not judge.
    fn entry(name: u8) -> SignatureEntry {
        let payload = Bytes::from(vec![name / 2]);
        let annotations = BTreeMap::from([(SIGNATURE.to_owned(), STANDARD.encode([name]))]);
        let descriptor = Descriptor {
            annotations,
            ..Descriptor::of(media_type::SIMPLE_SIGNING, &payload)
        };
        SignatureEntry::found(descriptor, payload).unwrap()
    }

    fn merged(existing: Option<&[u8]>, entries: &[SignatureEntry]) -> MergedManifest {
        match merge(existing, entries, &Limits::default()).unwrap() {
            Merge::Write(merged) => merged,
            Merge::AlreadyThere => panic!("nothing was merged"),
        }
    }

    fn layers(manifest: &[u8]) -> Vec<Descriptor> {
        parse(manifest, &Limits::default()).unwrap()
    }

    #[test]
    fn a_new_manifest_is_the_one_that_cosign_writes() {
        let merged = merged(None, &[entry(0)]);
        insta::assert_snapshot!(std::str::from_utf8(&merged.manifest).unwrap());
        insta::assert_snapshot!(std::str::from_utf8(&merged.blobs[0].1).unwrap());
        assert_eq!(merged.blobs[1].1, *entry(0).payload());
    }

    #[test]
    fn what_other_tools_wrote_stays_and_only_the_config_is_made_anew() {
        let before = merged(None, &[entry(4)]);
        let text = String::from_utf8(before.manifest.to_vec()).unwrap();
        let foreign = text
            .replace(
                r#""annotations":{"#,
                r#""annotations":{"dev.sigstore.cosign/bundle":"{}","#,
            )
            .replace(
                r#"{"schemaVersion":2,"#,
                r#"{"unknown":{"b":1,"a":[2]},"schemaVersion":2,"#,
            );
        let after = merged(Some(foreign.as_bytes()), &[entry(8)]);
        let written = String::from_utf8(after.manifest.to_vec()).unwrap();
        let added = serde_json::to_string(entry(8).descriptor()).unwrap();
        let expected = foreign
            .replace("}}]}", &format!("}}}},{added}]}}"))
            .replace(
                &before.blobs[0].0.digest.to_string(),
                &after.blobs[0].0.digest.to_string(),
            )
            .replace(
                &format!(r#""size":{}"#, before.blobs[0].0.size),
                &format!(r#""size":{}"#, after.blobs[0].0.size),
            );
        assert_eq!(written, expected);
    }

    #[test]
    fn an_entry_with_more_annotations_is_recognised() {
        let text = String::from_utf8(merged(None, &[entry(4)]).manifest.to_vec()).unwrap();
        let annotated = text.replace(
            r#""annotations":{"#,
            r#""annotations":{"dev.sigstore.cosign/bundle":"{}","#,
        );
        assert_eq!(
            merge(Some(annotated.as_bytes()), &[entry(4)], &Limits::default()),
            Ok(Merge::AlreadyThere)
        );
    }

    #[test]
    fn the_layers_of_another_manifest_join_those_that_are_there_once() {
        let standing = merged(None, &[entry(4)]);
        let other = merged(None, &[entry(4), entry(8)]);
        let plain = String::from_utf8(other.manifest.to_vec()).unwrap();
        let plain = plain.replace("dev.cosignproject.cosign/signature", "org.example.unknown");
        let Ok(Merge::Write(after)) = merge_manifest(&standing.manifest, &other.manifest, &Limits::default()) else {
            panic!("nothing was merged");
        };
        let added = merged(Some(&standing.manifest), &[entry(8)]);
        assert_eq!(after.manifest, added.manifest);
        assert_eq!(after.blobs, added.blobs[..1]);
        assert_eq!(
            merge_manifest(&after.manifest, &other.manifest, &Limits::default()),
            Ok(Merge::AlreadyThere)
        );
        let Ok(Merge::Write(after)) = merge_manifest(&after.manifest, plain.as_bytes(), &Limits::default()) else {
            panic!("layers without a signature are layers too");
        };
        let document = Document::found(&after.manifest, ManifestKind::Image, &Limits::default()).unwrap();
        assert_eq!(document.entries.len(), 4);
    }

    #[test]
    fn configs_of_other_kinds_are_left_alone() {
        let text = String::from_utf8(merged(None, &[entry(4)]).manifest.to_vec()).unwrap();
        let artifact = text.replace(IMAGE_CONFIGS[0], "application/vnd.oci.empty.v1+json");
        let after = merged(Some(artifact.as_bytes()), &[entry(8)]);
        assert_eq!(after.blobs.len(), 1);
        assert_eq!(layers(&after.manifest).len(), 2);
    }

    #[test]
    fn manifests_of_docker_stay_manifests_of_docker() {
        let text = String::from_utf8(merged(None, &[entry(4)]).manifest.to_vec()).unwrap();
        let docker = text.replace(media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST);
        let after = merged(Some(docker.as_bytes()), &[entry(8)]);
        assert_eq!(after.descriptor.media_type, media_type::DOCKER_MANIFEST);
    }

    #[test]
    fn what_cannot_be_read_is_never_overwritten() {
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#,
            media_type::OCI_INDEX
        );
        for bad in ["", "<html>", r#"{"schemaVersion":1}"#, &index] {
            assert!(
                merge(Some(bad.as_bytes()), &[entry(1)], &Limits::default()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits {
            descriptors: 2,
            ..Limits::default()
        };
        assert_eq!(
            merge(None, &[entry(0), entry(1), entry(2)], &limits),
            Err(MergeError::TooMany { count: 3, limit: 2 })
        );
    }

    proptest! {
        #[test]
        fn merging_keeps_all_adds_once_and_does_not_depend_on_the_order(
            first in proptest::collection::vec(0_u8..20, 1..8),
            second in proptest::collection::vec(0_u8..20, 1..8),
        ) {
            let entries = |names: &[u8]| names.iter().copied().map(entry).collect::<Vec<_>>();
            let (first, second) = (entries(&first), entries(&second));
            let after = |existing: Option<&[u8]>, entries: &[SignatureEntry]| {
                match merge(existing, entries, &Limits::default()).unwrap() {
                    Merge::Write(merged) => {
                        for (descriptor, bytes) in &merged.blobs {
                            assert_eq!(descriptor.digest, Digest::of(bytes));
                        }
                        merged.manifest
                    }
                    Merge::AlreadyThere => Bytes::copy_from_slice(existing.unwrap()),
                }
            };
            let begun = after(None, &first);
            let one = after(Some(&begun), &second);
            let other = after(Some(&after(None, &second)), &first);
            let ids = |manifest: &[u8]| {
                let mut ids: Vec<_> = layers(manifest).iter().filter_map(entry_id).collect();
                ids.sort_unstable();
                ids
            };
            let mut wanted: Vec<_> = first.iter().chain(&second).map(SignatureEntry::id).collect();
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(ids(&one), wanted.clone());
            prop_assert_eq!(ids(&other), wanted);
            prop_assert_eq!(merge(Some(&one), &first, &Limits::default()), Ok(Merge::AlreadyThere));
            let kept = layers(&begun);
            prop_assert_eq!(&layers(&one)[..kept.len()], &kept[..]);
        }

        #[test]
        fn bytes_that_are_no_manifest_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = merge(Some(&bytes), &[entry(1)], &Limits::default());
            let _ = parse(&bytes, &Limits::default());
        }
    }
}
