//! Setting tags, last of all.

use super::failure::Failure;
use super::journal::Journal;
use super::unit::{StepResult, UnitTask};
use super::world::World;
use crate::model::{Digest, EndpointIndex, Manifest, Repository, Tag, TagId};
use crate::registry::{ManifestAt, Registry, WritableRegistry};

impl<W: World> UnitTask<W> {
    pub(super) async fn tag(
        &self,
        tag: TagId,
        digest: Digest,
        replaces: Option<(Digest, bool)>,
        endpoint: EndpointIndex,
    ) -> StepResult {
        let (registry, place) = (self.world.registry(), self.view.place(endpoint));
        let tag = self.view.tag(tag)?;
        let manifest = registry
            .manifest(place, ManifestAt::Digest(&digest))
            .await
            .map_err(|error| Failure::reading(&error))?
            .ok_or_else(|| Failure::stale(format_args!("{place}@{digest} is gone")))?;
        // As it was served: the same bytes under another media type would be another manifest to those who pull it.
        let media_type = match &manifest.media_type {
            Some(media_type) => media_type.clone(),
            None => {
                Manifest::parse(&manifest.bytes, None, &self.shared.limits)
                    .map_err(|error| Failure::content(format_args!("{place}@{digest}: {error}")))?
                    .media_type
            }
        };
        // Right before the write: what stands there now decides, not what the plan saw.
        let at = ManifestAt::Tag(tag);
        let standing = match replaces {
            Some(_) => registry.head_manifest(place, at).await,
            // A tag that is made where there is none overwrites what HEAD denies and a list has not got yet: GET decides.
            None => registry
                .manifest(place, at)
                .await
                .map(|found| found.map(|manifest| manifest.digest)),
        };
        let standing = standing.map_err(|error| Failure::reading(&error))?;
        if standing == Some(digest) {
            return Ok(None);
        }
        let replaced = replaces.map(|(old, _)| old);
        if standing != replaced {
            let shown = |value: Option<Digest>| value.map_or("nothing".to_owned(), |digest| digest.to_string());
            return Err(Failure::stale(format_args!(
                "{place}:{tag} stands on {}, not on {}",
                shown(standing),
                shown(replaced)
            )));
        }
        self.ensure_admitted()?;
        if let Some((old, true)) = replaces {
            self.anchor(place, &old).await?;
        }
        // From here on what the tag stands on is landfall's to repair, so not before the look at it.
        self.world.journal().will_tag(place, tag, digest)?;
        registry
            .put_manifest(place, ManifestAt::Tag(tag), &media_type, manifest.bytes)
            .await
            .map_err(|error| Failure::writing(&error))?;
        Ok(None)
    }

    /// Keeps a manifest that a tag is about to leave, where the registry may drop it then, and nobody else has it.
    async fn anchor(&self, place: &Repository, digest: &Digest) -> Result<(), Failure> {
        let registry = self.world.registry();
        let anchor = Tag::anchor(digest);
        let at = ManifestAt::Tag(&anchor);
        let standing = registry.head_manifest(place, at).await;
        if standing.map_err(|error| Failure::reading(&error))? == Some(*digest) {
            return Ok(());
        }
        let manifest = registry
            .manifest(place, ManifestAt::Digest(digest))
            .await
            .map_err(|error| Failure::reading(&error))?
            .ok_or_else(|| Failure::stale(format_args!("{place}@{digest} is gone")))?;
        let parsed = Manifest::parse(&manifest.bytes, manifest.media_type.as_deref(), &self.shared.limits)
            .map_err(|error| Failure::content(format_args!("{place}@{digest}: {error}")))?;
        registry
            .put_manifest(place, at, &parsed.media_type, manifest.bytes)
            .await
            .map_err(|error| Failure::writing(&error))?;
        let standing = registry.head_manifest(place, at).await;
        if standing.map_err(|error| Failure::reading(&error))? == Some(*digest) {
            return Ok(());
        }
        Err(Failure::not_kept(format_args!(
            "{place}:{anchor} does not stand: {digest}, which claims need, would go with its last tag"
        )))
    }
}
