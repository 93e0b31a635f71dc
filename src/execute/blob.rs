//! Blobs small enough for memory.

use bytes::Bytes;
use futures_util::StreamExt;

use crate::model::{Descriptor, Digest, Limits, Obstacle, ObstacleKind, Repository};
use crate::registry::Registry;
use crate::transfer::known_content;

/// Reads a blob and holds it against its digest, unless its bytes are known anyway. An error says why this place did not
/// give it.
pub(super) async fn read_small<R: Registry>(
    registry: &R,
    repository: &Repository,
    blob: &Descriptor,
    limits: &Limits,
) -> Result<Bytes, Obstacle> {
    if let Some(bytes) = known_content(blob) {
        return Ok(bytes);
    }
    let limit = limits.small_blob as u64;
    if blob.size > limit {
        return Err(Obstacle::new(
            ObstacleKind::TooLarge,
            format_args!(
                "{repository}: blob {} has {} bytes: at most {limit} are allowed",
                blob.digest, blob.size
            ),
        ));
    }
    let mut content = registry
        .blob(repository, blob)
        .await
        .map_err(|error| Obstacle::from(&error))?
        .ok_or_else(|| {
            let what = format_args!("{repository} does not have blob {}", blob.digest);
            Obstacle::new(ObstacleKind::Missing, what)
        })?;
    let other = |what: &str| {
        let text = format_args!("{repository}: blob {} {what}", blob.digest);
        Obstacle::new(ObstacleKind::DigestMismatch, text)
    };
    let mut bytes = Vec::new();
    while let Some(piece) = content.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| Obstacle::from(&error))?);
        if bytes.len() as u64 > blob.size {
            return Err(other("is longer than it says"));
        }
    }
    if Digest::of(&bytes) != blob.digest {
        return Err(other("has other bytes"));
    }
    Ok(bytes.into())
}
