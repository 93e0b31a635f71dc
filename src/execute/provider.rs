//! Reading from the places that a step names, in their order.

use futures_util::future::BoxFuture;

use super::failure::Failure;
use super::unit::UnitTask;
use super::world::World;
use crate::model::{Descriptor, Digest, Limits, Manifest, ManifestError, Obstacle, ObstacleKind, Repository};
use crate::plan::Provider;
use crate::registry::{FetchedManifest, ManifestAt, Registry};

/// A manifest that was asked for by its digest, and what it says.
#[derive(Debug, Clone)]
pub(super) struct ReadManifest {
    pub fetched: FetchedManifest,
    pub manifest: Manifest,
}

/// The image as descriptors name it. From its bytes alone: a registry's own word for the media type, which counts where
/// the manifest has none, could make another subject of it, and so another signature's referrer.
fn describe(bytes: &[u8], limits: &Limits) -> Result<Descriptor, ManifestError> {
    let manifest = Manifest::parse(bytes, None, limits)?;
    Ok(Descriptor::of(manifest.media_type, bytes))
}

/// Why one place did not give what was asked of it.
pub(super) async fn read_manifest<R: Registry>(
    registry: &R,
    repository: &Repository,
    digest: &Digest,
    limits: &Limits,
) -> Result<ReadManifest, Obstacle> {
    let fetched = registry
        .manifest(repository, ManifestAt::Digest(digest))
        .await
        .map_err(|error| Obstacle::from(&error))?
        .ok_or_else(|| {
            let what = format_args!("{repository} does not have {digest}");
            Obstacle::new(ObstacleKind::Missing, what)
        })?;
    let manifest = Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), limits)
        .map_err(|error| Obstacle::new(ObstacleKind::Content, format_args!("{repository}@{digest}: {error}")))?;
    Ok(ReadManifest { fetched, manifest })
}

impl<W: World> UnitTask<W> {
    /// Reads from the first of these places that gives what is asked of it. Which one it was does not matter: all that
    /// is read is held against a digest or a signature.
    pub(super) async fn read_from<'t, T>(
        &'t self,
        providers: &[Provider],
        read: impl Fn(&'t Repository) -> BoxFuture<'t, Result<T, Obstacle>>,
    ) -> Result<T, Failure> {
        let admission = self.admission()?;
        let mut obstacles = Vec::new();
        let mut told = Vec::new();
        for provider in providers {
            let (name, repository) = self.view.provider(*provider, admission);
            match read(repository).await {
                Ok(found) => return Ok(found),
                Err(obstacle) => {
                    told.push(format!("{name}: {obstacle}"));
                    obstacles.push(obstacle);
                }
            }
        }
        if told.is_empty() {
            return Err(Failure::no_source("the plan names no place to read it from", []));
        }
        Err(Failure::no_source(told.join("; "), obstacles))
    }

    /// The image as descriptors name it, read once.
    pub(super) async fn subject(&self) -> Result<&Descriptor, Failure> {
        self.subject
            .get_or_init(|| self.read_subject())
            .await
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Boxed, here as elsewhere: the compiler cannot prove such futures `Send` for every lifetime otherwise.
    fn read_subject(&self) -> BoxFuture<'_, Result<Descriptor, Failure>> {
        let (registry, limits) = (self.world.registry(), &self.shared.limits);
        Box::pin(async move {
            let standing = self.standing();
            let bytes = match self.copied_from() {
                Some(from) if standing.is_empty() => self.tree(from).await?.root().bytes.clone(),
                _ => {
                    let read = |place| -> BoxFuture<'_, _> {
                        Box::pin(read_manifest(registry, place, &self.view.digest, limits))
                    };
                    self.read_from(&standing, read).await?.fetched.bytes
                }
            };
            describe(&bytes, limits).map_err(|error| Failure::content(format_args!("{}: {error}", self.view.digest)))
        })
    }
}
