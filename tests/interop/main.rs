//! Tests against the programs that judge landfall's work. They are found on PATH, in `$LANDFALL_TOOLS`, or in
//! `~/.cache/landfall/tools`, where `scripts/interop-tools` puts them:
//! `cargo test --test interop -- --ignored`

mod adoption;
mod attestations;
mod cosign;
mod deletes;
mod doctor;
#[expect(dead_code, unused_imports, reason = "only the proxy's looks are used here")]
#[path = "../faults/mod.rs"]
mod faults;
mod keys;
mod keys_elsewhere;
mod mutations;
mod pairings;
mod promotion;
mod registry;
#[path = "../sampling/mod.rs"]
mod sampling;
mod servers;
mod shared_metadata;
mod signatures;
mod sigstack;
mod site;
mod software;
mod stage;
mod tools;
mod verification;
mod witnesses;
