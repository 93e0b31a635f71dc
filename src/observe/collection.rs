//! What travels with an image: everything that its source has beside it, within limits.
//!
//! What is attached to an image is not the image. What of it cannot be read, or is too much, is left behind and named; it
//! holds up nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures_util::future::join_all;

use super::failure::LookError;
use super::place::Place;
use crate::facts::LeftBehind;
use crate::model::{Carried, CarriedKind, Carry, Digest, Limits, Obstacle, ObstacleKind, Tag};
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
    left: BTreeMap<Digest, Arc<str>>,
    bytes: u64,
}

/// Why nothing can be said of an image, or it cannot be promoted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It was read, and is not what landfall handles.
    Unfit(Obstacle),
    Look(LookError),
}

impl From<LookError> for Refusal {
    fn from(error: LookError) -> Self {
        if error.is_about_content() {
            Self::Unfit((&error).into())
        } else {
            Self::Look(error)
        }
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        LookError::from(error).into()
    }
}

impl From<TreeError> for Refusal {
    fn from(error: TreeError) -> Self {
        LookError::from(error).into()
    }
}

/// What asking for something beside the image came to, where that is not to be asked again.
enum Beside<T> {
    Is(T),
    /// It was read, and is not what landfall handles.
    Unfit(String),
}

/// A registry that gives no answer says nothing of what is there: only content can be unfit.
fn beside<T>(answer: Result<T, impl Into<LookError>>) -> Result<Beside<T>, LookError> {
    match answer.map_err(Into::into) {
        Ok(answer) => Ok(Beside::Is(answer)),
        Err(error) if error.is_about_content() => Ok(Beside::Unfit(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Reads the referrers of each manifest of the image, theirs in turn, and cosign's tags for each manifest of the image.
pub(super) async fn collect<R: Registry>(
    place: &Place<'_, R>,
    image: &Digest,
    manifests: &[Digest],
    carry: &Carry,
) -> Result<Collected, LookError> {
    let most = Most::of(carry, place.limits);
    let mut collected = Collected::default();
    let mut subjects: VecDeque<(Digest, usize)> = manifests.iter().map(|digest| (*digest, 0)).collect();
    while let Some((subject, depth)) = subjects.pop_front() {
        let referrers = match beside(place.referrers(&subject).await)? {
            Beside::Is(referrers) => referrers,
            Beside::Unfit(why) => {
                collected.leave(subject, format!("what refers to it: {why}"));
                Referrers::default()
            }
        };
        for listed in &referrers.descriptors {
            if let Some(tree) = collected.read(place, &listed.digest).await? {
                // The fallback index can list anything.
                let refers_to = tree.root().manifest.subject.as_ref().map(|subject| subject.digest);
                let artifact_type = tree.root().manifest.effective_artifact_type().unwrap_or_default();
                if refers_to != Some(subject) || !carry.takes(artifact_type) {
                    continue;
                }
                if depth >= most.depth {
                    let limit = most.depth;
                    collected.leave(
                        listed.digest,
                        format!("it refers to {subject}: referrers of referrers travel to a depth of {limit} (`depth` in `carry`, limit `carried-depth`)"),
                    );
                } else if collected
                    .add(CarriedKind::Referrer { subject }, &tree, place, most)
                    .await?
                {
                    subjects.push_back((listed.digest, depth + 1));
                }
            }
        }
        // Nobody puts cosign's tags beside what is itself beside the image.
        let tagged = if depth == 0 {
            tagged(place, &subject, carry, &mut collected).await?
        } else {
            Vec::new()
        };
        for (suffix, fetched) in &tagged {
            let kind = CarriedKind::CosignTag {
                subject,
                suffix: (*suffix).to_owned(),
            };
            match collected.read(place, &fetched.digest).await? {
                Some(tree) => {
                    collected.add(kind, &tree, place, most).await?;
                }
                None if collected.left.contains_key(&fetched.digest) => {}
                None => collected.leave(fetched.digest, "its tag stands, and it is gone".to_owned()),
            }
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
    /// What is left behind, and why.
    pub fn left(&self) -> Vec<LeftBehind> {
        let left = self.left.iter();
        left.map(|(digest, why)| LeftBehind {
            digest: *digest,
            why: Arc::clone(why),
        })
        .collect()
    }

    fn leave(&mut self, digest: Digest, why: String) {
        self.left
            .entry(digest)
            .or_insert_with(|| Obstacle::new(ObstacleKind::Content, why).text);
    }

    /// `None` where it is gone, which happens to what is listed, or left behind.
    async fn read<R: Registry>(
        &mut self,
        place: &Place<'_, R>,
        digest: &Digest,
    ) -> Result<Option<ImageTree>, LookError> {
        match beside(place.tree(digest).await)? {
            Beside::Is(TreeAnswer::Whole(tree)) => return Ok(Some(tree)),
            Beside::Is(TreeAnswer::Absent) => {}
            Beside::Is(TreeAnswer::Incomplete { missing }) => self.leave(*digest, gone(&missing)),
            Beside::Unfit(why) => self.leave(*digest, why),
        }
        Ok(None)
    }

    /// Whether it travels.
    async fn add<R: Registry>(
        &mut self,
        kind: CarriedKind,
        tree: &ImageTree,
        place: &Place<'_, R>,
        most: Most,
    ) -> Result<bool, LookError> {
        let digest = tree.root().digest;
        if self.carried.len() >= most.count {
            self.leave(digest, too_many(most));
            return Ok(false);
        }
        let bytes = self.bytes.saturating_add(tree.size());
        if bytes > most.bytes {
            self.leave(
                digest,
                format!(
                    "with it, referrers and cosign tags would have more than {} bytes, which is what travels with an \
                     image at most (`bytes` in `carry`, limit `carried-bytes`)",
                    most.bytes
                ),
            );
            return Ok(false);
        }
        let missing = place.gone_blobs(tree).await?;
        if !missing.is_empty() {
            self.leave(digest, gone(&missing));
            return Ok(false);
        }
        self.bytes = bytes;
        self.carried.insert(Carried { digest, kind });
        Ok(true)
    }
}

fn gone(missing: &[Digest]) -> String {
    let first = missing.first().map(Digest::to_string).unwrap_or_default();
    match missing.len() {
        0 | 1 => format!("{first}, a part of it, is gone"),
        count => format!("{count} parts of it are gone, {first} among them"),
    }
}

fn too_many(most: Most) -> String {
    format!(
        "{} referrers and cosign tags travel with an image at most (`count` in `carry`, limit `carried`)",
        most.count
    )
}

/// What both the manifests and the process allow.
#[derive(Debug, Clone, Copy)]
struct Most {
    count: usize,
    bytes: u64,
    depth: usize,
}

impl Most {
    fn of(carry: &Carry, limits: &Limits) -> Self {
        Self {
            count: carry.count.unwrap_or(usize::MAX).min(limits.carried),
            bytes: carry.bytes.unwrap_or(u64::MAX).min(limits.carried_bytes),
            depth: carry.depth.unwrap_or(usize::MAX).min(limits.carried_depth),
        }
    }
}

/// What stands under cosign's tags for a manifest of the image.
async fn tagged<R: Registry>(
    place: &Place<'_, R>,
    subject: &Digest,
    carry: &Carry,
    collected: &mut Collected,
) -> Result<Vec<(&'static str, FetchedManifest)>, LookError> {
    let tags: Vec<(&'static str, Tag)> = carry
        .cosign_tags
        .iter()
        .map(|tag| (tag.as_str(), Tag::cosign(subject, tag.as_str())))
        .collect();
    let looks = tags
        .iter()
        .map(|(suffix, tag)| async move { (*suffix, place.fetch(ManifestAt::Tag(tag)).await) });
    let looks = join_all(looks).await;
    let mut found = Vec::new();
    for (suffix, look) in looks {
        match beside(look)? {
            Beside::Is(Some(fetched)) => found.push((suffix, fetched)),
            Beside::Is(None) => {}
            Beside::Unfit(why) => collected.leave(*subject, format!("what stands under its tag `.{suffix}`: {why}")),
        }
    }
    Ok(found)
}
