//! Findings while they are being collected: what is wrong, before it is said where.

use crate::model::{Diagnostic, Foreign, RepoPath, Severity};

use super::code;
use super::limits::LIMITS;
use super::position::Position;

/// What is wrong, and how it is put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    severity: Severity,
    pub code: &'static str,
    message: String,
    help: Option<String>,
}

impl Finding {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            help: None,
        }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Something that the design knows and this build cannot carry out.
    pub fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::error(code::UNSUPPORTED, format!("{what} is not supported by this version"))
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn at(self, file: &RepoPath, position: Position) -> Diagnostic {
        Diagnostic {
            file: file.clone(),
            line: position.line,
            column: position.column,
            length: position.length,
            severity: self.severity,
            code: self.code,
            message: printable(&self.message),
            help: self
                .help
                .map(|help| help.split('\n').map(printable).collect::<Vec<_>>().join("\n")),
        }
    }
}

/// How far an error reaches: what cannot be relied on because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    File,
    /// An image: its other lines may mean something else than they seem to.
    Image,
    /// A line: all others read unambiguously.
    Line,
}

/// The findings of one file.
#[derive(Debug)]
pub(super) struct Report {
    file: RepoPath,
    found: Vec<Diagnostic>,
    errors: usize,
    left_out: usize,
    extent: Extent,
    /// The first error that concerns what is being read, by its extent.
    concerns: Option<&'static str>,
    is_broken: bool,
}

/// What [`Report::leave`] returns to.
#[must_use]
pub(super) struct Entered {
    extent: Extent,
    concerns: Option<&'static str>,
}

impl Report {
    pub fn new(file: &RepoPath) -> Self {
        Self {
            file: file.clone(),
            found: Vec::new(),
            errors: 0,
            left_out: 0,
            extent: Extent::File,
            concerns: None,
            is_broken: false,
        }
    }

    /// From here to [`Self::leave`], errors reach no further than this.
    pub fn enter(&mut self, extent: Extent) -> Entered {
        Entered {
            extent: std::mem::replace(&mut self.extent, extent),
            concerns: self.concerns.take(),
        }
    }

    /// The code of the first error that was found since and concerns all that was entered; errors of less are not counted.
    pub fn leave(&mut self, entered: Entered) -> Option<&'static str> {
        self.extent = entered.extent;
        std::mem::replace(&mut self.concerns, entered.concerns)
    }

    /// Whether the file as a whole cannot be relied on.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub fn add(&mut self, position: Position, finding: Finding) {
        let first_error = finding.severity == Severity::Error && self.errors == 0;
        if finding.severity == Severity::Error {
            self.errors += 1;
            self.is_broken |= self.extent == Extent::File;
            self.concerns.get_or_insert(finding.code);
        }
        // The first error is never left out: warnings must not hide that a file is refused.
        if self.found.len() < LIMITS.findings || first_error {
            self.found.push(finding.at(&self.file, position));
        } else {
            self.left_out += 1;
        }
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        if self.left_out > 0 {
            self.found
                .push(left_out(self.left_out, self.has_errors()).at(&self.file, Position::START));
        }
        self.found
    }
}

fn left_out(count: usize, errors: bool) -> Finding {
    let finding = Finding {
        severity: if errors { Severity::Error } else { Severity::Warning },
        ..Finding::error(
            code::MORE_FINDINGS,
            format!("{count} more findings in this file are not shown"),
        )
    };
    finding.help("mend those that are shown first")
}

/// Sorts findings by place, and cuts what is too much of one file.
pub(super) fn in_order(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort();
    found.dedup();
    if found.len() <= LIMITS.findings {
        return found;
    }
    let mut kept = Vec::with_capacity(found.len());
    for of_one_file in found.chunk_by(|a, b| a.file == b.file) {
        let (shown, rest) = of_one_file.split_at(of_one_file.len().min(LIMITS.findings + 1));
        kept.extend_from_slice(shown);
        if let Some(first) = rest.first() {
            let errors = rest.iter().any(|finding| finding.severity == Severity::Error);
            kept.push(left_out(rest.len(), errors).at(&first.file, Position::START));
        }
    }
    kept
}

/// `text` in backquotes, on one line, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    let shown = match text.char_indices().nth(LIMITS.quoted) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    };
    format!("`{}`", printable(&shown))
}

/// Names in backquotes, joined by commas.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(quoted).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// "did you mean …?" where a name is near, else what there is to choose from.
pub(super) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<_> = candidates.into_iter().collect();
    match crate::model::nearest(name, candidates.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => format!("expected one of {}", listed(candidates)),
    }
}

/// Makes a line safe for a terminal: a manifest is written by anyone who can open a pull request, and control or
/// bidirectional characters from it could rewrite what is shown.
fn printable(line: &str) -> String {
    match line.char_indices().nth(LIMITS.line) {
        Some((end, _)) => format!("{}…", Foreign(&line[..end])),
        None => Foreign(line).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_no_control_characters_from_a_file() {
        let finding = Finding::error("syntax", format!("bad {}", quoted("\u{1b}[2J\u{202e}")));
        let diagnostic = finding.at(&"a.toml".into(), Position::START);
        assert_eq!(diagnostic.message, "bad `\\u{1b}[2J\\u{202e}`");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let cut = quoted(&"ü".repeat(500));
        assert_eq!(cut.chars().count(), LIMITS.quoted + 3);
    }

    #[test]
    fn a_file_of_warnings_still_shows_its_error_and_says_what_is_left_out() {
        let mut report = Report::new(&"a.toml".into());
        for _ in 0..2 * LIMITS.findings {
            report.add(Position::START, Finding::warning("w", "warning"));
        }
        report.add(Position::START, Finding::error("e", "error"));
        assert!(report.has_errors());
        let found = report.into_diagnostics();
        assert!(found.iter().any(|found| found.code == "e"));
        assert_eq!(
            found.last().unwrap().message,
            format!("{} more findings in this file are not shown", LIMITS.findings)
        );
    }

    #[test]
    fn a_flood_in_one_file_leaves_the_others_visible() {
        let at = |file: &str, line| {
            Finding::error("e", "error").at(
                &file.into(),
                Position {
                    line,
                    ..Position::START
                },
            )
        };
        let flood = (1..500).map(|line| at("a.toml", line)).chain([at("b.toml", 1)]);
        let kept = in_order(flood.collect());
        assert_eq!(kept.len(), LIMITS.findings + 3);
        assert_eq!(kept.last().unwrap().file.as_str(), "b.toml");
    }
}
