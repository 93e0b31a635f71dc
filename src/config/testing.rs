//! Configurations for this module's tests.

use super::{Config, ConfigError, Environment};

pub(super) fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::Fixed(variables.collect())
}

/// Reads `text` as `/etc/landfall/config.toml`, with the variables of a user whose home does not exist.
pub(super) fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(
        text,
        "/etc/landfall/config.toml".as_ref(),
        environment(&[("HOME", "/nonexistent")]),
    )
}
