//! Time to plan 46,000 images at 22 endpoints: see docs/performance.md.

mod synthetic;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use landfall::desired::ParseCache;
use landfall::graph::Graph;
use landfall::plan::file::plan_digest;
use landfall::plan::{Scope, Units, plan};
use synthetic::kpromo::{DESTINATIONS, DIGESTS, PROJECTS, one_digest_more};
use synthetic::{IMAGES, REPOSITORIES, cold, list_is_known, now, one_line_more, read, source_is_whole, tree, warm};

fn everything(criterion: &mut Criterion) {
    let resolved = read(&tree(), &mut ParseCache::default(), None);
    let desired = &resolved.desired;
    let graph = Graph::new(desired);
    assert_eq!(graph.wanted().count(), IMAGES);
    let scope = Scope::default();
    let mut group = criterion.benchmark_group("46,000 images x 22 endpoints");
    group.sample_size(20).measurement_time(Duration::from_secs(5));

    group.bench_function("graph", |bencher| bencher.iter_with_large_drop(|| Graph::new(desired)));

    let (facts, memory) = warm(&graph);
    let planned = plan(&graph, &facts, &memory, &scope, now());
    assert!(planned.steps.is_empty() && planned.questions.is_empty() && planned.blocked.is_empty());
    group.bench_function("plan, nothing to do", |bencher| {
        bencher.iter_with_large_drop(|| plan(&graph, black_box(&facts), &memory, &scope, now()));
    });
    group.bench_function("graph and plan, nothing to do", |bencher| {
        bencher.iter_with_large_drop(|| {
            let graph = Graph::new(desired);
            let planned = plan(&graph, &facts, &memory, &scope, now());
            (graph, planned)
        });
    });
    drop((facts, memory));

    let (facts, memory) = cold(&graph);
    let planned = plan(&graph, &facts, &memory, &scope, now());
    assert_eq!(
        planned.steps.len(),
        IMAGES * 8,
        "a copy, three artifacts signed and attached, and a tag"
    );
    group.bench_function("plan, cold start", |bencher| {
        bencher.iter_with_large_drop(|| plan(&graph, black_box(&facts), &memory, &scope, now()));
    });
    group.bench_function("graph and plan, cold start", |bencher| {
        bencher.iter_with_large_drop(|| {
            let graph = Graph::new(desired);
            let planned = plan(&graph, &facts, &memory, &scope, now());
            (graph, planned)
        });
    });
    group.sample_size(10);
    group.bench_function("digest of the cold start's plan", |bencher| {
        bencher.iter(|| plan_digest(&graph, black_box(&planned)));
    });
    group.finish();
}

/// A commit adds one line, and everything else stands.
fn one_line(criterion: &mut Criterion) {
    let tree = tree();
    let mut cache = ParseCache::default();
    let mut resolved = read(&tree, &mut cache, None);
    let mut graph = Graph::new(&resolved.desired);
    let (mut facts, mut memory) = warm(&graph);
    let mut lines = 0;
    let mut group = criterion.benchmark_group("a one-line commit");
    group.sample_size(20);
    for (name, from_file) in [("from files to plan", true), ("from desired state to plan", false)] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut taken = Duration::ZERO;
                for _ in 0..iterations {
                    lines += 1;
                    let next = one_line_more(&tree, lines * 7 % REPOSITORIES, lines);
                    let mut start = Instant::now();
                    let after = read(&next, &mut cache, Some(&resolved));
                    if !from_file {
                        start = Instant::now();
                    }
                    let touched = graph.update(&after.desired).units;
                    facts.grow(&graph);
                    let scope = Scope {
                        units: Units::Only(touched.clone()),
                        ..Scope::default()
                    };
                    let questions = plan(&graph, &facts, &memory, &scope, now());
                    taken += start.elapsed();
                    // One image came; another one, of the line that went, is no longer wanted.
                    let new = *touched
                        .iter()
                        .find(|unit| graph.unit(**unit).claim().is_some())
                        .expect("an image came");
                    assert!(!questions.questions.is_empty());
                    memory.new.insert(new);
                    source_is_whole(&graph, &mut facts, new);
                    list_is_known(&graph, &mut facts, new);
                    let start = Instant::now();
                    let planned = plan(&graph, &facts, &memory, &scope, now());
                    taken += start.elapsed();
                    assert_eq!(planned.steps.len(), 8);
                    resolved = after;
                }
                taken
            });
        });
    }
    group.finish();
}

/// Reading all files anew, for comparison.
fn from_scratch(criterion: &mut Criterion) {
    let tree = tree();
    let mut group = criterion.benchmark_group("2,000 files");
    group.sample_size(10);
    group.bench_function("parsed and resolved from scratch", |bencher| {
        bencher.iter_batched(
            ParseCache::default,
            |mut cache| {
                let resolved = read(&tree, &mut cache, None);
                (cache, resolved)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// kpromo's manifests: 10,000 digests are 10,000 claims, however many destinations each has.
fn kpromo(criterion: &mut Criterion) {
    let tree = synthetic::kpromo::tree();
    let resolved = read(&tree, &mut ParseCache::default(), None);
    let claims = resolved.desired.projects.iter().flat_map(|project| &project.claims);
    assert!(claims.clone().all(|claim| claim.endpoints.len() == DESTINATIONS));
    assert_eq!((resolved.desired.projects.len(), claims.count()), (PROJECTS, DIGESTS));
    let mut group = criterion.benchmark_group("kpromo, 100 projects, 10,000 digests, 23 destinations each");
    group.sample_size(20);
    group.bench_function("parsed and resolved from scratch", |bencher| {
        bencher.iter_batched(
            ParseCache::default,
            |mut cache| {
                let resolved = read(&tree, &mut cache, None);
                (cache, resolved)
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("one digest more", |bencher| {
        let mut cache = ParseCache::default();
        let before = read(&tree, &mut cache, None);
        let mut more = 0;
        bencher.iter_batched(
            || {
                more += 1;
                one_digest_more(&tree, more)
            },
            |next| read(&next, &mut cache, Some(&before)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, everything, one_line, from_scratch, kpromo);
criterion_main!(benches);
