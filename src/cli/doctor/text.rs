//! An examination for people.

use std::fmt::Write as _;

use crate::doctor::{ConclusionKind, Examination, Outcome, TrialReport, evidence};
use crate::model::counted;
use crate::model::{Capability, KnownBy};

/// As wide as the longest name of a capability.
const NAMES: usize = 24;
/// Text is wrapped no narrower than this.
const NARROWEST: usize = 30;

pub fn text(examination: &Examination, width: usize) -> String {
    let page = Page { width };
    let mut out = format!("{}\n\nConnection\n", examination.prefix);
    for check in &examination.checks {
        let mark = match check.outcome {
            Outcome::Fine => '✓',
            Outcome::Note => '·',
            Outcome::Attention => '!',
            Outcome::Refused | Outcome::Failed => '✗',
        };
        page.line(&mut out, &format!("  {mark} {:<11} ", check.topic), &check.text);
    }
    if examination.conclusions.is_empty() {
        out.push_str("\nNothing more was asked.\n");
        return out;
    }
    out.push_str("\nWhat it does\n");
    for capability in Capability::ALL {
        let label = capability.meaning();
        match examination.capabilities.of(*capability) {
            None => page.line(&mut out, &format!("  {label:<NAMES$}  not tried"), ""),
            Some(knowledge) => {
                let answer = knowledge.ability.as_str();
                page.line(
                    &mut out,
                    &format!("  {label:<NAMES$}  {answer:<9}  "),
                    &evidence(knowledge),
                );
            }
        }
    }
    for found in &examination.contradictions {
        let believed = match found.believed.known_by {
            KnownBy::Declared => "config.toml declares",
            _ => "until now it showed",
        };
        let text = format!(
            "{}: {believed} {}, and it shows {}{}",
            found.capability.meaning(),
            found.believed.ability.as_str(),
            found.shown.ability.as_str(),
            if found.believed.known_by == KnownBy::Declared {
                format!("; mend `capabilities.{}`", found.capability)
            } else {
                String::new()
            }
        );
        page.line(&mut out, "  ! ", &text);
    }
    out.push_str("\nWhat that means\n");
    for conclusion in &examination.conclusions {
        let mark = match conclusion.kind {
            ConclusionKind::Can => '✓',
            ConclusionKind::Otherwise => '·',
            ConclusionKind::Cannot => '✗',
            ConclusionKind::Care => '!',
            ConclusionKind::Unknown => '?',
        };
        page.line(&mut out, &format!("  {mark} "), &conclusion.text);
    }
    match &examination.trial {
        None => out.push_str("\nNothing was written.\n"),
        Some(trial) => {
            let written = trial.removed + trial.left.len();
            let fate = if trial.left.is_empty() {
                "all deleted again".to_owned()
            } else {
                format!("{} deleted again", trial.removed)
            };
            out.push('\n');
            page.line(
                &mut out,
                "",
                &format!(
                    "{} written to {}, {fate}. Blobs go when the registry collects them.",
                    counted(written, "manifest"),
                    trial.scratch
                ),
            );
            left_behind(&mut out, trial, &page);
        }
    }
    out
}

/// What is left, by why it is.
fn left_behind(out: &mut String, trial: &TrialReport, page: &Page) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (place, why) in &trial.left {
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, places)) => places.push(place),
            None => reasons.push((why, vec![place])),
        }
    }
    for (why, places) in reasons {
        page.line(out, "", &format!("Left behind, to be deleted by other means ({why}):"));
        for place in places {
            let _ = writeln!(out, "  {place}");
        }
    }
}

struct Page {
    /// In characters.
    width: usize,
}

impl Page {
    /// Text behind a label, its further lines below its first.
    fn line(&self, out: &mut String, label: &str, text: &str) {
        let indent = label.chars().count();
        let room = self.width.saturating_sub(indent).max(NARROWEST);
        let mut line = String::new();
        let mut lines = Vec::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
        for (index, line) in lines.iter().enumerate() {
            let written = if index == 0 {
                format!("{label}{line}")
            } else {
                format!("{:indent$}{line}", "")
            };
            out.push_str(written.trim_end());
            out.push('\n');
        }
    }
}
