//! Thousands of worlds in which things go wrong.

use std::sync::atomic::{AtomicU64, Ordering};

use landfall::sim::{Seed, Violation, simulate};

fn seeds() -> Vec<u64> {
    match std::env::var("LANDFALL_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => vec![seed],
        None => {
            let count = std::env::var("LANDFALL_SEEDS")
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(2_000);
            (0..count).collect()
        }
    }
}

fn run(seed: u64) -> Result<Vec<String>, Box<Violation>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built")
        .block_on(simulate(Seed(seed)))
}

#[test]
fn every_seed_ends_as_the_manifests_say() {
    let seeds = seeds();
    let next = AtomicU64::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed) as usize;
                        let Some(seed) = seeds.get(index) else { return failures };
                        match run(*seed) {
                            Ok(story) if seeds.len() == 1 => println!("{}", story.join("\n")),
                            Ok(_) => {}
                            Err(violation) => failures.push(violation.to_string()),
                        }
                    }
                })
            })
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().expect("a worker does not panic"))
            .collect()
    });
    assert!(
        failures.is_empty(),
        "{} of {} seeds failed:\n{}",
        failures.len(),
        seeds.len(),
        failures.iter().take(6).cloned().collect::<Vec<_>>().join("\n")
    );
}
