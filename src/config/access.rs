//! Where this process may read and write, whatever Git says.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::Config;
use crate::model::{Prefix, Repository};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Read,
    Write,
}

impl Operation {
    fn key(self) -> &'static str {
        match self {
            Self::Read => "allow-reads",
            Self::Write => "allow-writes",
        }
    }
}

/// The configuration does not let this process touch a repository. Says which line lifts that.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Refusal {
    pub operation: Operation,
    /// The repository, or the prefix below which repositories are looked for.
    pub place: String,
    /// The file to change, or to create.
    pub file: PathBuf,
    /// The line that lifts the refusal; it stands above the file's first `[section]`.
    pub line: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.operation {
            Operation::Read => "reading",
            Operation::Write => "writing to",
        };
        let (place, key) = (&self.place, self.operation.key());
        write!(formatter, "{verb} {place} is not allowed by `{key}`")
    }
}

impl Refusal {
    /// What lifts it, where this is all that is refused. A plan that writes to many places has one line for all of them.
    #[must_use]
    pub fn remedy(&self) -> String {
        format!(
            "to allow it, have this line in {}, above the first [section]:\n  {}",
            self.file.display(),
            self.line
        )
    }
}

impl Config {
    /// # Errors
    /// The repository is not below a prefix of `allow-writes`.
    pub fn may_write(&self, repository: &Repository) -> Result<(), Refusal> {
        if contains(&self.allow_writes, repository) {
            return Ok(());
        }
        Err(self.refusal(Operation::Write, repository, &self.allow_writes))
    }

    /// Whether everything below a prefix may be written to, as a command needs that makes repositories of its own there.
    ///
    /// # Errors
    /// No prefix of `allow-writes` holds this one.
    pub fn may_write_below(&self, prefix: &Prefix) -> Result<(), Refusal> {
        if self.allow_writes.iter().any(|allowed| allowed.contains_prefix(prefix)) {
            return Ok(());
        }
        Err(self.refusal(Operation::Write, prefix, &self.allow_writes))
    }

    /// Everything may be read where `allow-reads` is left out; what may be written may be read.
    ///
    /// # Errors
    /// The repository is below no prefix of `allow-reads` and `allow-writes`.
    pub fn may_read(&self, repository: &Repository) -> Result<(), Refusal> {
        match &self.allow_reads {
            Some(prefixes) if !contains(prefixes, repository) && !contains(&self.allow_writes, repository) => {
                Err(self.refusal(Operation::Read, repository, prefixes))
            }
            _ => Ok(()),
        }
    }

    /// Whether the registry may be asked which repositories stand below `prefix`. What it lists elsewhere is left aside.
    ///
    /// # Errors
    /// Neither `allow-reads` nor `allow-writes` has a prefix that holds this one or lies below it.
    pub fn may_list(&self, prefix: &Prefix) -> Result<(), Refusal> {
        match &self.allow_reads {
            Some(prefixes)
                if !prefixes
                    .iter()
                    .chain(&self.allow_writes)
                    .any(|allowed| allowed.overlaps(prefix)) =>
            {
                Err(self.refusal(Operation::Read, prefix, prefixes))
            }
            _ => Ok(()),
        }
    }

    fn refusal(&self, operation: Operation, place: &impl ToString, prefixes: &[Prefix]) -> Refusal {
        let place = place.to_string();
        let all = prefixes
            .iter()
            .map(ToString::to_string)
            .chain([place.clone()])
            .map(|prefix| format!("\"{prefix}\""))
            .collect::<Vec<_>>()
            .join(", ");
        Refusal {
            operation,
            place,
            file: self.file_to_edit(),
            line: format!("{} = [{all}]", operation.key()),
        }
    }
}

fn contains(prefixes: &[Prefix], repository: &Repository) -> bool {
    prefixes.iter().any(|prefix| prefix.contains(repository))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::parse;

    fn repository(text: &str) -> Repository {
        text.parse().unwrap()
    }

    #[test]
    fn without_a_line_that_allows_it_nothing_is_written() {
        let config = parse("").unwrap();
        let refusal = config.may_write(&repository("example.com/a/b")).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "writing to example.com/a/b is not allowed by `allow-writes`"
        );
        assert_eq!(
            refusal.remedy(),
            "to allow it, have this line in /etc/landfall/config.toml, above the first [section]:\n  \
             allow-writes = [\"example.com/a/b\"]"
        );
    }

    #[test]
    fn the_line_that_a_refusal_prints_lifts_it_and_keeps_the_rest() {
        let before = "allow-writes = [\"example.com/a\"]";
        let config = parse(before).unwrap();
        assert_eq!(config.may_write(&repository("Example.com:443/a/b")), Ok(()));
        let refused = repository("example.com/ab");
        let refusal = config.may_write(&refused).unwrap_err();
        let config = parse(&refusal.line).unwrap();
        assert_eq!(config.may_write(&refused), Ok(()));
        assert_eq!(config.may_write(&repository("example.com/a/b")), Ok(()));
    }

    #[test]
    fn what_may_be_written_may_be_read() {
        let config = parse("allow-reads = [\"source.example.com\"]\nallow-writes = [\"example.com/a\"]").unwrap();
        assert_eq!(config.may_read(&repository("source.example.com/x")), Ok(()));
        assert_eq!(config.may_read(&repository("example.com/a/x")), Ok(()));
        let refusal = config.may_read(&repository("169.254.169.254/x")).unwrap_err();
        assert_eq!(
            refusal.line,
            "allow-reads = [\"source.example.com\", \"169.254.169.254/x\"]"
        );
        for (prefix, allowed) in [
            ("source.example.com/x", true),
            ("example.com", true),
            ("example.com/b", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(config.may_list(&prefix.parse().unwrap()).is_ok(), allowed, "{prefix}");
        }
        assert_eq!(
            parse("").unwrap().may_read(&repository("anywhere.example.com/x")),
            Ok(())
        );
    }
}
