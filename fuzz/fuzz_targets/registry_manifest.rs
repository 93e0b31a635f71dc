//! Image manifests and indexes, and merging into those that other tools write too.
#![no_main]

use landfall::model::{Descriptor, Digest, Limits, Manifest, ManifestKind, media_type};
use landfall::trust::{Merge, fallback_index, referrer, signature_manifest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    for header in [None, Some(media_type::OCI_MANIFEST), Some(media_type::OCI_INDEX)] {
        let Ok(manifest) = Manifest::parse(bytes, header, &limits) else {
            continue;
        };
        assert!(manifest.layers.is_empty() || manifest.manifests.is_empty());
        assert!(manifest.layers.len().max(manifest.manifests.len()) <= limits.descriptors);
        _ = referrer::bundle_layer(&manifest);
        _ = referrer::index_entry(&manifest, Digest::of(bytes), bytes.len() as u64);
    }

    _ = signature_manifest::parse(bytes, &limits);
    if let Ok(merged) = signature_manifest::merge_manifest(bytes, bytes, &limits) {
        assert!(merged == Merge::AlreadyThere, "a manifest adds nothing to itself");
    }

    let entry = Descriptor::of(media_type::OCI_MANIFEST, b"an entry that nobody else has");
    let subject = Digest::of(b"a subject");
    let before = Manifest::parse(bytes, None, &limits);
    if let Ok(Merge::Write(index)) = fallback_index::merge(Some(bytes), &subject, std::slice::from_ref(&entry), &limits) {
        let after = Manifest::parse(&index, None, &limits).expect("what is written can be read");
        assert_eq!(after.kind, ManifestKind::Index);
        if let Ok(before) = before {
            assert_eq!(
                after.manifests[..before.manifests.len()],
                before.manifests[..],
                "nothing is lost"
            );
        }
        let again = fallback_index::merge(Some(&index), &subject, &[entry], &limits);
        assert!(
            matches!(again, Ok(Merge::AlreadyThere)),
            "merging twice adds nothing more"
        );
    }
});
