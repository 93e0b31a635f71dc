//! Memory to plan 46,000 images at 22 endpoints: see docs/performance.md. Fails above the limit it states.

// Each bench uses its part of what they share.
#[expect(
    dead_code,
    reason = "the benches share it, and this one needs no commits that follow"
)]
mod synthetic;

use std::process::ExitCode;
use std::time::Instant;

use landfall::desired::ParseCache;
use landfall::graph::Graph;
use landfall::plan::file::write;
use landfall::plan::{Advice, Findings, Scope, Status, plan, standing};
use synthetic::{cold, now, read, tree, warm};

/// At the peak of a cold start, manifests included.
const LIMIT: u64 = 300 << 20;

fn main() -> ExitCode {
    // Cargo says whether to measure; `cargo test --benches` only tries whether this runs.
    let mut peaks = vec![("start", peak())];
    let tree = tree();
    let resolved = read(&tree, &mut ParseCache::default(), None);
    peaks.push(("manifests read", peak()));
    let start = Instant::now();
    let graph = Graph::new(&resolved.desired);
    let graph_took = start.elapsed();
    peaks.push(("graph", peak()));
    let (facts, memory) = cold(&graph);
    peaks.push(("facts of a cold start", peak()));
    let start = Instant::now();
    let planned = plan(&graph, &facts, &memory, &Scope::default(), now());
    let plan_took = start.elapsed();
    let cold_start = peak();
    peaks.push(("its plan", cold_start));
    let configuration = landfall::model::Digest::of(b"");
    let standing = standing(
        &graph,
        &Status::of(&planned),
        Findings::none(tree.commit),
        &Advice::default(),
    );
    let written = write(&graph, &planned, &standing, configuration, std::io::sink());
    assert!(written.is_ok());
    peaks.push(("its plan file written", peak()));
    drop((facts, memory, planned));
    let (facts, memory) = warm(&graph);
    let planned = plan(&graph, &facts, &memory, &Scope::default(), now());
    peaks.push(("facts of a steady state, and its plan", peak()));
    assert!(planned.steps.is_empty());

    for (stage, bytes) in peaks {
        println!("{:>6.1} MiB at most up to: {stage}", bytes as f64 / f64::from(1 << 20));
    }
    println!(
        "graph {graph_took:.1?}, cold start's plan {plan_took:.1?}, together {:.1?}",
        graph_took + plan_took
    );
    if cold_start > LIMIT {
        eprintln!("the cold start's plan took more than {} MiB", LIMIT >> 20);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The most memory this process ever held, in bytes; 0 where the system does not say (only Linux does).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
    });
    kibibytes.unwrap_or(0) << 10
}
