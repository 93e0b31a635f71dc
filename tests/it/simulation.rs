//! Thousands of worlds in which things go wrong.

use std::sync::atomic::{AtomicU64, Ordering};

use std::sync::{Arc, LazyLock};

use ecdsa::hazmat::sign_prehashed_rfc6979;
use landfall::model::Digest;
use landfall::sim::{Played, Seed, SimulatedKey, Violation, simulate};
use landfall::trust::PublicKey;
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use p256::{NistP256, SecretKey};
use sha2::Sha256;

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

/// The same keys in every process.
pub static KEYS: LazyLock<[SimulatedKey; 3]> =
    LazyLock::new(|| ["landfall's simulation", "another key", "a third"].map(key));

fn key(name: &str) -> SimulatedKey {
    let key = SecretKey::from_slice(Digest::of(name.as_bytes()).as_bytes()).expect("it is below the order");
    let pem = key
        .public_key()
        .to_public_key_pem(LineEnding::LF)
        .expect("it can be encoded");
    let sign = move |message: &[u8], number: u64| {
        let digest = Digest::of(message);
        let scalar = key.to_nonzero_scalar();
        let (signature, _) =
            sign_prehashed_rfc6979::<NistP256, Sha256>(&scalar, digest.as_bytes(), &number.to_be_bytes());
        signature.to_der().as_bytes().to_vec()
    };
    SimulatedKey::new(
        PublicKey::from_pem(pem.as_bytes()).expect("it is P-256"),
        Arc::new(sign),
    )
}

fn run(seed: u64) -> Result<Played, Box<Violation>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built")
        .block_on(simulate(Seed(seed), &*KEYS))
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
                            Ok(played) if seeds.len() == 1 => println!("{}", played.story.join("\n")),
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

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in 0..25 {
        let (Ok(first), Ok(again)) = (run(seed), run(seed)) else {
            continue;
        };
        assert_eq!(first.story, again.story, "seed {seed}");
        let differs = first
            .writes
            .iter()
            .zip(&again.writes)
            .position(|(one, other)| one != other);
        assert_eq!(
            differs,
            None,
            "seed {seed}: {:?}",
            differs.map(|at| (&first.writes[at], &again.writes[at]))
        );
        assert_eq!(first.writes.len(), again.writes.len(), "seed {seed}");
    }
}
