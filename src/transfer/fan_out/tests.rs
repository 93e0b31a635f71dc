use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use crate::model::{Limits, Repository};
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{Latency, MemoryRegistries, Operation, Store};
use crate::transfer::{CopyResult, ImageTree, Transfer, TransferLimits};

const MINUTE: Duration = Duration::from_secs(60);
/// Until when every fast destination is to be done with, however slow the others are.
const SOON: Duration = Duration::from_secs(2);

fn source() -> Repository {
    "source.test/team/app".parse().unwrap()
}

fn mirrors(count: usize) -> Vec<Repository> {
    (0..count)
        .map(|number| format!("mirror-{number}.test/app").parse().unwrap())
        .collect()
}

/// Registries of which the first mirror takes this long for each piece of a blob.
fn beside_a_slow_mirror(store: &Store, chunk: Duration) -> MemoryRegistries {
    let latency = Latency {
        chunk,
        ..Latency::default()
    };
    MemoryRegistries::new(store.clone()).with_latency_at(&mirrors(1)[0].registry, latency)
}

fn images(store: &Store, recipe: ImageRecipe, count: u64) -> Vec<Image> {
    let images: Vec<Image> = (0..count).map(|seed| recipe.make(Seed(seed))).collect();
    for image in &images {
        image.push(store, &source());
    }
    images
}

async fn tree_of(registries: &MemoryRegistries, image: &Image) -> ImageTree {
    let limits = Limits::default();
    Transfer::default()
        .read_from(registries, &image.root(), &[source()], &limits)
        .await
        .unwrap()
}

/// When each destination was done with, in their order.
async fn times(copies: impl Stream<Item = CopyResult>, began: Instant) -> Vec<Duration> {
    let timed = copies.map(|copied| {
        copied.result.unwrap();
        (copied.destination, began.elapsed())
    });
    let mut timed: Vec<_> = timed.collect().await;
    timed.sort_unstable();
    timed.into_iter().map(|(_, time)| time).collect()
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_last_piece_on_its_way_to_another() {
    let store = Store::new();
    // One piece each: taken at once, and answered much later.
    let image = images(&store, ImageRecipe::single().with_layers(1, 900), 1).remove(0);
    let registries = beside_a_slow_mirror(&store, 100 * MINUTE);
    let (tree, from, to) = (tree_of(&registries, &image).await, [source()], mirrors(3));
    let transfer = Transfer::default();
    let began = Instant::now();
    let times = times(transfer.copy_tree(&registries, &tree, &from, &to, &|_| {}), began).await;
    assert!(times[0] > MINUTE, "{times:?}");
    assert!(times[1..].iter().all(|time| *time < SOON), "{times:?}");
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64);
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_destination_keeps_occupied_is_not_what_others_need() {
    let store = Store::new();
    let image = images(&store, ImageRecipe::single().with_layers(24, 40_000), 1).remove(0);
    let registries = beside_a_slow_mirror(&store, 10 * MINUTE);
    let (tree, from, to) = (tree_of(&registries, &image).await, [source()], mirrors(3));
    let transfer = Transfer::new(TransferLimits {
        blobs: 2,
        small: 0,
        ..TransferLimits::default()
    });
    let began = Instant::now();
    let times = times(transfer.copy_tree(&registries, &tree, &from, &to, &|_| {}), began).await;
    assert!(times[0] > MINUTE, "{times:?}");
    // Once for all blobs together, the others waited until patience was at its end.
    assert!(times[1..].iter().all(|time| *time < SOON), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn many_images_on_their_way_to_a_slow_registry_hold_up_no_other() {
    let store = Store::new();
    let images = images(&store, ImageRecipe::single().with_layers(2, 40_000), 20);
    let registries = beside_a_slow_mirror(&store, 10 * MINUTE);
    let (from, slow, fast) = ([source()], [mirrors(1).remove(0)], [mirrors(2).remove(1)]);
    let trees = join_all(images.iter().map(|image| tree_of(&registries, image))).await;
    let transfer = Transfer::new(TransferLimits {
        blobs: 2,
        ..TransferLimits::default()
    });
    let began = Instant::now();
    let late = join_all(trees.iter().map(|tree| {
        let copies = transfer.copy_tree(&registries, tree, &from, &slow, &|_| {});
        times(copies, began)
    }));
    let soon = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        times(transfer.copy_tree(&registries, &trees[0], &from, &fast, &|_| {}), began).await
    };
    let (late, soon) = tokio::join!(late, soon);
    assert!(soon[0] < SOON, "{soon:?}");
    assert!(late.concat().iter().max().is_some_and(|time| *time > MINUTE));
}

#[tokio::test(start_paused = true)]
async fn one_that_answers_a_little_later_shares_the_read_and_one_that_does_not_answer_is_not_waited_for() {
    for (request, reads) in [(Duration::from_millis(60), 1), (10 * MINUTE, 2)] {
        let store = Store::new();
        let image = images(&store, ImageRecipe::single(), 1).remove(0);
        let latency = Latency {
            request,
            ..Latency::default()
        };
        let to = mirrors(3);
        let registries = MemoryRegistries::new(store.clone()).with_latency_at(&to[0].registry, latency);
        let (tree, from) = (tree_of(&registries, &image).await, [source()]);
        let transfer = Transfer::default();
        let began = Instant::now();
        let times = times(transfer.copy_tree(&registries, &tree, &from, &to, &|_| {}), began).await;
        assert!(times[1..].iter().all(|time| *time < SOON), "{times:?}");
        let expected = reads * image.blobs().len() as u64;
        assert_eq!(store.requests().of(Operation::ReadBlob), expected, "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_crawls_gives_its_place_at_the_source_back_also_where_nobody_waits_for_it() {
    let store = Store::new();
    let image = images(&store, ImageRecipe::single().with_layers(1, 40_000), 1).remove(0);
    let registries = beside_a_slow_mirror(&store, MINUTE);
    let (tree, from, to) = (tree_of(&registries, &image).await, [source()], mirrors(1));
    let transfer = Transfer::new(TransferLimits {
        buffered_pieces: 2,
        ..TransferLimits::default()
    });
    let began = Instant::now();
    times(transfer.copy_tree(&registries, &tree, &from, &to, &|_| {}), began).await;
    // Once more, in the lane of the slow.
    assert_eq!(store.requests().of(Operation::ReadBlob), image.blobs().len() as u64 + 1);
}
