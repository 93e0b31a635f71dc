//! What abilities mean for landfall, in plain words.

use super::examination::{Conclusion, ConclusionKind, Showing};
use super::hosts;
use crate::model::{Capabilities, Capability, Prefix};

use ConclusionKind::{Can, Cannot, Care, Otherwise, Unknown};

/// What follows from what is known, and from what a trial showed.
pub fn conclusions(prefix: &Prefix, known: &Capabilities, showing: Showing) -> Vec<Conclusion> {
    let mut found = Vec::new();
    images(known, showing, &mut found);
    signatures(known, &mut found);
    tags(known, showing, &mut found);
    deletions(known, &mut found);
    transport(known, &mut found);
    retention(prefix, known, &mut found);
    found
}

fn say(found: &mut Vec<Conclusion>, kind: ConclusionKind, text: impl Into<String>) {
    found.push(Conclusion {
        kind,
        text: text.into(),
    });
}

fn images(known: &Capabilities, showing: Showing, found: &mut Vec<Conclusion>) {
    match (known.can(Capability::OciImage), known.can(Capability::OciIndex)) {
        (Some(true), Some(true)) => say(
            found,
            Can,
            "Images and multi-arch images in OCI form can be promoted here.",
        ),
        (Some(true), Some(false)) => {
            say(
                found,
                Cannot,
                "Multi-arch images in OCI form cannot be promoted here, and no fallback index kept.",
            );
        }
        (Some(false), _) => say(found, Cannot, "Images in OCI form cannot be promoted here."),
        _ if showing.stopped => say(
            found,
            Unknown,
            "Nothing could be written here: what images need was not learnt.",
        ),
        _ => say(
            found,
            Unknown,
            "Whether images can be written here was not tried: `landfall doctor PREFIX --write` does.",
        ),
    }
    match (known.can(Capability::DockerImage), known.can(Capability::DockerList)) {
        (Some(true), Some(true)) => say(found, Can, "So can images in Docker's form (schema 2 and lists)."),
        (Some(false), _) => say(
            found,
            Cannot,
            "Images in Docker's form cannot be promoted here: landfall converts none, for the digest would be another.",
        ),
        (Some(true), Some(false)) => say(
            found,
            Cannot,
            "Multi-arch images in Docker's form cannot be promoted here.",
        ),
        _ => {}
    }
    match known.can(Capability::SparseIndex) {
        Some(true) => say(
            found,
            Otherwise,
            "The registry takes indexes whose children are missing: others may leave half an image here. landfall looks \
             for each child.",
        ),
        Some(false) => say(
            found,
            Otherwise,
            "An index needs all its children here first, as landfall writes them: no platform of an image can be left out.",
        ),
        None => {}
    }
}

fn signatures(known: &Capabilities, found: &mut Vec<Conclusion>) {
    if known.can(Capability::Artifact) == Some(false) {
        say(
            found,
            Cannot,
            "Signatures and attestations in bundle form cannot stand here: use `formats = [\"tag\"]` for this target's \
             signer.",
        );
        return;
    }
    match (known.can(Capability::Referrers), known.can(Capability::Subject)) {
        (Some(true), Some(true)) => say(
            found,
            Can,
            "Signatures and attestations are attached through the referrers API; the registry keeps the list.",
        ),
        (Some(true), Some(false)) => say(
            found,
            Otherwise,
            "There is a referrers API, and artifacts are not acknowledged: referrers are kept under the fallback tag \
             `sha256-<hex>` as well, where clients of either kind find them.",
        ),
        (Some(true), None) => say(
            found,
            Can,
            "Signatures and attestations are found through the referrers API.",
        ),
        (Some(false), _) => say(
            found,
            Otherwise,
            "There is no referrers API: referrers are kept under the fallback tag `sha256-<hex>`. cosign finds them there; \
             two programs that sign one image at once may lose an entry, which landfall puts back.",
        ),
        (None, _) => say(
            found,
            Unknown,
            "Whether there is a referrers API is not known; landfall asks both ways.",
        ),
    }
}

/// As GitLab's registry does.
fn serves_subject_as_index(known: &Capabilities, found: &mut Vec<Conclusion>) {
    let keeps_list = [Capability::Referrers, Capability::Subject]
        .iter()
        .all(|capability| known.can(*capability) == Some(true));
    if keeps_list {
        say(
            found,
            Care,
            "The tag `sha256-<hex>` is answered with the image `sha256:<hex>` itself: what other tools list under that \
             tag is not found here.",
        );
    } else {
        say(
            found,
            Cannot,
            "The tag `sha256-<hex>` is answered with the image `sha256:<hex>` itself, so that no list of referrers can stand \
             there: signatures and attestations in bundle form are not found here. Use `formats = [\"tag\"]` for this \
             target's signer and `attest = []`.",
        );
    }
}

fn tags(known: &Capabilities, showing: Showing, found: &mut Vec<Conclusion>) {
    if showing.tags_ignore_case == Some(true) {
        say(
            found,
            Care,
            "Tags that differ only in case are one tag here, and lists have it in lower case: claim one of them.",
        );
    }
    if showing.serves_subject_as_index {
        serves_subject_as_index(known, found);
    }
    if known.can(Capability::DropsUntagged) == Some(true) {
        say(
            found,
            Otherwise,
            "A manifest goes with the last of its tags here, whoever else needs it. Where landfall moves a tag, what claims \
             need is kept or put back; what nobody claims is gone.",
        );
    }
    match known.can(Capability::ImmutableTags) {
        Some(false) => say(
            found,
            Can,
            "Tags can be moved: `mutable-tags` work, and moved tags are repaired.",
        ),
        None => {}
        Some(true) => {
            say(
                found,
                Otherwise,
                "Tags are immutable: a target's `mutable-tags` stay where they are, and `[[retags]]` fail here.",
            );
            let fallback = known.can(Capability::Referrers) != Some(true);
            let more = if fallback {
                ", and the fallback tag no second referrer"
            } else {
                ""
            };
            match showing.metadata_tags_move {
                Some(true) => say(
                    found,
                    Can,
                    "Tags like those of signatures (`sha256-<hex>.sig`) can be moved all the same.",
                ),
                Some(false) => say(
                    found,
                    Cannot,
                    format!(
                        "A `sha256-<hex>.sig` tag takes no second signature{more}: spare `sha256-*` from immutability."
                    ),
                ),
                None => say(
                    found,
                    Care,
                    format!("Unless `sha256-*` is spared, a `sha256-<hex>.sig` tag takes no second signature{more}."),
                ),
            }
        }
    }
}

fn deletions(known: &Capabilities, found: &mut Vec<Conclusion>) {
    match known.can(Capability::TagDeletion) {
        Some(true) => say(found, Can, "A tag can be withdrawn without what it stands on."),
        Some(false) => say(
            found,
            Otherwise,
            "A tag cannot be withdrawn here without deleting what it stands on, and all its other tags with it, which \
             landfall never does: it stays until somebody removes it by other means.",
        ),
        None => {}
    }
    match known.can(Capability::ManifestDeletion) {
        Some(true) => say(found, Can, "Manifests can be deleted: a signature can be taken back."),
        Some(false) => say(
            found,
            Otherwise,
            "Manifests cannot be deleted here: a signature that was attached stays.",
        ),
        None => {}
    }
}

fn transport(known: &Capabilities, found: &mut Vec<Conclusion>) {
    if known.can(Capability::Mount) == Some(false) {
        say(
            found,
            Otherwise,
            "Blobs are not mounted from other repositories: each repository is sent its own copy.",
        );
    }
    match (known.can(Capability::ChunkedUpload), known.minimum_chunk) {
        (Some(true), Some(bytes)) => say(
            found,
            Can,
            format!("Uploads can be cut into chunks of {bytes} bytes or more."),
        ),
        (Some(false), _) => say(
            found,
            Otherwise,
            "Blobs are sent in one request only: an upload that is cut off begins anew.",
        ),
        _ => {}
    }
    if known.can(Capability::RangeDownload) == Some(false) {
        say(found, Otherwise, "A download that is cut off begins anew.");
    }
    match known.can(Capability::Catalog) {
        Some(true) => say(found, Can, "`landfall snapshot` finds the repositories by itself."),
        Some(false) => say(
            found,
            Otherwise,
            "The registry lists no repositories: tell `landfall snapshot` each with --repository.",
        ),
        None => {}
    }
    if known.can(Capability::TagDigests) == Some(true) {
        say(
            found,
            Can,
            "Tag lists carry digests: one request shows where all tags of a repository stand.",
        );
    }
}

/// Settings that no request shows, and that take away what landfall put there.
fn retention(prefix: &Prefix, known: &Capabilities, found: &mut Vec<Conclusion>) {
    let attached = match known.can(Capability::Referrers) {
        Some(false) => "the signatures that a fallback tag lists",
        _ => "attached signatures and attestations",
    };
    say(
        found,
        Care,
        format!(
            "A rule that deletes untagged manifests takes {attached}, images that are promoted without a tag, and, where \
             it does not look into indexes, their platforms. Spare {prefix} from it."
        ),
    );
    say(
        found,
        Care,
        "A rule that keeps the newest tags or deletes old ones must spare `sha256-*`: signatures (`.sig`, `.att`) and the \
         fallback index stand under such tags.",
    );
    if let Some(host) = hosts::known(&prefix.registry) {
        for line in host.retention {
            say(found, Care, format!("{}: {line}", host.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trial_showed_beside_abilities_is_said() {
        let said = |showing: Showing| -> Vec<String> {
            let prefix = "registry.example.com/images".parse().unwrap();
            let found = conclusions(&prefix, &Capabilities::default(), showing);
            found.into_iter().map(|conclusion| conclusion.text).collect()
        };
        let ignores_case = |text: &String| text.contains("differ only in case");
        for (tags_ignore_case, expected) in [(Some(true), true), (Some(false), false), (None, false)] {
            let texts = said(Showing {
                tags_ignore_case,
                ..Showing::default()
            });
            assert_eq!(texts.iter().any(ignores_case), expected, "{tags_ignore_case:?}");
            assert!(texts.iter().any(|text| text.contains("was not tried")));
        }
        // Whoever asked for a trial is not told to ask for one.
        let stopped = said(Showing {
            stopped: true,
            ..Showing::default()
        });
        assert!(
            !stopped.iter().any(|text| text.contains("was not tried")),
            "{stopped:?}"
        );
    }
}
