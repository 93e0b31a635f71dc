//! What regsync and `skopeo sync` are told, references as Docker's tools write them, ranges of versions.
#![no_main]

use landfall::adoption::import::fuzzing::{read_regsync, read_skopeo_sync, read_text};

const TAG: &str = "v1.20.3-rc.1";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(to) = "registry.example.com/mirror".parse() else {
        return;
    };
    read_regsync(bytes, TAG);
    read_skopeo_sync(bytes, &to, bytes.len() % 2 == 1, TAG);
    if let Ok(text) = std::str::from_utf8(bytes) {
        text.lines().take(8).for_each(|line| read_text(line, TAG));
    }
});
