//! Findings in manifests, as people and programs read them.

use std::io::{self, Write};

use crate::desired::code;
use crate::model::{Diagnostic, Foreign, Severity, Tree, TreeFile};

/// How many characters of a line are shown.
const SHOWN: usize = 160;

/// Writes findings as `file:line:column: error: …`, each with the line it speaks of and what to do about it.
///
/// # Errors
/// Where `output` cannot be written.
pub fn write_diagnostics(output: &mut dyn Write, diagnostics: &[Diagnostic], tree: &Tree) -> io::Result<()> {
    for diagnostic in diagnostics {
        let Diagnostic {
            file,
            line,
            column,
            severity,
            message,
            code,
            help,
            ..
        } = diagnostic;
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (file, message) = (Foreign(file.as_str()), Foreign(message));
        writeln!(output, "{file}:{line}:{column}: {severity}: {message} [{code}]")?;
        if let Some((text, mark)) = excerpt(diagnostic, tree) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            writeln!(output, "{margin} |\n{number} | {text}\n{margin} | {mark}")?;
        }
        if let Some(help) = help {
            let mut lines = help.lines();
            writeln!(output, "  help: {}", Foreign(lines.next().unwrap_or_default()))?;
            for line in lines {
                writeln!(output, "        {}", Foreign(line))?;
            }
        }
        writeln!(output)?;
    }
    Ok(())
}

/// The marked line and the marks below it; nothing where a secret could stand in it, or where it is about a line that
/// is gone.
fn excerpt(diagnostic: &Diagnostic, tree: &Tree) -> Option<(String, String)> {
    if code::OF_WHAT_IS_GONE.contains(&diagnostic.code) {
        return None;
    }
    let is_manifest = [".toml", ".yaml"]
        .iter()
        .any(|ending| diagnostic.file.as_str().ends_with(ending));
    let about_a_secret = diagnostic.code == code::SECRET_IN_GIT || !is_manifest;
    let Some(TreeFile::Regular { bytes, .. }) = tree.files.get(&diagnostic.file) else {
        return None;
    };
    let text = std::str::from_utf8(bytes).ok()?;
    if about_a_secret || text.contains("PRIVATE KEY-----") {
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text
        .split('\n')
        .nth(diagnostic.line.checked_sub(1)? as usize)?
        .trim_end();
    if line.trim().is_empty() {
        return None;
    }
    let start = diagnostic.column.saturating_sub(1) as usize;
    let marked = line.chars().skip(start).scan(0, |bytes, c| {
        let before = *bytes;
        *bytes += c.len_utf8();
        (before < diagnostic.length as usize).then_some(c)
    });
    let marked = marked.count().max(1);
    // A long line is shown from shortly before the mark.
    let skipped = if start + marked > SHOWN {
        start.saturating_sub(SHOWN / 4)
    } else {
        0
    };
    let cut = if skipped > 0 { "…" } else { "" };
    let mut shown: String = line.chars().skip(skipped).take(SHOWN).map(harmless).collect();
    if line.chars().count() > skipped + SHOWN {
        shown.push('…');
    }
    let indent = " ".repeat(cut.chars().count() + start - skipped);
    Some((
        format!("{cut}{shown}"),
        format!("{indent}{}", "^".repeat(marked.min(SHOWN))),
    ))
}

/// One character for one, so that the marks below stay where they belong.
fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        steering if Foreign::steers(steering) => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BlobId, CommitId};

    fn shown(text: &str, column: u32, length: u32, code: &'static str) -> String {
        let file = TreeFile::Regular {
            blob: BlobId([0; 20]),
            bytes: text.as_bytes().into(),
        };
        let tree = Tree {
            commit: CommitId([0; 20]),
            files: [("a.toml".into(), file)].into(),
        };
        let diagnostic = Diagnostic {
            file: "a.toml".into(),
            line: 1,
            column,
            length,
            severity: Severity::Error,
            code,
            message: "message".to_owned(),
            help: Some("one\ntwo".to_owned()),
        };
        let mut output = Vec::new();
        write_diagnostics(&mut output, &[diagnostic], &tree).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn the_marks_stand_below_what_they_mark() {
        assert_eq!(
            shown("ü = \"ä\"\n", 5, 4, "code"),
            "a.toml:1:5: error: message [code]\n  |\n1 | ü = \"ä\"\n  |     ^^^\n  help: one\n        two\n\n"
        );
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        assert!(!shown("password = \"hunter2\"", 1, 8, code::SECRET_IN_GIT).contains("hunter2"));
        assert!(!shown("x = \"-----BEGIN PRIVATE KEY-----\"", 1, 1, "unknown-key").contains("BEGIN"));
    }

    #[test]
    fn terminals_are_not_steered_and_long_lines_are_cut() {
        let text = format!("{}\u{1b}[2J", "x".repeat(500));
        let output = shown(&text, 450, 3, "code");
        assert!(!output.contains('\u{1b}'));
        assert!(output.contains('…'));
        assert!(output.lines().all(|line| line.chars().count() < SHOWN + 20), "{output}");
    }
}
