//! Tags that many write: the fallback referrers index, cosign's `.sig` and `.att`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::failure::Failure;
use super::gone_entries::without;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Descriptor, Digest, Repository, Tag};
use crate::registry::{ErrorKind, FetchedManifest, ManifestAt, Registry, RegistryError, Replaced, WritableRegistry};
use crate::trust::{Merge, MergeError};

/// Writes until what was merged stands. Registries have no compare-and-swap: whoever writes between a look and the
/// write after it is overwritten, or overwrites. The second look finds the latter out, and once more is tried.
const WRITES: usize = 2;
/// Looks, those included that end in no write because somebody else wrote meanwhile.
const LOOKS: usize = 5;

/// The longest that a registry that is busy is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What shall stand under the tag.
#[derive(Debug)]
pub(super) struct Merged {
    pub media_type: String,
    pub manifest: Bytes,
    /// Uploaded first.
    pub blobs: Vec<(Descriptor, Bytes)>,
}

/// What the registry took no merge into, and why.
struct Refused {
    standing: FetchedManifest,
    gone: BTreeSet<Digest>,
}

impl<W: World> UnitTask<W> {
    /// Merges into what stands under a tag. One at a time for each tag; read before, right before the write, and after; what
    /// cannot be read is left as it is. All that others wrote stays, but for the entries that [`super::gone_entries`] speaks of.
    pub(super) async fn merge_under_tag(
        &self,
        place: &Repository,
        tag: &Tag,
        merge: impl Fn(Option<&[u8]>) -> Result<Merge<Merged>, MergeError> + Send + Sync,
    ) -> Result<(), Failure> {
        let (registry, transfer) = (self.world.registry(), &self.shared.transfer);
        let at = ManifestAt::Tag(tag);
        let _turn = self.shared.tags.lock(place, tag).await;
        let mut writes = 0;
        let mut refused: Option<Refused> = None;
        let mut throttled = None;
        for _ in 0..LOOKS {
            let standing = registry
                .manifest(place, at)
                .await
                .map_err(|error| unread(writes, &error))?;
            // Somebody wrote since: what is gone is to be found out anew.
            refused = refused.filter(|refused| Some(&refused.standing) == standing.as_ref());
            let kept = standing.as_ref().map(|manifest| match &refused {
                Some(refused) => without(&manifest.bytes, &refused.gone),
                None => Cow::Borrowed(&manifest.bytes[..]),
            });
            let merged =
                merge(kept.as_deref()).map_err(|error| Failure::content(format_args!("{place}:{tag}: {error}")))?;
            let merged = match merged {
                Merge::AlreadyThere => return Ok(()),
                Merge::Write(merged) => merged,
            };
            if writes == WRITES {
                break;
            }
            if !merged.blobs.is_empty() {
                transfer
                    .put_blobs(registry, place, &merged.blobs)
                    .await
                    .map_err(|error| Failure::transfer(&error))?;
            }
            if writes > 0 {
                tracing::warn!(
                    repository = %place, %tag,
                    "another program wrote here at once, and what landfall had entered was lost: it is entered again"
                );
            }
            let (media_type, sent) = (&merged.media_type, merged.manifest.clone());
            let replaced = registry
                .replace_manifest(place, tag, standing.as_ref(), media_type, sent)
                .await;
            let error = match replaced {
                Ok(Replaced::Stored(_)) => {
                    writes += 1;
                    continue;
                }
                Ok(Replaced::Changed) => continue,
                Ok(Replaced::Unread(error)) => return Err(unread(writes, &error)),
                Err(error) => error,
            };
            if error.kind == ErrorKind::Throttled {
                // The wait comes before the next look, not between it and its write: somebody else may write meanwhile.
                match error.retry_after {
                    Some(after) if after > PATIENCE => return Err(Failure::writing(&error)),
                    after => tokio::time::sleep(after.unwrap_or_default()).await,
                }
                throttled = Some(error);
                continue;
            }
            refused = match standing {
                Some(standing) if error.kind == ErrorKind::Missing && refused.is_none() => {
                    let gone = self.gone_from(place, &merged).await?;
                    Some(Refused { standing, gone }).filter(|refused| !refused.gone.is_empty())
                }
                _ => None,
            };
            if refused.is_none() {
                return Err(Failure::writing(&error));
            }
        }
        if let Some(error) = throttled.filter(|_| writes == 0) {
            return Err(Failure::writing(&error));
        }
        Err(Failure::not_kept(format_args!(
            "{place}:{tag}: another writer kept replacing what was merged into it"
        )))
    }
}

fn unread(writes: usize, error: &RegistryError) -> Failure {
    if writes == 0 {
        Failure::reading(error)
    } else {
        Failure::after_writing(error)
    }
}
