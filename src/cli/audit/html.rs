//! One page that holds everything: a matrix of images, endpoints and forms, and what was found. It asks no network.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use crate::audit::compare::{AuditReport, Finding, FindingKind, Place};
use crate::audit::look::PlaceFacts;
use crate::model::counted;

const HEAD: &str = include_str!("page.html");

/// What an endpoint shows of an image.
const COLUMNS: [(&str, &[FindingKind]); 4] = [
    ("image", &[FindingKind::Absent, FindingKind::Incomplete]),
    ("tags", &[FindingKind::TagAbsent, FindingKind::TagMoved]),
    ("signature", &[FindingKind::Unsigned, FindingKind::SignedByAnother]),
    ("record", &[FindingKind::Unattested, FindingKind::RecordOfAnotherCommit]),
];

pub fn write(
    report: &AuditReport,
    places: &[Place<'_>],
    facts: &[PlaceFacts],
    output: &mut dyn Write,
) -> io::Result<()> {
    let (before, after) = HEAD.split_once("<!-- content -->").unwrap_or((HEAD, ""));
    output.write_all(before.as_bytes())?;
    let looked = &report.looked;
    writeln!(
        output,
        "<p>Commit <code>{}</code>: {} in {} repositories at {}; {}.</p>",
        escaped(&report.commit),
        counted(looked.images, "image"),
        looked.repositories,
        counted(looked.endpoints, "endpoint"),
        counted(report.findings.len(), "finding")
    )?;
    findings(report, output)?;
    matrix(report, places, facts, output)?;
    if !report.not_looked_at.is_empty() {
        writeln!(output, "<h2>Not looked at</h2><ul>")?;
        for missed in &report.not_looked_at {
            writeln!(output, "<li>{}: {}</li>", escaped(&missed.what), escaped(&missed.why))?;
        }
        writeln!(output, "</ul>")?;
    }
    if !report.undetectable.is_empty() {
        writeln!(output, "<h2>What no audit can see here</h2><ul>")?;
        for what in &report.undetectable {
            writeln!(output, "<li>{}</li>", escaped(what))?;
        }
        writeln!(output, "</ul>")?;
    }
    output.write_all(after.as_bytes())
}

fn findings(report: &AuditReport, output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "<h2>Findings</h2>")?;
    if report.findings.is_empty() && report.excepted.is_empty() {
        return writeln!(output, "<p>None.</p>");
    }
    writeln!(
        output,
        "<table class=\"searched\"><thead><tr><th>kind<th>where<th>endpoint<th>what<th>asked for in</tr></thead><tbody>"
    )?;
    for finding in report.findings.iter().chain(&report.excepted) {
        let at = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => String::new(),
        };
        let (class, excepted) = match &finding.exception {
            Some(reason) => ("excepted", format!(" (passed over: {reason})")),
            None => ("bad", String::new()),
        };
        writeln!(
            output,
            "<tr><td class=\"{class}\">{}<td>{}<td>{} of {}<td>{}<td>{}</tr>",
            finding.kind,
            escaped(&finding.at()),
            escaped(&finding.endpoint),
            escaped(&finding.target),
            escaped(&format!("{}{excepted}", finding.detail)),
            escaped(&at)
        )?;
    }
    writeln!(output, "</tbody></table>")
}

fn matrix(report: &AuditReport, places: &[Place<'_>], facts: &[PlaceFacts], output: &mut dyn Write) -> io::Result<()> {
    // By target: its endpoints, and what stands at each, by image.
    type Cells = BTreeMap<(String, String), BTreeMap<u8, String>>;
    let mut targets: BTreeMap<&str, (BTreeSet<u8>, Cells)> = BTreeMap::new();
    let mut by_place: HashMap<&str, Vec<&Finding>> = HashMap::new();
    for finding in &report.findings {
        by_place.entry(&finding.place).or_default().push(finding);
    }
    for (place, facts) in places.iter().zip(facts) {
        let here = by_place.get(facts.place.to_string().as_str());
        let (endpoints, cells) = targets.entry(&place.target.name).or_default();
        for claim in &place.claims {
            endpoints.insert(place.endpoint.0);
            let tags: Vec<&str> = claim.tags.iter().map(|tag| tag.as_str()).collect();
            let name = format!("{} {}", place.reference, tags.join(", "));
            let found: BTreeSet<FindingKind> = here
                .into_iter()
                .flatten()
                .filter(|finding| match (&finding.tag, &finding.digest) {
                    (Some(tag), _) => claim.tags.contains(tag),
                    (None, digest) => *digest == Some(claim.digest),
                })
                .map(|finding| finding.kind)
                .collect();
            let image = facts.images.get(&claim.digest);
            let unseen = image.is_none_or(|image| image.state.seen().is_none() || image.evidence.seen().is_none());
            let marks = COLUMNS.iter().map(|(column, kinds)| {
                let bad = kinds.iter().find(|kind| found.contains(kind));
                match bad {
                    Some(kind) => format!(
                        "<span class=\"bad\" title=\"{}\">{column}: {kind}</span>",
                        kind.meaning()
                    ),
                    None if unseen => format!("<span class=\"unseen\">{column}?</span>"),
                    None => format!("<span class=\"good\">{column}</span>"),
                }
            });
            let cell = marks.collect::<Vec<_>>().join(" ");
            let row = cells.entry((name, claim.digest.to_string())).or_default();
            row.insert(place.endpoint.0, cell);
        }
    }
    for (name, (endpoints, cells)) in targets {
        let target = places
            .iter()
            .find(|place| *place.target.name == *name)
            .map(|place| place.target);
        let Some(target) = target else { continue };
        writeln!(output, "<h2>Target {}</h2>", escaped(name))?;
        write!(output, "<table class=\"searched\"><thead><tr><th>image")?;
        for endpoint in &endpoints {
            let endpoint = &target.endpoints[usize::from(*endpoint)];
            write!(
                output,
                "<th title=\"{}\">{}",
                escaped(&endpoint.prefix.to_string()),
                escaped(&endpoint.name)
            )?;
        }
        writeln!(output, "</tr></thead><tbody>")?;
        for ((image, digest), row) in cells {
            write!(output, "<tr><td>{}<br><code>{digest}</code>", escaped(&image))?;
            for endpoint in &endpoints {
                write!(output, "<td>{}", row.get(endpoint).map_or("", String::as_str))?;
            }
            writeln!(output, "</tr>")?;
        }
        writeln!(output, "</tbody></table>")?;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
