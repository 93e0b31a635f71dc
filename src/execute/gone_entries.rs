//! Entries of a fallback referrers index whose manifests are gone.
//!
//! Registries that validate indexes (distribution's, for one) refuse an index that lists a manifest they do not have, with
//! `MANIFEST_BLOB_UNKNOWN`. Where a listed manifest was deleted or collected, nothing could be entered in the index ever
//! again. This is the one case in which an entry of somebody else's is left out: its manifest is gone, so that it leads
//! nowhere, and the registry takes no index that lists it. Where the registry takes the index, such entries stay.

use std::borrow::Cow;
use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::shared_tag::Merged;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Digest, Manifest, Repository};
use crate::registry::{ManifestAt, Registry};

impl<W: World> UnitTask<W> {
    /// Of the manifests that an index lists, those of which the registry says, asked by GET, that they are not there. An
    /// error is no such answer.
    pub(super) async fn gone_from(&self, place: &Repository, index: &Merged) -> Result<BTreeSet<Digest>, Failure> {
        let (registry, limits) = (self.world.registry(), &self.shared.limits);
        let index = Manifest::parse(&index.manifest, Some(&index.media_type), limits).map_err(Failure::content)?;
        let looks = index.manifests.into_iter().map(|entry| async move {
            let found = registry.manifest(place, ManifestAt::Digest(&entry.digest)).await;
            let found = found.map_err(|error| Failure::reading(&error))?;
            Ok::<_, Failure>(found.is_none().then_some(entry.digest))
        });
        // Boxed: the compiler cannot prove this future `Send` for every lifetime of `self` otherwise.
        let looks = stream::iter(looks).buffer_unordered(limits.image_reads.max(1)).boxed();
        let gone: BTreeSet<Digest> = looks
            .try_filter_map(|gone| async move { Ok(gone) })
            .try_collect()
            .await?;
        for digest in &gone {
            tracing::warn!(repository = %place, %digest, "left out of the referrers index: its manifest is gone");
        }
        Ok(gone)
    }
}

/// The index without the entries of these manifests. All else stays as it is, in its order.
pub(super) fn without<'a>(index: &'a [u8], gone: &BTreeSet<Digest>) -> Cow<'a, [u8]> {
    // What cannot be read is left for the merge to refuse.
    let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(index) else {
        return Cow::Borrowed(index);
    };
    let Some(Value::Array(entries)) = fields.get_mut("manifests") else {
        return Cow::Borrowed(index);
    };
    entries.retain(|entry| {
        let digest = entry.get("digest").and_then(Value::as_str);
        let digest = digest.and_then(|digest| digest.parse::<Digest>().ok());
        digest.is_none_or(|digest| !gone.contains(&digest))
    });
    Cow::Owned(serde_json::to_vec(&fields).expect("a JSON value always serialises"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_entries_of_these_manifests_are_left_out() {
        let [gone, kept] = ["gone", "kept"].map(|name| Digest::of(name.as_bytes()));
        let entry = |digest: &Digest| format!(r#"{{"digest":"{digest}","x":{{"b":1,"a":2}}}}"#);
        let index = |entries: &[String]| format!(r#"{{"z":1,"manifests":[{}],"annotations":{{}}}}"#, entries.join(","));
        let before = index(&[entry(&kept), entry(&gone), entry(&kept)]);
        assert_eq!(
            without(before.as_bytes(), &BTreeSet::from([gone])),
            index(&[entry(&kept), entry(&kept)]).as_bytes()
        );
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for bad in ["", "<html>", "[]", r#"{"manifests":1}"#] {
            assert_eq!(without(bad.as_bytes(), &BTreeSet::new()), bad.as_bytes(), "{bad}");
        }
    }
}
