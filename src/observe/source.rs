//! What a claim's source offers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::collection::{self, Collected, Obstacle};
use super::failure::{LookError, one_line};
use super::place::Place;
use super::signed;
use super::verification::{Expected, Verifier};
use crate::facts::{Answer, Depth, Evidence, SourceAnswer, SourceImage};
use crate::model::{Capability, Carried, Digest};
use crate::registry::Registry;
use crate::transfer::TreeAnswer;

/// Reads an image at its source, what is beside it, and which of that our signer made. What `travelled` with it before
/// is offered wherever it can still be read: a tag of cosign's moves on when somebody signs.
pub(super) async fn look<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    image: &Digest,
    expected: Option<&Expected>,
    travelled: &[Carried],
) -> Result<Answer, LookError> {
    let offered = match offered(place, verifier, image, expected, travelled).await {
        Ok(offered) => offered,
        Err(Obstacle::Refused(why)) => SourceAnswer::Refused(one_line(&why)),
        Err(Obstacle::Look(error)) => return Err(error),
    };
    Ok(Answer::Source(offered))
}

async fn offered<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    image: &Digest,
    expected: Option<&Expected>,
    travelled: &[Carried],
) -> Result<SourceAnswer, Obstacle> {
    let tree = match place.tree(image).await? {
        TreeAnswer::Whole(tree) => tree,
        TreeAnswer::Absent => return Ok(SourceAnswer::Absent),
        TreeAnswer::Incomplete { missing } => return Ok(SourceAnswer::Lacking(missing.into())),
    };
    let needs: BTreeSet<Capability> = tree
        .manifests()
        .iter()
        .filter_map(|found| Capability::to_hold(&found.manifest.media_type))
        .collect();
    let manifests: Vec<Digest> = tree.manifests().iter().map(|manifest| manifest.digest).collect();
    let Collected {
        mut carried,
        referrers,
        signatures,
        missing,
        ..
    } = collection::collect(place, image, &manifests).await?;
    for item in travelled {
        if !carried.contains(item) && place.is_whole(&item.digest, Depth::Blobs).await? {
            carried.insert(item.clone());
        }
    }
    let found: Vec<Evidence> = match expected {
        Some(expected) => {
            signed::find(place, verifier, expected, &referrers, signatures.as_ref())
                .await?
                .found
        }
        None => Vec::new(),
    };
    let image = Arc::new(SourceImage {
        repository: place.repository.clone(),
        needs: needs.into_iter().collect(),
        carried: carried.into_iter().collect(),
        found_standing: false,
        found,
    });
    Ok(if missing.is_empty() {
        SourceAnswer::Whole(image)
    } else {
        let missing = missing.into_iter().collect();
        SourceAnswer::WithoutAll { image, missing }
    })
}
