//! What a claim's source offers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::collection::{self, Collected, Refusal};
use super::failure::LookError;
use super::image::below;
use super::place::Place;
use super::signed;
use super::verification::{Expected, Verifier};
use crate::facts::{Answer, Depth, Evidence, LeftBehind, SourceAnswer, SourceImage};
use crate::model::{Capability, Carried, Carry, Digest};
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
    carry: &Carry,
) -> Result<Answer, LookError> {
    let offered = match offered(place, verifier, image, expected, travelled, carry).await {
        Ok(offered) => offered,
        Err(Refusal::Unfit(why)) => SourceAnswer::Refused(Arc::new(why)),
        Err(Refusal::Look(error)) => return Err(error),
    };
    Ok(Answer::Source(offered))
}

async fn offered<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    image: &Digest,
    expected: Option<&Expected>,
    travelled: &[Carried],
    carry: &Carry,
) -> Result<SourceAnswer, Refusal> {
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
    let collected = collection::collect(place, image, &manifests, carry).await?;
    let left = collected.left();
    let Collected {
        mut carried,
        referrers,
        signatures,
        ..
    } = collected;
    for item in travelled {
        if !carried.contains(item) && place.is_whole(&item.digest, Depth::Blobs).await? {
            carried.insert(item.clone());
        }
    }
    let found: Vec<Evidence> = match expected {
        Some(expected) => match signed::find(place, verifier, expected, &referrers, signatures.as_ref()).await {
            Ok(signed) => signed.found,
            // What landfall cannot read is no signature of ours.
            Err(error) if error.is_about_content() => Vec::new(),
            Err(error) => return Err(error.into()),
        },
        None => Vec::new(),
    };
    let image = Arc::new(SourceImage {
        below: below(&tree),
        repository: place.repository.clone(),
        needs: needs.into_iter().collect(),
        carried: carried.into_iter().collect(),
        found_standing: false,
        found,
    });
    for LeftBehind { digest, why } in &left {
        tracing::warn!(source = %place.repository, image = %tree.root().digest, %digest, why = &**why, "it stays behind");
    }
    Ok(if left.is_empty() {
        SourceAnswer::Whole(image)
    } else {
        let left = left.into();
        SourceAnswer::WithoutAll { image, left }
    })
}
