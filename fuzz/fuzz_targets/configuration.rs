//! The runtime configuration, `config.toml`.
#![no_main]

use std::path::Path;

use landfall::config::{Config, Environment};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let variables = [("HOME", "/nonexistent"), ("PASSWORD", "secret-that-must-not-show")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    match Config::parse(
        text,
        Path::new("/nonexistent/config.toml"),
        Environment::Fixed(variables.into()),
    ) {
        Ok(config) => assert!(!format!("{config:?}").contains("secret-that-must-not-show") || text.contains("secret-")),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
