//! The fallback referrers index, which clients keep under the tag `sha256-<hex>` where a registry has no referrers API
//! (OCI distribution specification, "Referrers Tag Schema").

use serde_json::Value;

use super::merge::{Document, Merge, MergeError, to_value};
use crate::model::{Descriptor, Digest, Limits, ManifestKind, NotReferrers, referrers_index};

const EMPTY: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// Adds `entries` to the index that stands there. An entry that is there keeps what it says; where it lacks artifact
/// type or annotations, which some clients leave out and cosign needs, these are filled in. All else stays as it is, in
/// its order. What is added is sorted, so that a new index does not depend on which entry came first.
///
/// # Errors
/// Where what stands there is no index of referrers of `subject`, or the index would break a limit.
pub fn merge(
    existing: Option<&[u8]>,
    subject: &Digest,
    entries: &[Descriptor],
    limits: &Limits,
) -> Result<Merge<Vec<u8>>, MergeError> {
    if let Some(existing) = existing
        && let Err(what) = referrers_index(existing, None, subject, limits)
        && what.is_certain()
    {
        return Err(MergeError::NotReferrers {
            help: help(&what),
            what: what.to_string(),
        });
    }
    let mut document = Document::found(existing.unwrap_or(EMPTY), ManifestKind::Index, limits)?;
    let mut known: Vec<_> = document.entries.iter().map(|entry| entry.digest).collect();
    let mut wanted: Vec<_> = entries.iter().collect();
    wanted.sort_by_key(|entry| entry.digest);
    let mut changed = false;
    let written = document.entries_mut()?;
    for entry in wanted {
        match known.iter().position(|digest| *digest == entry.digest) {
            Some(position) => changed |= complete(&mut written[position], entry),
            None => {
                written.push(to_value(entry));
                known.push(entry.digest);
                changed = true;
            }
        }
    }
    if changed {
        document.write(limits).map(Merge::Write)
    } else {
        Ok(Merge::AlreadyThere)
    }
}

/// The index without the entries of these manifests; all else stays as it is, in its order.
///
/// # Errors
/// As [`merge`].
pub fn without(
    existing: Option<&[u8]>,
    subject: &Digest,
    removed: &[Digest],
    limits: &Limits,
) -> Result<Merge<Vec<u8>>, MergeError> {
    let Some(existing) = existing else {
        return Ok(Merge::AlreadyThere);
    };
    if let Err(what) = referrers_index(existing, None, subject, limits)
        && what.is_certain()
    {
        // It lists none of them.
        return Ok(Merge::AlreadyThere);
    }
    let mut document = Document::found(existing, ManifestKind::Index, limits)?;
    if document.leave_out(|entry| removed.contains(&entry.digest))? {
        document.write(limits).map(Merge::Write)
    } else {
        Ok(Merge::AlreadyThere)
    }
}

fn help(what: &NotReferrers) -> &'static str {
    match what {
        // Nothing that is put there would be served.
        NotReferrers::Subject => {
            "this registry can list no signatures and attestations in bundles. Use one with the referrers API, or a signer \
             with `formats = [\"tag\"]` and `attest = []`"
        }
        _ => "delete the tag or move it by hand",
    }
}

/// Fills in what an entry lacks; true where it lacked something.
fn complete(found: &mut Value, wanted: &Descriptor) -> bool {
    let Value::Object(found) = found else {
        return false;
    };
    let mut changed = false;
    if let Some(artifact_type) = &wanted.artifact_type
        && found.get("artifactType").is_none_or(Value::is_null)
    {
        found.insert("artifactType".to_owned(), artifact_type.as_str().into());
        changed = true;
    }
    if wanted.annotations.is_empty() {
        return changed;
    }
    let annotations = found.entry("annotations").or_insert(Value::Null);
    if annotations.is_null() {
        *annotations = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(annotations) = annotations {
        for (name, value) in &wanted.annotations {
            annotations.entry(name).or_insert_with(|| {
                changed = true;
                value.as_str().into()
            });
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Manifest, media_type};

    fn subject() -> Digest {
        Digest::of(b"subject")
    }

    fn entry(name: u8) -> Descriptor {
        Descriptor {
            artifact_type: Some("application/example".to_owned()),
            annotations: BTreeMap::from([("name".to_owned(), name.to_string())]),
            ..Descriptor::of(media_type::OCI_MANIFEST, &[name])
        }
    }

    fn merged(existing: Option<&[u8]>, entries: &[Descriptor]) -> Vec<u8> {
        match merge(existing, &subject(), entries, &Limits::default()).unwrap() {
            Merge::Write(bytes) => bytes,
            Merge::AlreadyThere => existing.unwrap_or(EMPTY).to_vec(),
        }
    }

    fn entries_of(index: &[u8]) -> Vec<Descriptor> {
        Manifest::parse(index, Some(media_type::OCI_INDEX), &Limits::default())
            .unwrap()
            .manifests
    }

    #[test]
    fn a_new_index_holds_type_and_annotations_of_its_entries() {
        let index = merged(None, &[entry(1)]);
        assert_eq!(entries_of(&index), [entry(1)]);
    }

    #[test]
    fn what_other_tools_wrote_stays_as_it_is() {
        let foreign = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"m","digest":"{}","size":1,"x":{{"b":1,"a":2}}}}],"annotations":{{"a":"b"}},"unknown":[1]}}"#,
            media_type::OCI_INDEX,
            Descriptor::of("", b"foreign").digest,
        );
        let text = String::from_utf8(merged(Some(foreign.as_bytes()), &[entry(1)])).unwrap();
        let entry = serde_json::to_string(&entry(1)).unwrap();
        assert_eq!(text, foreign.replace("}],", &format!("}},{entry}],")));
    }

    #[test]
    fn an_entry_that_lacks_type_and_annotations_is_completed_in_its_place() {
        let bare = Descriptor::of(media_type::OCI_MANIFEST, &[1]);
        let index = merged(None, &[bare, entry(2)]);
        let completed = merged(Some(&index), &[entry(1)]);
        assert_eq!(entries_of(&completed).len(), 2);
        assert!(entries_of(&completed).contains(&entry(1)));
        assert_eq!(
            merge(Some(&completed), &subject(), &[entry(1)], &Limits::default()),
            Ok(Merge::AlreadyThere)
        );
    }

    #[test]
    fn what_cannot_be_read_is_never_overwritten() {
        let image = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[]}}"#,
            media_type::OCI_MANIFEST,
            to_value(&entry(1))
        );
        let twice = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[],"manifests":[]}}"#,
            media_type::OCI_INDEX
        );
        for bad in [
            "",
            "<html>",
            r#"{"errors":[]}"#,
            r#"{"schemaVersion":1}"#,
            &image,
            &twice,
        ] {
            assert!(
                merge(Some(bad.as_bytes()), &subject(), &[entry(1)], &Limits::default()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn nothing_is_merged_into_an_image_that_stands_in_the_place_of_the_index() {
        let platforms = Descriptor {
            platform: Some(serde_json::json!({ "os": "linux", "architecture": "amd64" })),
            ..entry(2)
        };
        let image = merged(None, std::slice::from_ref(&platforms));
        for subject in [subject(), Digest::of(&image)] {
            let refused = merge(Some(&image), &subject, &[entry(1)], &Limits::default());
            assert!(matches!(refused, Err(MergeError::NotReferrers { .. })), "{refused:?}");
        }
        let index = merged(None, &[entry(2)]);
        let refused = merge(Some(&index), &Digest::of(&index), &[entry(1)], &Limits::default()).unwrap_err();
        assert!(refused.to_string().contains("the image itself"), "{refused}");
    }

    #[test]
    fn limits_hold() {
        let limits = Limits {
            descriptors: 2,
            ..Limits::default()
        };
        let index = merged(None, &[entry(1), entry(2)]);
        assert_eq!(
            merge(Some(&index), &subject(), &[entry(3)], &limits),
            Err(MergeError::TooMany { count: 3, limit: 2 })
        );
        assert_eq!(
            merge(Some(&index), &subject(), &[entry(2)], &limits),
            Ok(Merge::AlreadyThere)
        );
        let limits = Limits {
            manifest: index.len(),
            ..Limits::default()
        };
        assert!(matches!(
            merge(Some(&index), &subject(), &[entry(3)], &limits),
            Err(MergeError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn merging_keeps_all_adds_once_and_does_not_depend_on_the_order(
            first in proptest::collection::vec(0_u8..20, 0..8),
            second in proptest::collection::vec(0_u8..20, 0..8),
        ) {
            let entries = |names: &[u8]| names.iter().copied().map(entry).collect::<Vec<_>>();
            let (first, second) = (entries(&first), entries(&second));
            let one = merged(Some(&merged(None, &first)), &second);
            let other = merged(Some(&merged(None, &second)), &first);
            let set = |index: &[u8]| {
                let mut digests: Vec<_> = entries_of(index).iter().map(|entry| entry.digest).collect();
                digests.sort_unstable();
                digests
            };
            let mut wanted: Vec<_> = first.iter().chain(&second).map(|entry| entry.digest).collect();
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(set(&one), wanted.clone());
            prop_assert_eq!(set(&other), wanted);
            prop_assert_eq!(merge(Some(&one), &subject(), &second, &Limits::default()), Ok(Merge::AlreadyThere));
            let kept = entries_of(&merged(None, &first));
            prop_assert_eq!(&entries_of(&one)[..kept.len()], &kept[..]);
        }
    }
}
