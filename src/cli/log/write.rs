//! The log, in each format.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::audit::log::{Event, EventKind, LogEntry};
use crate::model::{CommitId, counted};

pub fn text(entries: &[LogEntry], output: &mut dyn Write) -> io::Result<()> {
    for (number, entry) in entries.iter().enumerate() {
        if number > 0 {
            writeln!(output)?;
        }
        self::entry(entry, output)?;
    }
    Ok(())
}

/// A commit, with what it changed.
pub fn entry(entry: &LogEntry, output: &mut dyn Write) -> io::Result<()> {
    let time = entry
        .committer
        .time
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S UTC");
    let author = entry.author.shown();
    let request = entry.pull_request.as_ref().map(|request| format!("  {}", request.name));
    writeln!(
        output,
        "{}  {time}  {author}{}",
        entry.commit.short(),
        request.unwrap_or_default()
    )?;
    writeln!(output, "    {}", entry.summary)?;
    let committer = entry.committer.shown();
    if committer != author {
        writeln!(output, "    committed by {committer}")?;
    }
    if let Some(merged) = &entry.merged {
        let written = match merged.authors.is_empty() {
            true => String::new(),
            false => format!(", written by {}", merged.authors.join(", ")),
        };
        writeln!(output, "    merges {}{written}", counted(merged.commits, "commit"))?;
    }
    for review in &entry.reviews {
        writeln!(output, "    {review}")?;
    }
    for event in &entry.events {
        writeln!(output, "  {:<11} {}", event.kind, told(event))?;
    }
    Ok(())
}

/// An event in a line.
pub fn told(event: &Event) -> String {
    let reason = |before: &str| {
        event
            .reason
            .as_deref()
            .map(|reason| format!("{before}{reason}"))
            .unwrap_or_default()
    };
    let at = match (&event.file, event.line) {
        (Some(file), Some(line)) => format!("  ({file}:{line})"),
        _ => String::new(),
    };
    let target = event
        .target
        .as_deref()
        .map(|target| format!(" at {target}"))
        .unwrap_or_default();
    let (before, after) = (event.before.as_deref(), event.after.as_deref());
    let subject = event.subject();
    match event.kind {
        EventKind::Promoted | EventKind::Removed | EventKind::HandedOver => {
            let digest = match (&event.tag, after.or(before)) {
                (Some(_), Some(digest)) => format!("  {digest}"),
                _ => String::new(),
            };
            format!("{subject}{digest}{target}{}{at}", reason(", "))
        }
        EventKind::Moved => format!(
            "{subject}  {} -> {}{target}{}{at}",
            before.unwrap_or_default(),
            after.unwrap_or_default(),
            reason(": ")
        ),
        EventKind::Held | EventKind::Unreadable | EventKind::Refused => {
            let subject = match event.kind {
                EventKind::Refused => "the commit".to_owned(),
                EventKind::Unreadable => format!("project {}", event.project.as_deref().unwrap_or_default()),
                _ => match (&event.tag, after) {
                    (Some(_), Some(digest)) => format!("{subject}  {digest}"),
                    _ => subject,
                },
            };
            format!("{subject}{target}{}{at}", reason(": "))
        }
        EventKind::Retag => {
            let verb = if after.is_some() {
                "may move to"
            } else {
                "may no longer move to"
            };
            format!(
                "{subject} {verb} {}{}",
                after.or(before).unwrap_or_default(),
                reason(": ")
            )
        }
        EventKind::Target
        | EventKind::Grant
        | EventKind::Signer
        | EventKind::Policy
        | EventKind::Setting
        | EventKind::Key => match (before, after) {
            (Some(before), Some(after)) => format!("{subject}: {before} -> {after}"),
            (None, Some(after)) => format!("{subject}: now {after}"),
            (Some(before), None) => format!("{subject}: no longer {before}"),
            (None, None) => subject,
        },
    }
}

pub fn json(head: CommitId, entries: &[LogEntry], output: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Log<'a> {
        schema_version: u32,
        commit: CommitId,
        entries: &'a [LogEntry],
    }

    let log = Log {
        schema_version: 1,
        commit: head,
        entries,
    };
    serde_json::to_writer_pretty(&mut *output, &log)?;
    writeln!(output)
}

pub fn csv(entries: &[LogEntry], output: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(output);
    table.write_record([
        "time",
        "commit",
        "author",
        "committer",
        "request",
        "kind",
        "target",
        "project",
        "reference",
        "tag",
        "key",
        "before",
        "after",
        "reason",
        "file",
        "line",
    ])?;
    for entry in entries {
        for event in &entry.events {
            let request = entry.pull_request.as_ref().map(|request| request.name.as_str());
            table.write_record([
                &*entry.committer.time.to_string(),
                &entry.commit.to_string(),
                &entry.author.shown(),
                &entry.committer.shown(),
                request.unwrap_or_default(),
                event.kind.as_str(),
                event.target.as_deref().unwrap_or_default(),
                event.project.as_deref().unwrap_or_default(),
                event.reference.as_deref().unwrap_or_default(),
                event.tag.as_ref().map_or("", |tag| tag.as_str()),
                event.key.as_deref().unwrap_or_default(),
                event.before.as_deref().unwrap_or_default(),
                event.after.as_deref().unwrap_or_default(),
                event.reason.as_deref().unwrap_or_default(),
                event.file.as_ref().map_or("", |file| file.as_str()),
                &event.line.map(|line| line.to_string()).unwrap_or_default(),
            ])?;
        }
    }
    table.flush()
}
