//! What faults make of answers.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::MemoryRegistries;
use crate::model::{Digest, Repository, Tag, media_type};
use crate::registry::{ErrorKind, ManifestAt, Mount, Registry as _, RegistryError, WritableRegistry as _};
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{Failure, Fault, FaultPlan, Operations, Rate, Store, Window};

fn here() -> Repository {
    "one.test/app".parse().unwrap()
}

fn tag() -> Tag {
    "v1".parse().unwrap()
}

/// An image with a referrer under `v1`, where this fault strikes every request that it concerns.
fn struck_by(fault: Fault) -> (MemoryRegistries, Image) {
    let store = Store::new();
    let image = ImageRecipe::single().make(Seed(1));
    image.push(&store, &here());
    image.sbom_referrer().push(&store, &here());
    store.set_tag(&here(), &tag(), image.root());
    let plan = FaultPlan::default().and_everywhere(Rate {
        fault,
        on: Operations::All,
        probability: 1.0,
        during: Window::ALWAYS,
    });
    (MemoryRegistries::seeded(store, Seed(1), plan), image)
}

async fn read(registries: &MemoryRegistries, image: &Image) -> Result<Option<Vec<u8>>, RegistryError> {
    let blob = &image.blobs()[0].descriptor;
    let Some(mut pieces) = registries.blob(&here(), blob).await? else {
        return Ok(None);
    };
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await {
        all.extend(piece?);
    }
    Ok(Some(all))
}

fn kind<T>(answer: Result<T, RegistryError>) -> Option<ErrorKind> {
    answer.err().map(|error| error.kind)
}

#[tokio::test]
async fn a_404_that_turns_true_hides_everything_until_then() {
    let (registries, image) = struck_by(Fault::FalseAbsence);
    let (root, here, tag) = (image.root(), here(), tag());
    assert_eq!(registries.manifest(&here, ManifestAt::Tag(&tag)).await.unwrap(), None);
    assert_eq!(
        registries
            .head_manifest(&here, ManifestAt::Digest(&root))
            .await
            .unwrap(),
        None
    );
    assert!(!registries.has_blob(&here, &image.blobs()[0].descriptor).await.unwrap());
    assert_eq!(read(&registries, &image).await.unwrap(), None);
    assert_eq!(registries.tags(&here).await.unwrap(), None);
    assert!(registries.referrers(&here, &root).await.unwrap().descriptors.is_empty());
    registries.faults().stop();
    assert_eq!(registries.tags(&here).await.unwrap(), Some(vec![tag]));
    assert_eq!(registries.referrers(&here, &root).await.unwrap().descriptors.len(), 1);
}

#[tokio::test]
async fn what_is_missing_is_forbidden_and_what_is_there_is_not() {
    let (registries, image) = struck_by(Fault::ForbiddenForMissing);
    let (here, root, missing) = (here(), image.root(), Digest::of(b"missing"));
    let ask = async |digest| kind(registries.manifest(&here, ManifestAt::Digest(digest)).await);
    assert_eq!(ask(&root).await, None);
    assert_eq!(ask(&missing).await, Some(ErrorKind::Denied));
}

#[tokio::test]
async fn what_is_cut_off_is_no_answer() {
    let (registries, image) = struck_by(Fault::Truncated);
    let (root, here, tag) = (image.root(), here(), tag());
    assert_eq!(
        kind(registries.manifest(&here, ManifestAt::Tag(&tag)).await),
        Some(ErrorKind::DigestMismatch)
    );
    assert_eq!(kind(read(&registries, &image).await), Some(ErrorKind::DigestMismatch));
    assert_eq!(kind(registries.tags(&here).await), Some(ErrorKind::Malformed));
    assert_eq!(
        kind(registries.referrers(&here, &root).await),
        Some(ErrorKind::Malformed)
    );
}

#[tokio::test]
async fn a_write_that_is_answered_by_something_strange_may_have_happened() {
    for fault in [
        Fault::WrongDigest,
        Fault::FailsAfterEffect(Failure::Malformed),
        Fault::FailsAfterEffect(Failure::TooLarge),
    ] {
        let (registries, image) = struck_by(fault);
        let (new, manifest): (Tag, _) = ("v2".parse().unwrap(), image.root_manifest());
        let written = registries
            .put_manifest(
                &here(),
                ManifestAt::Tag(&new),
                &manifest.media_type,
                manifest.bytes.clone(),
            )
            .await;
        assert!(written.unwrap_err().is_uncertain(), "{fault:?}");
        assert_eq!(registries.store().tag(&here(), &new), Some(image.root()), "{fault:?}");
    }
}

#[tokio::test]
async fn an_upload_that_is_lost_stores_nothing() {
    let (registries, image) = struck_by(Fault::UploadLost);
    let blob = &image.blobs()[0];
    let other: Repository = "one.test/other".parse().unwrap();
    let content = stream::iter([Ok(Bytes::clone(&blob.bytes))]).boxed();
    let error = registries
        .put_blob(&other, &blob.descriptor, content)
        .await
        .unwrap_err();
    assert_eq!(error.code.as_deref(), Some("BLOB_UPLOAD_UNKNOWN"));
    assert!(!registries.store().has_blob(&other, &blob.descriptor.digest));
}

#[tokio::test]
async fn a_mount_may_be_declined() {
    let (registries, image) = struck_by(Fault::MountDeclined);
    let blob = &image.blobs()[0].descriptor;
    let other: Repository = "one.test/other".parse().unwrap();
    let mount = async || registries.mount_blob(&other, &here().path, blob).await.unwrap();
    assert_eq!(mount().await, Mount::NotMounted);
    registries.faults().stop();
    assert_eq!(mount().await, Mount::Mounted);
}

#[tokio::test]
async fn referrers_may_be_listed_by_the_fallback_index_alone_or_under_a_wrong_type() {
    let (registries, image) = struck_by(Fault::ReferrersUnsupported);
    let list = async |registries: &MemoryRegistries| registries.referrers(&here(), &image.root()).await.unwrap();
    assert!(list(&registries).await.descriptors.is_empty());
    registries
        .store()
        .add_to_fallback_index(&here(), &image.sbom_referrer().root());
    let found = list(&registries).await;
    assert_eq!((found.descriptors.len(), found.from_api.len()), (1, 0));

    let (registries, _) = struck_by(Fault::WrongArtifactType);
    let found = list(&registries).await.descriptors;
    assert_eq!(found[0].artifact_type.as_deref(), Some(media_type::OCI_EMPTY));
}
