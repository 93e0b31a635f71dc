//! For people.

use std::io::{self, Write};

use crate::audit::compare::{AuditReport, Finding};
use crate::model::counted;

pub fn write(report: &AuditReport, output: &mut dyn Write) -> io::Result<()> {
    let mut place = "";
    for finding in &report.findings {
        if finding.place != place {
            if !place.is_empty() {
                writeln!(output)?;
            }
            place = &finding.place;
            writeln!(output, "{place}  ({} of {})", finding.endpoint, finding.target)?;
        }
        one(finding, output)?;
    }
    if !report.findings.is_empty() {
        writeln!(output)?;
    }
    if !report.excepted.is_empty() {
        writeln!(output, "Passed over, as landfall.toml says:")?;
        for finding in &report.excepted {
            let reason = finding.exception.as_deref().unwrap_or_default();
            writeln!(output, "  {} {}: {reason}", finding.kind, finding.at())?;
        }
        writeln!(output)?;
    }
    if !report.not_looked_at.is_empty() {
        writeln!(output, "Not looked at:")?;
        for missed in &report.not_looked_at {
            writeln!(output, "  {}: {}", missed.what, missed.why)?;
        }
        writeln!(output)?;
    }
    let looked = &report.looked;
    writeln!(
        output,
        "commit {}: {} in {} at {} looked at{}",
        &report.commit[..10],
        counted(looked.images, "image"),
        match looked.repositories {
            1 => "1 repository".to_owned(),
            count => format!("{count} repositories"),
        },
        counted(looked.endpoints, "endpoint"),
        if report.unexpected {
            ""
        } else {
            ", for what is asked for alone"
        }
    )?;
    if report.findings.is_empty() {
        return writeln!(
            output,
            "nothing was found{}",
            match report.not_looked_at.is_empty() {
                true => "",
                false => " in what could be looked at",
            }
        );
    }
    let counts: Vec<String> = report
        .counts()
        .into_iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    writeln!(
        output,
        "{}: {}",
        counted(report.findings.len(), "finding"),
        counts.join(", ")
    )
}

fn one(finding: &Finding, output: &mut dyn Write) -> io::Result<()> {
    let what = match (&finding.tag, &finding.digest) {
        (Some(tag), _) => format!(":{tag} "),
        (None, Some(digest)) => format!("@{digest} "),
        (None, None) => String::new(),
    };
    let at = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("  ({file}:{line})"),
        _ => String::new(),
    };
    writeln!(output, "  {:<24} {what}{}{at}", finding.kind, finding.detail)
}
