//! Which referrers may prove something, in the order in which they are worth reading.

use crate::model::{Descriptor, Digest, media_type};
use crate::trust::judging::Wanted;
use crate::trust::referrer::{PREDICATE_TYPE, SIGNATURES};

/// The referrers to read. A list's artifact type and annotations are hints: what they exclude is left out, what they promise
/// is read first, and all that they leave open comes behind, so that a flood of others does not crowd out what is wanted.
pub(super) fn candidates(listed: &[Descriptor], wanted: &Wanted) -> Vec<Digest> {
    let mut ranked: Vec<(u8, Digest)> = listed
        .iter()
        .filter_map(|referrer| Some((rank(referrer, wanted)?, referrer.digest)))
        .collect();
    ranked.sort_unstable();
    ranked.dedup_by_key(|(_, digest)| *digest);
    ranked.into_iter().map(|(_, digest)| digest).collect()
}

fn rank(listed: &Descriptor, wanted: &Wanted) -> Option<u8> {
    match listed.artifact_type.as_deref() {
        // go-containerregistry's registry gives the configuration's media type for it.
        None | Some("" | media_type::OCI_EMPTY) => Some(match listed.annotations.get(PREDICATE_TYPE) {
            Some(found) if found == wanted.predicate_type() => 0,
            Some(_) => return None,
            None => 1,
        }),
        Some(SIGNATURES) => (*wanted == Wanted::Signature).then_some(0),
        Some(artifact_type) if artifact_type.starts_with("application/vnd.dev.sigstore.bundle") => {
            match listed.annotations.get(PREDICATE_TYPE) {
                Some(found) if found != wanted.predicate_type() => None,
                _ => Some(0),
            }
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(content: &[u8], artifact_type: Option<&str>, predicate_type: Option<&str>) -> Descriptor {
        let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, content);
        descriptor.artifact_type = artifact_type.map(str::to_owned);
        if let Some(predicate_type) = predicate_type {
            descriptor
                .annotations
                .insert(PREDICATE_TYPE.to_owned(), predicate_type.to_owned());
        }
        descriptor
    }

    #[test]
    fn what_is_promised_comes_before_what_is_left_open_and_what_is_excluded_is_left_out() {
        let sign = Wanted::Signature.predicate_type().to_owned();
        let list = [
            listed(b"open", Some(media_type::OCI_EMPTY), None),
            listed(b"sbom", Some("application/spdx+json"), None),
            listed(b"attestation", Some(media_type::SIGSTORE_BUNDLE), Some("urn:other")),
            listed(b"signature", Some(media_type::SIGSTORE_BUNDLE), Some(&sign)),
            listed(b"signature", Some(media_type::SIGSTORE_BUNDLE), Some(&sign)),
            listed(b"third", Some(SIGNATURES), None),
        ];
        let found = candidates(&list, &Wanted::Signature);
        assert_eq!(found.len(), 3);
        assert_eq!(found[2], Digest::of(b"open"));
        let attestations = candidates(&list, &Wanted::Attestation("urn:other".to_owned()));
        assert_eq!(attestations, [Digest::of(b"attestation"), Digest::of(b"open")]);
    }
}
