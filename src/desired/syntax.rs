//! From a file in Git to a TOML table.

use std::ops::Range;

use toml::de::DeTable;

use crate::model::TreeFile;

use super::code;
use super::finding::{Finding, Report};
use super::limits::LIMITS;
use super::position::{LineIndex, Position};

/// The text of a file, without a byte order mark.
pub(super) fn text(file: &TreeFile) -> Result<&str, (Position, Finding)> {
    match file {
        TreeFile::Regular { bytes, .. } => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(error) => Err(not_utf8(bytes, error.valid_up_to())),
        },
        TreeFile::TooLarge { bytes: u64::MAX } => Err((
            Position::START,
            Finding::error(
                code::TOO_LARGE,
                "is stored as too long a chain of differences: it is not unpacked",
            )
            .help("`git repack -adf` in the repository stores it anew"),
        )),
        TreeFile::TooLarge { bytes } => Err((
            Position::START,
            Finding::error(
                code::TOO_LARGE,
                format!(
                    "has {bytes} bytes: at most {} are read",
                    crate::model::Limits::default().manifest_file
                ),
            )
            .help("split it into several files: all files of a project are read together"),
        )),
        other => {
            let finding = no_file(other).unwrap_or_else(|| Finding::error(code::MISSING_FILE, "is no manifest"));
            Err((Position::START, finding))
        }
    }
}

/// What stands where a file or folder is expected, and is neither.
pub(super) fn no_file(file: &TreeFile) -> Option<Finding> {
    match file {
        TreeFile::Regular { .. } | TreeFile::TooLarge { .. } | TreeFile::Other => None,
        TreeFile::Symlink => Some(
            Finding::error(code::SYMLINK, "is a symbolic link")
                .help("commit what it points to: a link could lead out of the repository"),
        ),
        TreeFile::Submodule => Some(
            Finding::error(
                code::SUBMODULE,
                "is a submodule: its files are part of another repository, not of this commit",
            )
            .help("commit the files themselves: `git rm --cached` the submodule, remove its `.git`, `git add` the folder"),
        ),
        TreeFile::Excessive { limit, what } => Some(
            Finding::error(code::TOO_LARGE, format!("holds more than {limit} {what}: nothing of it is read"))
                .help("commit what makes it smaller; files that are no manifests belong elsewhere. The commits before and after are read"),
        ),
    }
}

fn not_utf8(bytes: &[u8], valid: usize) -> (Position, Finding) {
    let finding = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Finding::error(code::NOT_UTF8, "is UTF-16: manifests are UTF-8").help("save the file as UTF-8")
        }
        _ => Finding::error(
            code::NOT_UTF8,
            format!(
                "byte {:#04x} is not UTF-8",
                bytes.get(valid).copied().unwrap_or_default()
            ),
        )
        .help("save the file as UTF-8"),
    };
    let before = String::from_utf8_lossy(&bytes[..valid]);
    (LineIndex::new(&before).position(valid..valid + 1), finding)
}

/// The table of a TOML document, or `None` after all its syntax errors are reported.
pub(super) fn document<'a>(text: &'a str, lines: &LineIndex<'_>, report: &mut Report) -> Option<DeTable<'a>> {
    let first = match DeTable::parse(text) {
        Ok(table) => return Some(table.into_inner()),
        Err(error) => error,
    };
    let errors = if text.len() <= LIMITS.recovered {
        DeTable::parse_recoverable(text).1
    } else {
        vec![first]
    };
    let mut places: Vec<(Range<usize>, String)> = errors
        .into_iter()
        .map(|error| (error.span().unwrap_or_default(), error.message().to_owned()))
        .collect();
    places.sort_by_key(|(span, _)| span.start);
    // One mistake makes the parser stumble several times on a line.
    places.dedup_by_key(|(span, _)| lines.position(span.clone()).line);
    for (span, message) in places {
        let marked = text.get(span.clone()).unwrap_or_default();
        report.add(
            lines.position(span),
            Finding::error(code::SYNTAX, message.clone()).help_for(&message, marked),
        );
    }
    None
}

impl Finding {
    /// What the parser's words mean in a manifest.
    fn help_for(self, message: &str, marked: &str) -> Self {
        if message.contains("duplicate key") {
            self.help("merge the two: a key stands once, and a `[table]` is opened once")
        } else if message.contains("recurs") {
            self.help("nothing in a manifest nests this deep")
        } else if marked.contains('/') || marked.contains(':') {
            self.help(
                "quote keys with other characters than letters, digits, `-` and `_`: `\"a/b\" = …`, `[images.\"a/b\"]`",
            )
        } else {
            self
        }
    }
}
