//! How things stand, for people.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::model::{
    Answers, BlockedReport, Condition, ConditionKind, ConditionStatus, ImageStatus, PartState, Pause, Standing, Status,
    TargetStatus, counted,
};

/// Everything at a glance: the verdict, what is in the way and what lifts it, then the targets.
pub fn status(status: &Status) -> String {
    let mut out = String::new();
    match &status.standing {
        Some(standing) => out += &verdict(standing),
        None => out += "No commit is followed yet.\n",
    }
    out += &paused(status.pause.as_ref());
    if let Some(error) = &status.branch_error {
        let _ = writeln!(out, "The branch is not followed to its head: {error}");
    }
    let activity = status.activity;
    let _ = writeln!(
        out,
        "{} under way, {} being worked on, {} waiting; running since {}.",
        counted(activity.looks, "look"),
        counted(activity.runs, "image"),
        activity.waiting,
        status.started
    );
    for target in &status.targets {
        out += &of_target(target, status.at);
    }
    out
}

/// The verdict and what is in the way.
pub fn standing(standing: &Standing, pause: Option<&Pause>) -> String {
    verdict(standing) + &paused(pause)
}

fn paused(pause: Option<&Pause>) -> String {
    pause.map_or_else(String::new, |Pause { since, reason }| {
        format!("Writes are paused since {since:.0}: {reason}. `landfall resume` lets them go on.\n")
    })
}

fn verdict(standing: &Standing) -> String {
    let mut out = String::new();
    let commit = standing.commit.short();
    let shortfall = standing.shortfall.to_string();
    let _ = if shortfall.is_empty() {
        writeln!(out, "As desired: commit {commit}.")
    } else {
        writeln!(out, "Not as desired: {shortfall}, commit {commit}.")
    };
    if let Some(refused) = &standing.refused {
        let _ = writeln!(out, "Commit {} is refused: {}", refused.commit.short(), refused.reason);
    }
    for diagnostic in &standing.diagnostics {
        let _ = writeln!(out, "{diagnostic}");
    }
    for held in &standing.held {
        let _ = writeln!(out, "Held back: {}: {}", held.claim, held.reason);
    }
    standing
        .blocked
        .iter()
        .for_each(|blocked| in_the_way(&mut out, blocked));
    out
}

fn in_the_way(out: &mut String, blocked: &BlockedReport) {
    let more = match blocked.nodes {
        0 | 1 => String::new(),
        nodes => format!(" and {} more", nodes - 1),
    };
    let _ = writeln!(out, "  {} (holds up {}{more})", blocked.cause, blocked.example);
    let _ = writeln!(out, "    → {}", blocked.remedy);
}

fn of_target(target: &TargetStatus, now: Timestamp) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{}: {} of {} as desired",
        target.name,
        target.as_desired,
        counted(target.images, "image")
    );
    for condition in target.conditions.iter().filter(|condition| is_worth_telling(condition)) {
        let _ = writeln!(
            out,
            "  {} {} for {}: {}",
            condition.kind.as_str(),
            condition.status.as_str(),
            ago(condition.last_transition_time, now),
            condition.message
        );
    }
    let width = target
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.len())
        .max()
        .unwrap_or(0);
    for endpoint in &target.endpoints {
        let answers = match endpoint.answers {
            Answers::Yes => String::new(),
            other => format!(", {}", other.as_str()),
        };
        let _ = writeln!(
            out,
            "  {:width$}  {} of {}  {}{answers}",
            endpoint.name, endpoint.as_desired, endpoint.images, endpoint.place
        );
    }
    out
}

/// What is as it should be needs no line of its own.
fn is_worth_telling(condition: &Condition) -> bool {
    match condition.kind {
        ConditionKind::Ready => true,
        ConditionKind::Reconciling | ConditionKind::Stalled => condition.status == ConditionStatus::True,
        ConditionKind::SourceVerified => condition.status != ConditionStatus::True,
    }
}

/// Images, place by place.
pub fn images(images: &[ImageStatus], total: usize) -> String {
    let mut out = String::new();
    for (index, image) in images.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        of_image(&mut out, image);
    }
    if total > images.len() {
        let _ = writeln!(out, "\n{} more.", total - images.len());
    }
    out
}

fn of_image(out: &mut String, image: &ImageStatus) {
    let _ = writeln!(out, "{}@{}", image.public_reference, image.digest);
    let tags = if image.tags.is_empty() {
        "none".to_owned()
    } else {
        image.tags.join(", ")
    };
    let _ = writeln!(
        out,
        "  tags {tags}, target {}, claimed at {}",
        image.target, image.claimed
    );
    match &image.admitted {
        Some(admitted) => {
            let _ = writeln!(
                out,
                "  admitted at {} by commit {}",
                admitted.at,
                admitted.commit.short()
            );
        }
        None => *out += "  not admitted yet\n",
    }
    for endpoint in &image.endpoints {
        let _ = writeln!(out, "  {} ({})", endpoint.name, endpoint.place);
        for part in &endpoint.parts {
            let looked = part.looked.map(|at| format!(", seen {at}")).unwrap_or_default();
            let found = part.found.map(|digest| format!(": {digest}")).unwrap_or_default();
            let mark = if part.state == PartState::Stands { "✓" } else { "✗" };
            let _ = writeln!(out, "    {mark} {}: {}{found}{looked}", part.part, part.state.as_str());
        }
    }
    for due in &image.due {
        let _ = writeln!(out, "  due: {due}");
    }
    for blocked in &image.blocked {
        let _ = writeln!(out, "  in the way: {}\n    → {}", blocked.cause, blocked.remedy);
    }
    if let Some(next) = image.next_attempt {
        let _ = writeln!(out, "  tried again at {next}, if nothing happens before");
    }
}

/// How long ago, in its largest unit.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).max(SignedDuration::ZERO).as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing;

    #[test]
    fn how_things_stand_is_read_from_above() {
        insta::assert_snapshot!(status(&testing::status()));
    }

    #[test]
    fn an_image_is_told_place_by_place() {
        insta::assert_snapshot!(images(&[testing::image()], 3));
    }
}
