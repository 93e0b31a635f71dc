//! Time to make the ledger of a long history, and to keep it up: see docs/performance.md. Needs git.

mod fast_import;
mod long_list;
mod past;

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use landfall::desired::{Accepted, Ledger, ParseCache, parse, resolve};
use landfall::reconcile::history::declare;
use landfall::reconcile::read_tree;
use landfall::source::{GitRepository, Options, Source as _};

fn open(path: &std::path::Path) -> GitRepository {
    GitRepository::open(path, Options::default()).expect("git made it")
}

fn ledger(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let repository = folder.path().join("repository");
    past::write(&repository);
    let mut group = criterion.benchmark_group("20,000 commits, 2,000 manifests, 40,000 claims");
    group.sample_size(10).measurement_time(Duration::from_secs(20));

    let head = open(&repository).head().expect("it has commits");
    let mut known = Ledger::default();
    declare(&open(&repository), head, None, &mut known).expect("git made it");
    group.bench_function("the ledger, from nothing", |bencher| {
        bencher.iter_with_large_drop(|| {
            let mut ledger = Ledger::default();
            declare(&open(&repository), head, None, &mut ledger).expect("git made it");
            ledger
        });
    });

    let source = open(&repository);
    let before = source.resolve("HEAD~10").expect("there are more");
    let mut older = Ledger::default();
    declare(&source, before, None, &mut older).expect("git made it");
    group.bench_function("the ledger, kept up with ten commits", |bencher| {
        bencher.iter_batched(
            || older.clone(),
            |mut ledger| {
                let entries = declare(&source, head, Some(before), &mut ledger).expect("git made it");
                assert!(!entries.is_empty());
                ledger
            },
            BatchSize::PerIteration,
        );
    });
    declare(&source, head, Some(before), &mut older).expect("git made it");
    assert_eq!(older, known);

    let mut cache = ParseCache::default();
    let parsed = parse(&read_tree(&source, head).expect("git made it"), &mut cache).expect("it is valid");
    let mut resolved = resolve(&parsed, &Accepted { ledger: &known }, None);
    let mut number = 0;
    group.bench_function("the ledger, kept up with a commit", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                past::one_line_more(&repository, number);
            },
            |()| {
                let commit = source.head().expect("it has commits");
                let parent = source
                    .first_parent(commit)
                    .expect("it is whole")
                    .expect("it is not the first");
                let mut ledger = known.clone();
                declare(&source, parent, Some(parent), &mut ledger).expect("git made it");
                let parsed = parse(&read_tree(&source, commit).expect("git made it"), &mut cache).expect("it is valid");
                let next = resolve(&parsed, &Accepted { ledger: &ledger }, Some(&resolved));
                assert!(!ledger.record(&next.desired, Some(&resolved.desired)).is_empty());
                (known, resolved) = (ledger, next);
            },
            BatchSize::PerIteration,
        );
    });
}

fn list(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let repository = folder.path().join("repository");
    long_list::write(&repository);
    let mut group = criterion.benchmark_group("971 commits, 87 of which add to each image of a list of 1.2 MB");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    let head = open(&repository).head().expect("it has commits");
    group.bench_function("the ledger, from nothing", |bencher| {
        bencher.iter_with_large_drop(|| {
            let mut ledger = Ledger::default();
            declare(&open(&repository), head, None, &mut ledger).expect("git made it");
            ledger
        });
    });
}

criterion_group!(benches, ledger, list);
criterion_main!(benches);
