use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::*;
use crate::model::{Descriptor, Digest, Repository, Tag};
use crate::registry::{
    BlobStream, ErrorKind, ManifestAt, Referrers, Registry as _, RegistryError, WritableRegistry as _,
};
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{Behaviour, Failure, Fault, FaultPlan, Operations, Rate, Store, Window, moves_tags};

fn here() -> Repository {
    "one.test/app".parse().unwrap()
}

fn tag() -> Tag {
    "v1".parse().unwrap()
}

/// An image under `v1`, and a registry where this fault strikes every request that it concerns.
fn prepared(fault: Option<Fault>) -> (MemoryRegistries, Image) {
    let store = Store::new();
    let image = ImageRecipe::single().make(Seed(1));
    image.push(&store, &here());
    store.set_tag(&here(), &tag(), image.root());
    let mut plan = FaultPlan::default();
    if let Some(fault) = fault {
        plan = plan.and_everywhere(Rate {
            fault,
            on: Operations::All,
            probability: 1.0,
            during: Window::ALWAYS,
        });
    }
    (MemoryRegistries::seeded(store, Seed(1), plan), image)
}

async fn read_all(mut stream: BlobStream) -> Result<Vec<u8>, RegistryError> {
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend(piece?);
    }
    Ok(all)
}

fn sending(bytes: &Bytes) -> BlobStream {
    stream::iter([Ok(bytes.clone())]).boxed()
}

#[tokio::test]
async fn what_is_stored_is_read_and_what_is_not_is_absent() {
    let (registries, image) = prepared(None);
    let root = image.root();
    let fetched = registries
        .manifest(&here(), ManifestAt::Tag(&tag()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((fetched.digest, &fetched.bytes), (root, &image.root_manifest().bytes));
    assert_eq!(
        registries
            .head_manifest(&here(), ManifestAt::Digest(&root))
            .await
            .unwrap(),
        Some(root)
    );
    let blob = &image.blobs()[0];
    let stream = registries.blob(&here(), &blob.descriptor).await.unwrap().unwrap();
    assert_eq!(read_all(stream).await.unwrap(), blob.bytes);
    assert_eq!(registries.tags(&here()).await.unwrap(), Some(vec![tag()]));

    let elsewhere = "one.test/other".parse().unwrap();
    assert_eq!(
        registries.manifest(&elsewhere, ManifestAt::Tag(&tag())).await.unwrap(),
        None
    );
    assert!(registries.blob(&elsewhere, &blob.descriptor).await.unwrap().is_none());
    assert_eq!(registries.tags(&elsewhere).await.unwrap(), None);
    assert_eq!(
        registries.referrers(&elsewhere, &root).await.unwrap(),
        Referrers::default()
    );
}

#[tokio::test]
async fn damaged_bytes_surface_as_digest_mismatch() {
    let (registries, image) = prepared(None);
    let blob = &image.blobs()[0].descriptor;
    registries.store().corrupt_manifest(&here(), &image.root());
    registries.store().corrupt_blob(&here(), &blob.digest);
    for at in [ManifestAt::Tag(&tag()), ManifestAt::Digest(&image.root())] {
        let error = registries.manifest(&here(), at).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::DigestMismatch);
    }
    let stream = registries.blob(&here(), blob).await.unwrap().unwrap();
    assert_eq!(read_all(stream).await.unwrap_err().kind, ErrorKind::DigestMismatch);
}

#[tokio::test]
async fn an_uncertain_write_took_effect_and_a_failed_one_did_not() {
    let bytes = Bytes::from_static(b"new");
    let blob = Descriptor {
        digest: Digest::of(&bytes),
        size: 3,
        ..prepared(None).1.blobs()[0].descriptor.clone()
    };
    for (fault, stored) in [
        (Fault::FailsAfterEffect(Failure::Interrupted), true),
        (Fault::Fails(Failure::Interrupted), false),
    ] {
        let (registries, _) = prepared(Some(fault));
        let error = registries.put_blob(&here(), &blob, sending(&bytes)).await.unwrap_err();
        assert!(error.is_uncertain());
        assert_eq!(registries.store().has_blob(&here(), &blob.digest), stored);
    }
}

#[tokio::test]
async fn a_lost_write_is_acknowledged_recorded_and_not_there() {
    let (registries, _) = prepared(Some(Fault::LosesWrite));
    let image = ImageRecipe::single().make(Seed(2));
    let blob = &image.blobs()[0];
    let mark = registries.store().now();
    registries
        .put_blob(&here(), &blob.descriptor, sending(&blob.bytes))
        .await
        .unwrap();
    assert!(!registries.store().has_blob(&here(), &blob.descriptor.digest));
    let writes = registries.store().client_writes_since(mark);
    assert_eq!(writes.len(), 1);
    assert!(!writes[0].changed);
}

#[tokio::test]
async fn a_lying_head_finds_what_is_not_there() {
    let (registries, image) = prepared(Some(Fault::FalsePresence));
    let blob = &image.blobs()[0].descriptor;
    registries.store().lose_blob(&here(), &blob.digest);
    assert!(registries.has_blob(&here(), blob).await.unwrap());
    registries.faults().stop();
    assert!(!registries.has_blob(&here(), blob).await.unwrap());
}

#[tokio::test]
async fn content_that_ends_in_an_error_is_not_stored() {
    let (registries, image) = prepared(None);
    let other: Repository = "two.test/app".parse().unwrap();
    let blob = &image.blobs()[0].descriptor;
    registries.store().corrupt_blob(&here(), &blob.digest);
    let stream = registries.blob(&here(), blob).await.unwrap().unwrap();
    assert!(registries.put_blob(&other, blob, stream).await.is_err());
    assert_eq!(registries.store().contents(&other), None);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_shows_up_in_lists_later_and_is_there_when_asked_for() {
    let minute = Duration::from_secs(60);
    let (registries, image) = prepared(Some(Fault::ListsLate(minute)));
    let new: Tag = "v2".parse().unwrap();
    let manifest = image.root_manifest();
    let (at, media_type) = (ManifestAt::Tag(&new), &manifest.media_type);
    registries
        .put_manifest(&here(), at, media_type, manifest.bytes.clone())
        .await
        .unwrap();
    assert_eq!(registries.tags(&here()).await.unwrap(), Some(vec![tag()]));
    assert!(
        registries
            .head_manifest(&here(), ManifestAt::Tag(&new))
            .await
            .unwrap()
            .is_some()
    );
    tokio::time::advance(minute).await;
    assert_eq!(registries.tags(&here()).await.unwrap(), Some(vec![tag(), new]));
}

#[tokio::test]
async fn referrers_come_from_api_and_fallback_index_each_once() {
    let (registries, image) = prepared(None);
    let (sbom, provenance) = (image.sbom_referrer(), image.attestation_referrer());
    sbom.push(registries.store(), &here());
    provenance.push(registries.store(), &here());
    registries.store().add_to_fallback_index(&here(), &sbom.root());
    let found = registries.referrers(&here(), &image.root()).await.unwrap();
    assert_eq!((found.descriptors.len(), found.from_api.len()), (2, 2));
    assert!(found.fallback.is_some());

    registries
        .store()
        .set_behaviour(&here().registry, Behaviour::without_referrers());
    let found = registries.referrers(&here(), &image.root()).await.unwrap();
    assert_eq!((found.descriptors.len(), found.from_api.len()), (1, 0));
}

#[tokio::test]
async fn an_unreadable_fallback_index_is_an_error_and_no_absence() {
    let (registries, image) = prepared(None);
    let (tag, content) = (Tag::referrers_of(&image.root()), Bytes::from_static(b"not an index"));
    let digest = registries
        .store()
        .add_manifest(&here(), "application/vnd.oci.image.index.v1+json", content);
    registries.store().set_tag(&here(), &tag, digest);
    let error = registries.referrers(&here(), &image.root()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn a_second_writer_comes_between_two_requests() {
    let (registries, image) = prepared(None);
    ImageRecipe::single().make(Seed(2)).push(registries.store(), &here());
    registries.faults().add_second_writer(1.0, moves_tags());
    let seen = registries
        .head_manifest(&here(), ManifestAt::Tag(&tag()))
        .await
        .unwrap();
    assert_ne!(seen, Some(image.root()));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    async fn run(seed: u64) -> Vec<String> {
        let (prepared, image) = prepared(None);
        let store = prepared.store().clone();
        let registry = here().registry;
        let plan = FaultPlan::drawn(Seed(seed), &[registry], Duration::from_secs(60));
        let registries = MemoryRegistries::seeded(store, Seed(seed), plan).with_latency(Latency {
            request: Duration::from_millis(50),
            ..Latency::default()
        });
        let began = tokio::time::Instant::now();
        let mut seen = Vec::new();
        for _ in 0..50 {
            let root = image.root();
            seen.push(format!(
                "{:?}",
                registries.manifest(&here(), ManifestAt::Digest(&root)).await
            ));
            seen.push(format!("{:?}", registries.tags(&here()).await));
        }
        seen.push(format!("{:?}", began.elapsed()));
        seen
    }
    assert_eq!(run(3).await, run(3).await);
    assert_ne!(run(3).await, run(4).await);
}
