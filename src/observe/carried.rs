//! Whether what travels with an image is there.

use std::collections::{HashMap, HashSet};

use super::failure::LookError;
use super::place::Place;
use crate::facts::Depth;
use crate::model::{Carried, CarriedKind, Descriptor, Digest, Tag};
use crate::registry::{ManifestAt, Referrers, Registry};
use crate::trust::signature_manifest;

/// What of `wanted` is not there. `listed` is a list of referrers that was read already, and its subject.
pub(super) async fn missing<R: Registry>(
    place: &Place<'_, R>,
    wanted: Vec<Carried>,
    listed: Option<(Digest, Referrers)>,
    depth: Depth,
) -> Result<Vec<Carried>, LookError> {
    let mut lists: HashMap<Digest, HashSet<Digest>> = HashMap::new();
    lists.extend(listed.map(|(subject, referrers)| (subject, digests(&referrers))));
    let mut missing = Vec::new();
    for carried in wanted {
        let stands = match &carried.kind {
            CarriedKind::Referrer { subject } => {
                if !lists.contains_key(subject) {
                    lists.insert(*subject, digests(&place.referrers(subject).await?));
                }
                // Who verifies the image finds only what is listed.
                let listed = lists.get(subject).is_some_and(|list| list.contains(&carried.digest));
                listed && place.is_whole(&carried.digest, depth).await?
            }
            CarriedKind::CosignTag { subject, suffix } => {
                cosign_tag_stands(place, &carried.digest, &Tag::cosign(subject, suffix), suffix, depth).await?
            }
        };
        if !stands {
            missing.push(carried);
        }
    }
    Ok(missing)
}

fn digests(referrers: &Referrers) -> HashSet<Digest> {
    referrers.descriptors.iter().map(|listed| listed.digest).collect()
}

/// Signatures and attestations are shared: what others added beside ours is no damage, what they took away is.
async fn cosign_tag_stands<R: Registry>(
    place: &Place<'_, R>,
    carried: &Digest,
    tag: &Tag,
    suffix: &str,
    depth: Depth,
) -> Result<bool, LookError> {
    let Some(standing) = place.head(ManifestAt::Tag(tag)).await? else {
        return Ok(false);
    };
    if standing == *carried {
        return place.is_whole(carried, depth).await;
    }
    if !matches!(suffix, "sig" | "att") {
        return Ok(true);
    }
    let Some(before) = place.fetch(ManifestAt::Digest(carried)).await? else {
        return Ok(false);
    };
    let Some(now) = place.fetch(ManifestAt::Tag(tag)).await? else {
        return Ok(false);
    };
    let entries: HashSet<_> = place.parse(&now)?.layers.iter().map(entry).collect();
    Ok(place
        .parse(&before)?
        .layers
        .iter()
        .all(|layer| entries.contains(&entry(layer))))
}

/// Two signatures over one payload are two layers of one digest.
fn entry(layer: &Descriptor) -> (Digest, Option<Digest>) {
    (layer.digest, signature_manifest::entry_id(layer))
}
