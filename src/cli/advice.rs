//! What remedies need to know of the command line and of the configuration.

use super::Common;
use crate::config::Config;
use crate::plan::{Advice, Audience};

/// For whoever reads what this command says.
#[must_use]
pub fn advice(common: &Common, config: &Config, audience: Audience) -> Advice {
    let mut flags = String::new();
    if let Some(file) = &common.config {
        flags.push_str(&format!(" --config {}", shell_word(&file.display().to_string())));
    }
    if let Some(repository) = &common.repo {
        flags.push_str(&format!(" --repo {}", shell_word(repository)));
    }
    Advice {
        audience,
        flags,
        plain_http: config
            .registries
            .iter()
            .filter(|settings| settings.plain_http)
            .map(|settings| settings.prefix.registry.as_str().to_owned())
            .collect(),
    }
}

/// A word as a shell takes it.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "@%_+=:,./-".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(shell_word("a/config.toml"), "a/config.toml");
        assert_eq!(shell_word("my config.toml"), "'my config.toml'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
