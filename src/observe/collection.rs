//! What travels with an image: everything that its source has beside it, within limits.

use std::collections::{BTreeSet, VecDeque};

use futures_util::future::{try_join, try_join3};

use super::failure::LookError;
use super::place::Place;
use crate::model::{Carried, CarriedKind, Digest, Limits, Tag};
use crate::registry::{FetchedManifest, ManifestAt, Referrers, Registry, RegistryError};
use crate::transfer::{ImageTree, TreeAnswer, TreeError};

/// What an image's source has beside it.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub carried: BTreeSet<Carried>,
    /// The image's own.
    pub referrers: Referrers,
    /// What stands under the image's own `.sig` tag.
    pub signatures: Option<FetchedManifest>,
    /// Parts of what is beside it that are not there. What lacks some is not in `carried`.
    pub missing: BTreeSet<Digest>,
    bytes: u64,
}

/// Why an image cannot travel with all that it has.
#[derive(Debug)]
pub(super) enum Obstacle {
    Refused(String),
    Look(LookError),
}

impl From<LookError> for Obstacle {
    fn from(error: LookError) -> Self {
        if error.is_about_content() {
            Self::Refused(error.to_string())
        } else {
            Self::Look(error)
        }
    }
}

impl From<RegistryError> for Obstacle {
    fn from(error: RegistryError) -> Self {
        LookError::from(error).into()
    }
}

impl From<TreeError> for Obstacle {
    fn from(error: TreeError) -> Self {
        LookError::from(error).into()
    }
}

/// Reads the referrers of each manifest of the image, theirs in turn, and cosign's tags for each manifest of the image.
/// What is over a limit or cannot be read is refused rather than left behind; what lacks a part is left out and told.
pub(super) async fn collect<R: Registry>(
    place: &Place<'_, R>,
    image: &Digest,
    manifests: &[Digest],
) -> Result<Collected, Obstacle> {
    let mut collected = Collected::default();
    let mut subjects: VecDeque<(Digest, usize)> = manifests.iter().map(|digest| (*digest, 0)).collect();
    while let Some((subject, depth)) = subjects.pop_front() {
        let (referrers, tagged) = try_join(place.referrers(&subject), tagged(place, &subject, depth)).await?;
        let count = referrers.descriptors.len();
        if count > place.limits.carried {
            return Err(too_many(count, place.limits));
        }
        for listed in &referrers.descriptors {
            let tree = match place.tree(&listed.digest).await? {
                TreeAnswer::Whole(tree) => tree,
                // Listed and not there: it was deleted.
                TreeAnswer::Absent => continue,
                TreeAnswer::Incomplete { missing } => {
                    collected.missing.extend(missing);
                    continue;
                }
            };
            // The fallback index can list anything.
            let refers_to = tree.root().manifest.subject.as_ref().map(|subject| subject.digest);
            if refers_to != Some(subject) {
                continue;
            }
            if depth >= place.limits.carried_depth {
                return Err(Obstacle::Refused(format!(
                    "{} refers to {subject}: referrers of referrers travel to a depth of {} (limit `carried-depth`)",
                    listed.digest, place.limits.carried_depth
                )));
            }
            collected.add(CarriedKind::Referrer { subject }, &tree, place).await?;
            subjects.push_back((listed.digest, depth + 1));
        }
        for (suffix, fetched) in &tagged {
            let tree = match place.tree(&fetched.digest).await? {
                TreeAnswer::Whole(tree) => tree,
                // The tag stands on it: its registry contradicts itself.
                TreeAnswer::Absent => {
                    collected.missing.insert(fetched.digest);
                    continue;
                }
                TreeAnswer::Incomplete { missing } => {
                    collected.missing.extend(missing);
                    continue;
                }
            };
            let kind = CarriedKind::CosignTag {
                subject,
                suffix: (*suffix).to_owned(),
            };
            collected.add(kind, &tree, place).await?;
        }
        if subject == *image {
            collected.referrers = referrers;
            collected.signatures = tagged
                .into_iter()
                .find_map(|(suffix, fetched)| (suffix == "sig").then_some(fetched));
        }
    }
    Ok(collected)
}

impl Collected {
    async fn add<R: Registry>(
        &mut self,
        kind: CarriedKind,
        tree: &ImageTree,
        place: &Place<'_, R>,
    ) -> Result<(), Obstacle> {
        let missing = place.missing_blobs(tree).await?;
        if !missing.is_empty() {
            self.missing.extend(missing);
            return Ok(());
        }
        let (digest, limits) = (tree.root().digest, place.limits);
        self.carried.insert(Carried { digest, kind });
        if self.carried.len() > limits.carried {
            return Err(too_many(self.carried.len(), limits));
        }
        self.bytes = self.bytes.saturating_add(tree.size());
        if self.bytes > limits.carried_bytes {
            return Err(Obstacle::Refused(format!(
                "its referrers and cosign tags have more than {} bytes, which is what travels with an image at most \
                 (limit `carried-bytes`); {digest} is one too many",
                limits.carried_bytes
            )));
        }
        Ok(())
    }
}

fn too_many(count: usize, limits: &Limits) -> Obstacle {
    Obstacle::Refused(format!(
        "it has {count} referrers and cosign tags or more: at most {} travel with an image (limit `carried`)",
        limits.carried
    ))
}

/// What stands under cosign's tags for a manifest of the image.
async fn tagged<R: Registry>(
    place: &Place<'_, R>,
    subject: &Digest,
    depth: usize,
) -> Result<Vec<(&'static str, FetchedManifest)>, RegistryError> {
    if depth > 0 {
        return Ok(Vec::new());
    }
    let [sig, att, sbom] = ["sig", "att", "sbom"].map(|suffix| (suffix, Tag::cosign(subject, suffix)));
    let fetched = try_join3(
        place.fetch(ManifestAt::Tag(&sig.1)),
        place.fetch(ManifestAt::Tag(&att.1)),
        place.fetch(ManifestAt::Tag(&sbom.1)),
    )
    .await?;
    let fetched = [(sig.0, fetched.0), (att.0, fetched.1), (sbom.0, fetched.2)];
    Ok(fetched
        .into_iter()
        .filter_map(|(suffix, fetched)| Some((suffix, fetched?)))
        .collect())
}
