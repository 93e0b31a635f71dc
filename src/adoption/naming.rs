//! Names for what is written from registries.

use std::collections::BTreeSet;

use crate::model::Prefix;

/// A name for what stands below a prefix: its last segment, else its host.
#[must_use]
pub fn name_after(prefix: &Prefix) -> String {
    let text = match prefix.path().rsplit('/').next() {
        Some(last) if !last.is_empty() => last,
        _ => prefix.registry.as_str(),
    };
    let name: String = text
        .chars()
        .map(|character| if character == ':' { '-' } else { character })
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-'))
        .skip_while(|character| !character.is_ascii_alphanumeric())
        .take(63)
        .collect();
    if name.is_empty() { "images".to_owned() } else { name }
}

/// Names that are given once.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// The name, or with a number where it was given before.
    pub fn give(&mut self, name: &str) -> String {
        let short: String = name.chars().take(50).collect();
        let mut candidates =
            std::iter::once(name.to_owned()).chain((2_u64..).map(|number| format!("{short}-{number}")));
        let free = candidates.find(|candidate| self.0.insert(candidate.clone()));
        free.unwrap_or(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_after_what_it_is_written_for() {
        let name = |prefix: &str| name_after(&prefix.parse().unwrap());
        assert_eq!(name("registry.example.com/acme/images"), "images");
        assert_eq!(name("localhost:5000"), "localhost-5000");
        assert_eq!(name("[::1]:5000"), "1-5000");
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::default();
        let given = ["a", "a", "a-2", "a"].map(|name| names.give(name));
        assert_eq!(given, ["a", "a-2", "a-2-2", "a-3"]);
    }
}
