//! One repository at one endpoint.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::{StreamExt as _, stream};

use super::facts::{Answer, ImageFacts, PlaceFacts, State, StrangerFacts};
use super::{Looking, beside, look_at_image, subject_of, why};
use crate::model::{Digest, Repository, Tag};
use crate::registry::{ManifestAt, Registry};
use crate::transfer::{TreeAnswer, read_tree};

/// Questions about one repository that wait for answers at once; how many are sent to a registry at once is limited by
/// the client.
const AT_ONCE: usize = 16;

/// How far an image is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every manifest down to the platforms, by its bytes.
    Manifests,
    /// And that each blob is there.
    Blobs,
}

/// What is looked for in a repository.
#[derive(Debug)]
pub struct PlaceToLook {
    pub place: Repository,
    /// Tags that are asked for.
    pub tags: BTreeSet<Tag>,
    /// Images that are asked for.
    pub images: BTreeSet<Digest>,
    /// Digests that history ever asked for here, these among them.
    pub declared: HashSet<Digest>,
    /// Whether what nobody asked for is looked for, too.
    pub unexpected: bool,
    pub depth: Depth,
}

/// Reads a repository.
pub async fn look_at_place<R: Registry>(looking: &Looking<'_, R>, wanted: &PlaceToLook) -> PlaceFacts {
    let place = &wanted.place;
    let listed = if wanted.unexpected {
        match looking.registry.tags(place).await {
            Ok(listed) => Answer::Seen(listed.map(|mut tags| {
                tags.sort_unstable();
                tags.dedup();
                tags
            })),
            Err(error) => Answer::NotSeen(why(&error)),
        }
    } else {
        Answer::Seen(None)
    };
    let others = listed.seen().into_iter().flatten().flatten();
    let mut asked: BTreeSet<&Tag> = others.filter(|tag| !tag.is_metadata()).collect();
    asked.extend(&wanted.tags);
    let heads = asked.into_iter().map(|tag| async move {
        let answer = match looking.registry.head_manifest(place, ManifestAt::Tag(tag)).await {
            Ok(digest) => Answer::Seen(digest),
            Err(error) => Answer::NotSeen(why(&error)),
        };
        (tag.clone(), answer)
    });
    // Boxed: the compiler cannot prove these streams `Send` for every lifetime otherwise.
    let tags: BTreeMap<Tag, Answer<Option<Digest>>> =
        stream::iter(heads).buffer_unordered(AT_ONCE).boxed().collect().await;
    let images = wanted.images.iter().map(|image| async move {
        let facts = look_at_image(looking, place, image, wanted.depth).await;
        (*image, facts)
    });
    let images: BTreeMap<Digest, _> = stream::iter(images).buffer_unordered(AT_ONCE).boxed().collect().await;
    let mut facts = PlaceFacts {
        place: place.clone(),
        listed,
        tags,
        images,
        strangers: BTreeMap::new(),
        all_known: true,
    };
    let (strangers, all_known) = strangers(looking, wanted, &facts).await;
    facts.all_known = all_known;
    let asked = strangers.into_iter().map(|digest| async move {
        let ours = match beside::look(looking, place, &digest).await {
            Ok(beside) => {
                let ours = beside.evidence.into_iter().filter(|found| found.by.is_some());
                Answer::Seen(ours.collect())
            }
            Err(why) => Answer::NotSeen(why),
        };
        (digest, StrangerFacts { ours })
    });
    facts.strangers = stream::iter(asked).buffer_unordered(AT_ONCE).boxed().collect().await;
    facts
}

/// Digests that tags or metadata tags speak of, and history does not; and whether that is certain of the latter.
async fn strangers<R: Registry>(
    looking: &Looking<'_, R>,
    wanted: &PlaceToLook,
    facts: &PlaceFacts,
) -> (BTreeSet<Digest>, bool) {
    let mut known = wanted.declared.clone();
    known.extend(facts.images.values().flat_map(|image| &image.known));
    let standing = facts
        .tags
        .values()
        .filter_map(|answer| answer.seen().copied().flatten());
    let mut strangers: BTreeSet<Digest> = standing.filter(|digest| !known.contains(digest)).collect();
    let metadata = facts.listed.seen().into_iter().flatten().flatten();
    let subjects: BTreeSet<Digest> = metadata
        .filter(|tag| tag.is_metadata())
        .filter_map(subject_of)
        .filter(|subject| !known.contains(subject))
        .collect();
    if subjects.is_empty() {
        return (strangers, true);
    }
    let is_known = |image: &ImageFacts| image.state.seen() == Some(&State::Whole) && image.evidence.seen().is_some();
    let mut all_known = facts.images.values().all(is_known);
    // What was asked for once has platforms, too, and something may stand beside these.
    for image in wanted.declared.difference(&wanted.images.iter().copied().collect()) {
        match read_tree(looking.registry, &wanted.place, image, looking.limits).await {
            Ok(TreeAnswer::Whole(tree)) => known.extend(tree.manifests().iter().map(|manifest| manifest.digest)),
            _ => all_known = false,
        }
        match beside::look(looking, &wanted.place, image).await {
            Ok(beside) => known.extend(beside.referrers),
            Err(_) => all_known = false,
        }
    }
    strangers.extend(subjects.into_iter().filter(|subject| !known.contains(subject)));
    (strangers, all_known)
}
