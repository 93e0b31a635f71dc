//! The runtime configuration, `config.toml`.
#![no_main]

use std::path::Path;

use landfall::config::{Config, Environment};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let file = Path::new("/nonexistent/config.toml");
    let read = || {
        Config::parse(
            text,
            file,
            Environment::Fixed([("HOME".to_owned(), "/nonexistent".to_owned())].into()),
        )
    };
    match (read(), read()) {
        (Ok(one), Ok(other)) => assert_eq!(one.digest(), other.digest()),
        (Err(one), Err(other)) => assert!(!one.to_string().is_empty() && one.to_string() == other.to_string()),
        _ => panic!("read once and not again"),
    }
});
