//! For people.

use std::io::{self, Write};

use super::story::{Standing, Story};
use crate::audit::look::{Answer, State};
use crate::cli::log::write_entry;
use crate::model::Tag;

pub fn write(stories: &[Story], offline: bool, output: &mut dyn Write) -> io::Result<()> {
    for (number, story) in stories.iter().enumerate() {
        if number > 0 {
            writeln!(output)?;
        }
        self::story(story, offline, output)?;
    }
    Ok(())
}

fn story(story: &Story, offline: bool, output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "{}@{}", story.reference, story.digest)?;
    writeln!(output, "\nAsked for now")?;
    if story.asked.is_empty() {
        writeln!(output, "  no: no line of this commit asks for it any more")?;
    }
    for asked in &story.asked {
        let tags: Vec<&str> = asked.tags.iter().map(Tag::as_str).collect();
        let tags = match tags.is_empty() {
            true => "without a tag".to_owned(),
            false => format!("as {}", tags.join(", ")),
        };
        writeln!(
            output,
            "  {tags}, at target {}, by project {} ({}:{})",
            asked.target, asked.project, asked.file, asked.line
        )?;
        let signer = asked
            .signer
            .as_deref()
            .map_or("nobody signs it".to_owned(), |signer| format!("signer {signer}"));
        let policies = match asked.policies.is_empty() {
            true => "no policy".to_owned(),
            false => format!("policy {}", asked.policies.join(", ")),
        };
        writeln!(output, "  from {}; {signer}; {policies}", asked.source)?;
    }
    writeln!(output, "\nHistory")?;
    for entry in &story.history {
        write_entry(entry, output)?;
    }
    for written in &story.written {
        writeln!(
            output,
            "    brought in by {}  {}  {}",
            written.commit.short(),
            written.author,
            written.summary
        )?;
    }
    if offline {
        writeln!(output, "\nNow: no registry was asked (--offline)")?;
    } else if !story.asked.is_empty() {
        writeln!(output, "\nNow")?;
        for standing in &story.standing {
            self::standing(standing, output)?;
        }
    }
    by_hand(story, output)
}

fn standing(standing: &Standing, output: &mut dyn Write) -> io::Result<()> {
    let image = match &standing.image {
        Answer::Seen(State::Whole) => "stands whole".to_owned(),
        Answer::Seen(State::Absent) => "is not there".to_owned(),
        Answer::Seen(State::Incomplete(missing)) => {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            format!("stands, but without {}", missing.join(", "))
        }
        Answer::Seen(State::Corrupt(why)) => format!("is not what its digest names: {why}"),
        Answer::NotSeen(why) => format!("was not seen: {why}"),
    };
    writeln!(
        output,
        "  {} ({} of {}) {image}",
        standing.place, standing.endpoint, standing.target
    )?;
    for (tag, answer) in &standing.tags {
        let stands = match answer {
            Answer::Seen(Some(digest)) => format!("on {digest}"),
            Answer::Seen(None) => "nowhere".to_owned(),
            Answer::NotSeen(why) => format!("not seen: {why}"),
        };
        writeln!(output, "    tag {tag} {stands}")?;
    }
    match &standing.evidence {
        Answer::NotSeen(why) => writeln!(output, "    signatures not seen: {why}")?,
        Answer::Seen(found) if found.is_empty() => writeln!(output, "    nothing signed stands beside it")?,
        Answer::Seen(found) => {
            for signed in found {
                writeln!(output, "    {} {} by {}", signed.what, signed.artifact, signed.by)?;
            }
        }
    }
    for record in &standing.records {
        let found = &record.found;
        let borne_out = match record.borne_out {
            true => "borne out by Git",
            false => "NOT borne out by Git",
        };
        let verdict = serde_json::to_value(found.verdict).ok();
        let verdict = verdict
            .as_ref()
            .and_then(|verdict| verdict.as_str())
            .unwrap_or_default();
        writeln!(
            output,
            "    record: admitted {} from {}, gate {verdict} (mode {}), commit {} in {} by {}: {borne_out}",
            found.admitted_at,
            found.source,
            found.mode,
            found.commit.short(),
            found.path,
            found.author
        )?;
    }
    Ok(())
}

fn by_hand(story: &Story, output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "\nBy hand")?;
    for entry in &story.history {
        let file = entry.events.iter().find_map(|event| event.file.as_ref());
        let file = file.map(|file| format!(" -- {file}")).unwrap_or_default();
        writeln!(output, "  git show --first-parent -m {}{file}", entry.commit.short())?;
    }
    writeln!(
        output,
        "  git log --first-parent -m -p -S {} -- promotions",
        story.digest
    )?;
    for standing in &story.standing {
        writeln!(
            output,
            "  cosign verify --key PUBLIC-KEY --insecure-ignore-tlog {}@{}",
            standing.place, story.digest
        )?;
    }
    Ok(())
}
