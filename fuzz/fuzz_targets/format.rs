//! `landfall fmt`: formatting twice changes nothing more. That the meaning stays is checked inside.
#![no_main]

use landfall::desired::format;
use landfall::model::RepoPath;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let path = RepoPath::from("promotions/a/a.toml");
    if let Ok(formatted) = format(&path, text) {
        assert_eq!(
            format(&path, &formatted).as_deref(),
            Ok(&*formatted),
            "formatting is not stable"
        );
    }
});
