//! Copies between registries in memory.

mod artifacts;
mod sources;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::model::media_type;
use crate::registry::ErrorKind;
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{
    Behaviour, Failure, Fault, FaultPlan, Latency, MemoryRegistries, Operation, Operations, Rate, Store, Window,
    WriteKind,
};
use crate::transfer::{Artifact, TreeError};

fn repository(text: &str) -> Repository {
    text.parse().unwrap()
}

fn source() -> Repository {
    repository("source.test/team/app")
}

fn mirrors(count: usize) -> Vec<Repository> {
    (0..count)
        .map(|number| repository(&format!("mirror-{number}.test/app")))
        .collect()
}

/// An image that stands at the source.
fn prepared(recipe: ImageRecipe) -> (Store, Image) {
    let (store, image) = (Store::new(), recipe.make(Seed(1)));
    image.push(&store, &source());
    (store, image)
}

async fn tree_of(registries: &MemoryRegistries, image: &Image) -> ImageTree {
    let reads = Transfer::default();
    reads
        .read_from(registries, &image.root(), &[source()], &Limits::default())
        .await
        .unwrap()
}

/// Copies, and gives the results in the order of the destinations.
async fn copy_with(
    transfer: &Transfer,
    registries: &MemoryRegistries,
    tree: &ImageTree,
    from: &[Repository],
    to: &[Repository],
) -> Vec<Result<Pushed, TransferError>> {
    let mut results: Vec<CopyResult> = transfer.copy_tree(registries, tree, from, to, &|_| {}).collect().await;
    results.sort_by_key(|result| result.destination);
    assert_eq!(results.len(), to.len());
    results.into_iter().map(|result| result.result).collect()
}

async fn copy(
    registries: &MemoryRegistries,
    image: &Image,
    from: &[Repository],
    to: &[Repository],
) -> Vec<Result<Pushed, TransferError>> {
    let tree = tree_of(registries, image).await;
    copy_with(&Transfer::default(), registries, &tree, from, to).await
}

fn stands(store: &Store, image: &Image, at: &Repository) -> bool {
    image
        .manifests()
        .iter()
        .all(|manifest| store.has_manifest(at, &manifest.digest))
        && image
            .blobs()
            .iter()
            .all(|blob| store.blob(at, &blob.descriptor.digest) == Some(blob.bytes.clone()))
}

fn always(fault: Fault, on: Operations) -> Rate {
    Rate {
        fault,
        on,
        probability: 1.0,
        during: Window::ALWAYS,
    }
}

#[tokio::test]
async fn one_read_of_each_blob_feeds_five_mirrors() {
    let (store, image) = prepared(ImageRecipe::nested(2, 3).with_layers(3, 5_000));
    let registries = MemoryRegistries::new(store.clone());
    let to = mirrors(5);
    let taken = AtomicU64::new(0);
    let tree = tree_of(&registries, &image).await;
    let transfer = Transfer::default();
    let count = |bytes| {
        taken.fetch_add(bytes, Ordering::Relaxed);
    };
    let results: Vec<_> = transfer
        .copy_tree(&registries, &tree, &[source()], &to, &count)
        .collect()
        .await;
    assert!(results.iter().all(|result| result.result.is_ok()));
    assert!(to.iter().all(|mirror| stands(&store, &image, mirror)));
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64);
    let bytes: usize = image.blobs().iter().map(|blob| blob.bytes.len()).sum();
    assert_eq!(taken.into_inner(), 5 * bytes as u64);
}

#[tokio::test]
async fn a_second_copy_reads_no_blob_and_writes_nothing() {
    let (store, image) = prepared(ImageRecipe::multi(2));
    let registries = MemoryRegistries::new(store.clone());
    let to = mirrors(2);
    copy(&registries, &image, &[source()], &to).await;
    store.forget_history();
    assert!(
        copy(&registries, &image, &[source()], &to)
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(store.writes(), []);
    assert_eq!(store.requests().of(Operation::ReadBlob), 0);
}

#[tokio::test]
async fn only_what_is_missing_or_damaged_is_written() {
    let (store, image) = prepared(ImageRecipe::multi(2));
    let registries = MemoryRegistries::new(store.clone());
    let to = mirrors(1);
    copy(&registries, &image, &[source()], &to).await;
    let (child, blob) = (image.manifests()[0].digest, image.blobs()[0].descriptor.digest);
    store.lose_blob(&to[0], &blob);
    store.delete_manifest(&to[0], &child);
    store.corrupt_manifest(&to[0], &image.root());
    let mark = store.now();
    assert!(copy(&registries, &image, &[source()], &to).await[0].is_ok());
    let written: Vec<WriteKind> = store
        .client_writes_since(mark)
        .into_iter()
        .map(|write| write.kind)
        .collect();
    let manifest = |digest| WriteKind::Manifest { digest, tag: None };
    assert_eq!(
        written,
        [WriteKind::Blob(blob), manifest(child), manifest(image.root())]
    );
    assert!(stands(&store, &image, &to[0]));
}

#[tokio::test]
async fn blobs_are_mounted_from_another_repository_of_the_same_registry() {
    let (store, image) = prepared(ImageRecipe::single());
    let registries = MemoryRegistries::new(store.clone());
    let to = [repository("source.test/production/app")];
    assert!(copy(&registries, &image, &[source()], &to).await[0].is_ok());
    assert_eq!(store.requests().of(Operation::ReadBlob), 0);
    assert_eq!(store.requests().of(Operation::MountBlob), image.blobs().len() as u64);

    store.set_behaviour(
        &to[0].registry,
        Behaviour {
            mounts: false,
            ..Behaviour::default()
        },
    );
    store.drop_repository(&to[0]);
    assert!(copy(&registries, &image, &[source()], &to).await[0].is_ok());
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64);
}

#[tokio::test]
async fn a_failing_destination_fails_alone() {
    let (store, image) = prepared(ImageRecipe::multi(2));
    let to = mirrors(3);
    let plan = FaultPlan::default().and_at(
        &to[1].registry,
        always(
            Fault::Fails(Failure::Server(None)),
            Operations::Only(Operation::WriteBlob),
        ),
    );
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), plan);
    let results = copy(&registries, &image, &[source()], &to).await;
    assert!(results[0].is_ok() && results[2].is_ok());
    let error = results[1].as_ref().unwrap_err();
    assert!(matches!(error, TransferError::Destination(answer) if answer.kind == ErrorKind::Server));
    assert!(error.is_uncertain());
    assert!(stands(&store, &image, &to[0]) && stands(&store, &image, &to[2]));
    assert!(!store.has_manifest(&to[1], &image.root()));
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_slow_destination_leaves_the_others_and_is_served_alone() {
    let (store, image) = prepared(ImageRecipe::single().with_layers(1, 40_000));
    let to = mirrors(3);
    let minute = Duration::from_secs(60);
    let registries = MemoryRegistries::new(store.clone()).with_latency_at(
        &to[0].registry,
        Latency {
            chunk: minute,
            ..Latency::default()
        },
    );
    let tree = tree_of(&registries, &image).await;
    let transfer = Transfer::new(TransferLimits {
        buffered_pieces: 2,
        patience: Duration::from_secs(1),
        ..TransferLimits::default()
    });
    let results: Vec<_> = transfer
        .copy_tree(&registries, &tree, &[source()], &to, &|_| {})
        .collect()
        .await;
    assert!(results.iter().all(|result| result.result.is_ok()));
    assert_eq!(results.last().map(|result| result.destination), Some(0));
    assert!(to.iter().all(|mirror| stands(&store, &image, mirror)));
    // The configuration is one piece: nobody has to wait for that. The layer is read a second time.
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64 + 1);
}

#[tokio::test(start_paused = true)]
async fn destinations_that_are_all_slow_stay_together() {
    let (store, image) = prepared(ImageRecipe::single().with_layers(1, 40_000));
    let to = mirrors(2);
    let latency = Latency {
        chunk: Duration::from_secs(60),
        ..Latency::default()
    };
    let registries = MemoryRegistries::new(store.clone())
        .with_latency_at(&to[0].registry, latency)
        .with_latency_at(&to[1].registry, latency);
    let tree = tree_of(&registries, &image).await;
    let hour = Duration::from_secs(3_600);
    let transfer = Transfer::new(TransferLimits {
        buffered_pieces: 1,
        patience: hour,
        ..TransferLimits::default()
    });
    let results = copy_with(&transfer, &registries, &tree, &[source()], &to).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64);
}

#[tokio::test]
async fn a_registry_that_loses_what_it_accepted_is_found_out() {
    let (store, image) = prepared(ImageRecipe::single());
    let to = mirrors(1);
    store.set_behaviour(
        &to[0].registry,
        Behaviour {
            validates_content: false,
            ..Behaviour::default()
        },
    );
    let plan = FaultPlan::default().and_at(&to[0].registry, always(Fault::LosesWrite, Operations::Writes));
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), plan);
    let error = copy(&registries, &image, &[source()], &to).await.remove(0).unwrap_err();
    assert!(matches!(&error, TransferError::NotKept { repository, .. } if *repository == to[0]));
    assert!(
        matches!(error.lost(), Some(Lost::Blob(digest)) if image.blobs().iter().any(|blob| blob.descriptor.digest == digest))
    );
    assert!(error.is_uncertain());
}

#[tokio::test]
async fn blobs_that_a_registry_wrongly_says_it_has_are_sent_once_it_misses_them() {
    for (fault, on, path) in [
        (Fault::FalsePresence, Operation::HeadBlob, "mirror.test/app"),
        (Fault::LosesWrite, Operation::MountBlob, "source.test/app"),
    ] {
        let (store, image) = prepared(ImageRecipe::multi(2));
        let to = [repository(path)];
        let plan = FaultPlan::default().and_at(&to[0].registry, always(fault, Operations::Only(on)));
        let registries = MemoryRegistries::seeded(store.clone(), Seed(1), plan);
        assert!(
            copy(&registries, &image, &[source()], &to).await[0].is_ok(),
            "{fault:?}"
        );
        assert!(stands(&store, &image, &to[0]), "{fault:?}");
        let made = image.attestation_referrer();
        let artifact = Artifact {
            media_type: made.root_manifest().media_type.clone(),
            manifest: made.root_manifest().bytes.clone(),
            blobs: made
                .blobs()
                .iter()
                .map(|blob| (blob.descriptor.clone(), blob.bytes.clone()))
                .collect(),
        };
        let put = Transfer::default().put_referrer(&registries, &to[0], &artifact).await;
        assert!(put.is_ok() && stands(&store, &made, &to[0]), "{fault:?}");
    }
}

#[tokio::test]
async fn concurrent_copies_write_a_shared_blob_once() {
    let (store, image) = prepared(ImageRecipe::single().with_layers(2, 5_000));
    let sbom = image.sbom_referrer();
    sbom.push(&store, &source());
    let registries = Arc::new(MemoryRegistries::new(store.clone()));
    let transfer = Arc::new(Transfer::default());
    let copies = (0..4).map(|_| {
        let (registries, transfer, image) = (registries.clone(), transfer.clone(), image.clone());
        tokio::spawn(async move {
            let tree = tree_of(&registries, &image).await;
            copy_with(&transfer, &registries, &tree, &[source()], &mirrors(2)).await
        })
    });
    for results in futures_util::future::join_all(copies).await {
        assert!(results.unwrap().iter().all(Result::is_ok));
    }
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64);
    assert_eq!(
        store.requests().of(Operation::WriteBlob),
        2 * image.blobs().len() as u64
    );
}

#[tokio::test]
async fn a_copy_dropped_halfway_is_finished_by_the_next() {
    let (store, image) = prepared(ImageRecipe::multi(3).with_layers(3, 2_000));
    let registries = MemoryRegistries::new(store.clone());
    let tree = tree_of(&registries, &image).await;
    let (transfer, from, to) = (Transfer::default(), [source()], mirrors(2));
    for polls in 1..200 {
        let mut copies = Box::pin(transfer.copy_tree(&registries, &tree, &from, &to, &|_| {}));
        for _ in 0..polls {
            if futures_util::future::poll_immediate(copies.next()).await.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(copies);
        for mirror in &to {
            assert!(!store.has_manifest(mirror, &image.root()) || stands(&store, &image, mirror));
        }
        store.drop_repository(&to[polls % 2]);
    }
    assert!(
        copy_with(&transfer, &registries, &tree, &from, &to)
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert!(to.iter().all(|mirror| stands(&store, &image, mirror)));
}

/// Whatever fails, however often: where the root stands, all of it stands; and once the faults end, one copy suffices.
#[tokio::test(start_paused = true)]
async fn nothing_half_copied_looks_whole_under_any_faults() {
    for seed in 0..200 {
        let (store, image) = prepared(ImageRecipe::multi(2).with_layers(2, 1_500));
        let to = mirrors(3);
        let second = repository("second.test/app");
        image.push(&store, &second);
        let from = [source(), second];
        let registries: Vec<_> = to
            .iter()
            .chain(&from)
            .map(|repository| repository.registry.clone())
            .collect();
        let tree = tree_of(&MemoryRegistries::new(store.clone()), &image).await;
        let plan = FaultPlan::drawn(Seed(seed), &registries, Duration::from_secs(3_600));
        let registries = MemoryRegistries::seeded(store.clone(), Seed(seed), plan).with_latency(Latency {
            request: Duration::from_millis(200),
            chunk: Duration::from_millis(200),
        });
        let transfer = Transfer::new(TransferLimits {
            patience: Duration::from_secs(1),
            ..TransferLimits::default()
        });
        for _ in 0..3 {
            let results = copy_with(&transfer, &registries, &tree, &from, &to).await;
            for (mirror, result) in to.iter().zip(&results) {
                let whole = stands(&store, &image, mirror);
                assert!(!store.has_manifest(mirror, &image.root()) || whole, "seed {seed}");
                assert!(result.is_err() || whole, "seed {seed}");
            }
        }
        registries.faults().stop();
        let results = copy_with(&transfer, &registries, &tree, &from, &to).await;
        assert!(results.iter().all(Result::is_ok), "seed {seed}");
    }
}

#[test]
fn an_error_names_every_source_and_what_it_did() {
    let failures = vec![
        SourceFailure {
            source: source(),
            problem: SourceProblem::Absent,
        },
        SourceFailure {
            source: repository("second.test/app"),
            problem: SourceProblem::Incomplete(vec![Digest::of(b"")]),
        },
    ];
    let error = TransferError::NoSource {
        digest: Digest::of(b"blob"),
        failures,
    };
    let text = error.to_string();
    assert!(
        text.contains("source.test/team/app does not have it; second.test/app lacks 1 of its manifests"),
        "{text}"
    );
}
