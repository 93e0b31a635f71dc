//! Setting tags, last of all.

use super::failure::Failure;
use super::journal::Journal;
use super::unit::{StepResult, UnitTask};
use super::world::World;
use crate::model::{Digest, EndpointIndex, Manifest, TagId};
use crate::registry::{ManifestAt, Registry, WritableRegistry};

impl<W: World> UnitTask<W> {
    pub(super) async fn tag(
        &self,
        tag: TagId,
        digest: Digest,
        replaces: Option<Digest>,
        endpoint: EndpointIndex,
    ) -> StepResult {
        let (registry, place) = (self.world.registry(), self.view.place(endpoint));
        let tag = self.view.tag(tag)?;
        let manifest = registry
            .manifest(place, ManifestAt::Digest(&digest))
            .await
            .map_err(|error| Failure::reading(&error))?
            .ok_or_else(|| Failure::stale(format_args!("{place}@{digest} is gone")))?;
        let media_type = match &manifest.media_type {
            Some(media_type) => media_type.clone(),
            None => {
                Manifest::parse(&manifest.bytes, None, &self.shared.limits)
                    .map_err(|error| Failure::failed(format_args!("{place}@{digest}: {error}")))?
                    .media_type
            }
        };
        // Right before the write: what stands there now decides, not what the plan saw.
        let standing = registry
            .head_manifest(place, ManifestAt::Tag(tag))
            .await
            .map_err(|error| Failure::reading(&error))?;
        if standing == Some(digest) {
            return Ok(None);
        }
        if standing != replaces {
            let shown = |value: Option<Digest>| value.map_or("nothing".to_owned(), |digest| digest.to_string());
            return Err(Failure::stale(format_args!(
                "{place}:{tag} stands on {}, not on {}",
                shown(standing),
                shown(replaces)
            )));
        }
        self.ensure_admitted()?;
        // From here on what the tag stands on is landfall's to repair, so not before the look at it.
        self.world.journal().will_tag(place, tag, digest)?;
        registry
            .put_manifest(place, ManifestAt::Tag(tag), &media_type, manifest.bytes)
            .await
            .map_err(|error| Failure::writing(&error))?;
        Ok(None)
    }
}
