//! For GitHub Actions: annotations on the lines of a pull request (GitHub documentation, "Workflow commands for GitHub
//! Actions").

use std::io::{self, Write};

use super::report::Report;
use super::text;
use crate::model::{Diagnostic, Severity};

/// # Errors
/// Where `output` cannot be written.
pub(super) fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    // GitHub shows ten errors and ten warnings of a step: errors come first in any case.
    let mut sorted: Vec<&Diagnostic> = report.diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.severity);
    for diagnostic in sorted {
        let Diagnostic {
            line,
            column,
            severity,
            code,
            message,
            help,
            ..
        } = diagnostic;
        let command = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let help = help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
        writeln!(
            output,
            "::{command} file={},line={line},col={column},endLine={line},title={}::{}",
            property(&report.path(diagnostic)),
            property(&format!("landfall: {code}")),
            data(&format!("{message}{help}")),
        )?;
    }
    let mut summary = Vec::new();
    if let Some(comparison) = &report.comparison {
        summary.push(text::compared(report, comparison));
        summary.extend(text::changes(comparison));
    }
    summary.extend(text::notes(report));
    summary.push(text::verdict(report));
    // One command: no line of it can be taken for another.
    writeln!(output, "::notice title=landfall::{}", data(&summary.join("\n")))
}

/// What is said: everything up to the end of the line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What is said about where: commas and colons end it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cli::validate::report::{Counts, History};
    use crate::model::{CommitId, Tree};

    #[test]
    fn no_text_becomes_a_command_of_its_own() {
        let report = Report {
            tree: Tree {
                commit: CommitId([0; 20]),
                files: BTreeMap::new(),
            },
            folder: "registries/a,b".to_owned(),
            diagnostics: vec![Diagnostic {
                file: "promotions/a:b,c\n::error::x%0A/d.toml".into(),
                line: 3,
                column: 2,
                length: 1,
                severity: Severity::Warning,
                code: "tag-dropped",
                message: "100%\r\n::set-env name=PATH::/tmp".to_owned(),
                help: Some("::stop-commands::x".to_owned()),
            }],
            counts: Counts::default(),
            head: None,
            uncommitted: 0,
            history: History::NoRepository,
            comparison: None,
        };
        let mut output = Vec::new();
        write(&report, &mut output).unwrap();
        insta::assert_snapshot!(String::from_utf8(output).unwrap());
    }
}
