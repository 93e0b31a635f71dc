//! `landfall.toml` and `promotions/`, parsed and resolved.
#![no_main]

mod tree;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tree::resolve_twice(&tree::tree(bytes));
});
