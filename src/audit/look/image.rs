//! One image at one place.

use super::beside;
use super::facts::{Answer, ImageFacts, State};
use super::place::Depth;
use super::{Looking, why};
use crate::model::{Digest, Repository};
use crate::registry::{ErrorKind, Registry};
use crate::transfer::{TreeAnswer, TreeError, read_tree};

/// Reads an image down to `depth`, and what stands beside it where it is there.
pub async fn look_at_image<R: Registry>(
    looking: &Looking<'_, R>,
    place: &Repository,
    image: &Digest,
    depth: Depth,
) -> ImageFacts {
    let mut known = vec![*image];
    let state = match read_tree(looking.registry, place, image, looking.limits).await {
        // The registry itself shows that it holds something else there.
        Err(TreeError::Registry(error)) if error.kind == ErrorKind::DigestMismatch => {
            Answer::Seen(State::Corrupt(why(&error)))
        }
        Err(error @ TreeError::Contradiction { .. }) => Answer::Seen(State::Corrupt(why(&error))),
        Err(error) => Answer::NotSeen(why(&error)),
        Ok(TreeAnswer::Absent) => Answer::Seen(State::Absent),
        Ok(TreeAnswer::Incomplete { missing }) => {
            known.extend(&missing);
            Answer::Seen(State::Incomplete(missing))
        }
        Ok(TreeAnswer::Whole(tree)) => {
            known.extend(tree.manifests().iter().map(|manifest| manifest.digest));
            match depth {
                Depth::Manifests => Answer::Seen(State::Whole),
                Depth::Blobs => {
                    let mut missing = Vec::new();
                    let mut failed = None;
                    for blob in tree.blobs() {
                        match looking.registry.has_blob(place, blob).await {
                            Ok(true) => {}
                            Ok(false) => missing.push(blob.digest),
                            // The registry itself says that it holds something else there.
                            Err(error) if error.kind == ErrorKind::DigestMismatch => missing.push(blob.digest),
                            Err(error) => failed = Some(why(&error)),
                        }
                    }
                    match failed {
                        _ if !missing.is_empty() => Answer::Seen(State::Incomplete(missing)),
                        Some(why) => Answer::NotSeen(why),
                        None => Answer::Seen(State::Whole),
                    }
                }
            }
        }
    };
    // Where the image is gone, what was beside it may stand: it says nothing to those who pull.
    let beside = beside::look(looking, place, image).await;
    let (evidence, records) = match beside {
        Err(why) => (Answer::NotSeen(why), Vec::new()),
        Ok(beside) => {
            known.extend(beside.referrers);
            (Answer::Seen(beside.evidence), beside.records)
        }
    };
    known.sort_unstable();
    known.dedup();
    ImageFacts {
        state,
        known,
        evidence,
        records,
    }
}
