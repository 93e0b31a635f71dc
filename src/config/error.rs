//! What can be wrong with a configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::model::{LineIndex, Prefix, nearest};

/// None of these ever holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("{}: cannot be read: {reason}", path.display())]
    Read { path: PathBuf, reason: String },
    #[error(transparent)]
    Mistake(Box<Mistake>),
    #[error("there is no place for landfall's {what}: set `{key}` under [storage] in config.toml, or $HOME")]
    NoPlace { what: &'static str, key: &'static str },
    #[error("{purpose}: {} {reason}", path.display())]
    SecretFile {
        /// What the secret is for.
        purpose: String,
        path: PathBuf,
        reason: String,
    },
    #[error("{purpose}: the environment variable {variable} {reason}")]
    SecretVariable {
        purpose: String,
        variable: String,
        reason: &'static str,
    },
    #[error("[registries.\"{prefix}\"] in config.toml: {reason}")]
    Registry { prefix: Prefix, reason: String },
    #[error("[git] in config.toml: {reason}")]
    Git { reason: String },
    #[error("{}: `{prefix}` names the budget `{budget}`, which does not exist: {help}", file.display())]
    UnknownBudget {
        file: PathBuf,
        prefix: Prefix,
        budget: String,
        help: String,
    },
}

/// Something in a file that is not right, and where. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Mistake {
    pub file: PathBuf,
    pub line: u32,
    pub column: u32,
    pub message: String,
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}:{}: {}",
            self.file.display(),
            self.line,
            self.column,
            self.message
        )?;
        match &self.help {
            Some(help) => write!(formatter, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl ConfigError {
    /// A mistake at a place that the TOML parser names.
    pub(super) fn from_toml(error: &toml::de::Error, text: &str, file: &Path) -> Self {
        let at = LineIndex::new(text).position(error.span().unwrap_or_default());
        let (message, help) = explain(error.message());
        Self::Mistake(Box::new(Mistake {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            message,
            help,
        }))
    }
}

/// serde says which keys it expected; people want to know which one they meant.
fn explain(message: &str) -> (String, Option<String>) {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field")
        && let Some(name) = quoted.next()
    {
        let expected: Vec<&str> = quoted.collect();
        let help = match nearest(name, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of `{}`", expected.join("`, `")),
        };
        return (format!("unknown key `{name}`"), Some(help));
    }
    (message.trim_end().replace('\n', ", "), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::parse;

    fn mistake(text: &str) -> Mistake {
        match parse(text) {
            Err(ConfigError::Mistake(mistake)) => *mistake,
            other => panic!("{other:?}"),
        }
    }

    fn shown(text: &str) -> String {
        mistake(text).to_string()
    }

    #[test]
    fn unknown_keys_are_refused_with_place_and_nearest_name() {
        assert_eq!(
            shown("[git]\nbrnach = \"main\"\n"),
            "/etc/landfall/config.toml:2:1: unknown key `brnach`\n  help: did you mean `branch`?"
        );
        assert_eq!(
            shown("[registries.\"example.com\"]\n  read = { usernam = \"a\" }\n"),
            "/etc/landfall/config.toml:2:12: unknown key `usernam`\n  help: did you mean `username`?"
        );
        let far = shown("[git]\nzzz = 1\n");
        assert!(far.contains("expected one of `url`, `branch`"), "{far}");
    }

    #[test]
    fn what_later_versions_will_know_is_not_silently_accepted() {
        for text in ["[serve]\nlisten = \"[::]:80\"", "[notify]\n", "[sweep]\n"] {
            assert!(mistake(text).message.starts_with("unknown key"), "{text}");
        }
    }

    #[test]
    fn wrong_values_are_refused_where_they_stand() {
        for (text, line, column, message) in [
            (
                "allow-writes = [\n  \"example.com/a\",\n  \"https://example.com\",\n]",
                1,
                16,
                "without `https://`",
            ),
            ("[git]\nfloor = \"abc\"", 2, 9, "40 hexadecimal digits"),
            ("[git]\ninterval = 5", 2, 12, "expected a string"),
            ("[limits]\nmanifest = \"4 MB\"", 2, 12, "such as 4194304"),
            ("[registries.\"Not a host\"]\n", 1, 13, "registry host"),
            ("[git\nurl = 1", 1, 5, "unclosed table"),
            ("[git]\nurl = \"a\"\nurl = \"b\"", 3, 1, "duplicate key"),
        ] {
            let found = mistake(text);
            assert_eq!((found.line, found.column), (line, column), "{text}: {found}");
            assert!(found.message.contains(message), "{text}: {found}");
        }
    }

    #[test]
    fn columns_count_characters() {
        let found = mistake("a = \"ü\"\nb = \"ü\" x");
        assert_eq!((found.line, found.column), (2, 9), "{found}");
    }
}
