//! Taking away what one key signed a second time.

use super::artifact::Verified;
use super::failure::Failure;
use super::shared_tag::Merged;
use super::sign::artifact_kind;
use super::unit::{StepResult, UnitTask};
use super::world::World;
use crate::model::{ArtifactKind, Digest, EndpointIndex, Repository, SignatureForm, Slot, Tag, media_type};
use crate::registry::{ErrorKind, ManifestAt, Referrers, Registry, WritableRegistry};
use crate::trust::{Merge, fallback_index, signature_manifest};

impl<W: World> UnitTask<W> {
    /// Removes artifacts of which `keeps` says the same, by the same key. That one is read and verified right before, and
    /// looked for again right after.
    pub(super) async fn remove(
        &self,
        slot: Slot,
        artifacts: &[Digest],
        keeps: Digest,
        endpoint: EndpointIndex,
    ) -> StepResult {
        let kind = artifact_kind(slot)?;
        let place = self.view.place(endpoint);
        let kept = self.read_artifact(kind, keeps, place).await.map_err(Failure::stale)?;
        self.ensure_admitted()?;
        if kind == ArtifactKind::Signature(SignatureForm::Tag) {
            self.remove_entries(place, artifacts).await?;
        } else {
            let listed = self.listed(place).await?;
            if !lists(&listed, &keeps) {
                return Err(Failure::stale(format_args!("{place}@{keeps} is not listed any more")));
            }
            for artifact in artifacts {
                self.remove_bundle(place, kind, artifact, &kept, &listed).await?;
            }
        }
        // Registries that drop more than they were asked to are found out at once.
        match self.read_artifact(kind, keeps, place).await {
            Ok(_) => Ok(None),
            Err(error) => Err(Failure::not_kept(format_args!(
                "what says the same was to stay, and does not verify any more: {error}"
            ))),
        }
    }

    async fn listed(&self, place: &Repository) -> Result<Referrers, Failure> {
        let listed = self.world.registry().referrers(place, &self.view.digest).await;
        listed.map_err(|error| Failure::reading(&error))
    }

    async fn remove_bundle(
        &self,
        place: &Repository,
        kind: ArtifactKind,
        artifact: &Digest,
        kept: &Verified,
        listed: &Referrers,
    ) -> Result<(), Failure> {
        let registry = self.world.registry();
        let stands = registry.manifest(place, ManifestAt::Digest(artifact)).await;
        if stands.map_err(|error| Failure::reading(&error))?.is_some() {
            let found = self
                .read_artifact(kind, *artifact, place)
                .await
                .map_err(Failure::stale)?;
            if found.evidence.by != kept.evidence.by {
                return Err(Failure::stale(format_args!("{place}@{artifact} is by another key")));
            }
        }
        // First out of the list, where there is one: registries refuse to delete what an index lists.
        if listed.fallback.is_some() {
            self.unlist(place, artifact).await?;
        }
        match registry.delete_manifest(place, artifact).await {
            Ok(_) => Ok(()),
            // Nobody finds it any more.
            Err(error) if error.kind == ErrorKind::Unsupported && !lists(&self.listed(place).await?, artifact) => {
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::Unsupported => Err(Failure::explained(
                &error,
                "this registry does not delete manifests. Declare `manifest-deletion = false` among its `capabilities`, or \
                 have the target say `duplicates = \"report\"`",
            )),
            Err(error) => Err(Failure::writing(&error)),
        }
    }

    async fn unlist(&self, place: &Repository, artifact: &Digest) -> Result<(), Failure> {
        let (subject, limits) = (&self.view.digest, &self.shared.limits);
        let tag = Tag::referrers_of(subject);
        // What is taken out on purpose is not missed.
        self.shared.seen.forget(place, &tag, artifact);
        self.merge_under_tag(place, &tag, |standing| {
            let left = fallback_index::without(standing, subject, std::slice::from_ref(artifact), limits)?;
            Ok(match left {
                Merge::AlreadyThere => Merge::AlreadyThere,
                Merge::Write(index) => Merge::Write(Merged {
                    media_type: media_type::OCI_INDEX.to_owned(),
                    manifest: index.into(),
                    blobs: Vec::new(),
                }),
            })
        })
        .await
    }

    async fn remove_entries(&self, place: &Repository, entries: &[Digest]) -> Result<(), Failure> {
        let tag = Tag::cosign(&self.view.digest, "sig");
        self.merge_under_tag(place, &tag, |standing| {
            Ok(
                match signature_manifest::without(standing, entries, &self.shared.limits)? {
                    Merge::AlreadyThere => Merge::AlreadyThere,
                    Merge::Write(merged) => Merge::Write(merged.into()),
                },
            )
        })
        .await
    }
}

fn lists(referrers: &Referrers, artifact: &Digest) -> bool {
    referrers.descriptors.iter().any(|listed| listed.digest == *artifact)
}
