//! A plan for people: what is done to which image, what is in the way and what lifts it.
//!
//! Laid out by ourselves, not by `comfy-table`: columns are as wide as one image's steps ask for, a row that does not fit
//! becomes two lines instead of cells that wrap, and a reference is never cut.

use std::fmt::Write as _;

use super::layout::{counted, grouped, listed, padded, wrap};
use super::style::{Style, Tone};
use super::summary::Summary;
use crate::facts::Ask;
use crate::graph::Graph;
use crate::model::{
    BlockedReport, Convergence, EndpointIndex, EndpointSet, Foreign, NodeId, Severity, Shortfall, Slot, Standing, Tag,
    UnitId,
};
use crate::plan::record::{endpoint_names, source_name};
use crate::plan::{Action, Content, Planned, Provider, Reason, Step, Withheld};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableOptions {
    pub style: Style,
    /// In characters; references are never cut, they can be longer.
    pub width: usize,
    /// How many images, and how many root causes, are written out.
    pub most: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            style: Style::Plain,
            width: 100,
            most: 100,
        }
    }
}

/// The widest columns of actions and of endpoints may become.
const WIDEST_ACTION: usize = 44;
const WIDEST_PLACE: usize = 36;
/// More names than this many characters of them say how many more there are.
const TAGS_WIDTH: usize = 60;

/// The plan, ending in one line that sums it up. `standing` is what follows from this plan and from the commit.
#[must_use]
pub fn table(graph: &Graph, planned: &Planned, standing: &Standing, options: &TableOptions) -> String {
    if standing.result == Convergence::AsDesired {
        return format!(
            "Nothing to do: {} at {} are as desired.\n",
            counted(planned.units, "image", "images"),
            counted(endpoints_in_use(graph), "endpoint", "endpoints"),
        );
    }
    let mut table = Table {
        graph,
        options,
        text: String::new(),
    };
    table.images(planned.steps.iter().map(|step| (step, None)));
    if !planned.if_dropped.is_empty() {
        table.heading("Put back if the registry drops what loses its last tag");
        table.images(planned.if_dropped.iter().map(|step| (step, None)));
    }
    if !planned.withheld.is_empty() {
        table.heading("Due, but only reported");
        table.images(planned.withheld.iter().map(|(step, why)| (step, Some(*why))));
    }
    table.blocked(standing);
    table.questions(planned);
    table.not_followed(standing);
    let summary = format!("Plan: {}.", summary(planned, standing));
    table.text + &options.style.paint(Tone::Strong, &summary) + "\n"
}

/// What is due, then what keeps the rest from being as desired.
fn summary(planned: &Planned, standing: &Standing) -> String {
    let rest = Shortfall {
        due: 0,
        ..standing.shortfall
    };
    let due = Summary::of(planned).to_string();
    match (due.is_empty(), rest == Shortfall::default()) {
        (false, true) => due,
        (false, false) => format!("{due}; {rest}"),
        (true, _) => format!("nothing can be done now; {rest}"),
    }
}

fn endpoints_in_use(graph: &Graph) -> usize {
    let mut used = vec![EndpointSet::EMPTY; graph.target_count()];
    for unit in graph.wanted() {
        if let Some(claim) = graph.unit(unit).claim() {
            used[graph.target_of(unit).index()] |= claim.endpoints;
        }
    }
    used.into_iter().map(EndpointSet::len).sum()
}

struct Table<'a> {
    graph: &'a Graph,
    options: &'a TableOptions,
    text: String,
}

/// One step in columns.
struct Row {
    sign: &'static str,
    tone: Tone,
    action: String,
    place: String,
    why: String,
}

impl<'a> Table<'a> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        let heading = self.options.style.paint(Tone::Strong, heading);
        self.line(&heading);
    }

    /// Steps by image; those of one image follow each other.
    fn images(&mut self, steps: impl Iterator<Item = (&'a Step, Option<Withheld>)>) {
        let mut current = None;
        let mut images = 0;
        let mut rows = Vec::new();
        for (step, withheld) in steps {
            if current != Some(step.node.unit) {
                self.rows(&mut rows);
                current = Some(step.node.unit);
                images += 1;
                if images <= self.options.most {
                    self.image(step.node.unit);
                }
            }
            if images <= self.options.most {
                rows.push(self.row(step, withheld));
            }
        }
        self.rows(&mut rows);
        if images > self.options.most {
            let more = counted(images - self.options.most, "more image", "more images");
            self.line(&format!("… and {more} (use --format json)"));
            self.text.push('\n');
        }
    }

    fn image(&mut self, id: UnitId) {
        let unit = self.graph.unit(id);
        let style = self.options.style;
        let reference = format!(
            "{}@{}",
            self.graph.public_reference(unit.repository),
            unit.digest.short()
        );
        let mut line = format!(
            "{}  {}",
            self.graph.target(self.graph.target_of(id)).name,
            style.paint(Tone::Strong, &reference)
        );
        if !unit.tags.is_empty() {
            let tags: Vec<&str> = unit.tags.iter().map(|tag| self.graph.tag(*tag).1.as_str()).collect();
            let _ = write!(line, " ({})", listed(tags.into_iter(), TAGS_WIDTH));
        }
        self.line(&line);
        if let Some(claim) = unit.claim() {
            let origin = format!("  {}:{}", Foreign(claim.origin.file.as_str()), claim.origin.line);
            self.line(&style.paint(Tone::Quiet, &origin));
        }
    }

    fn row(&self, step: &Step, withheld: Option<Withheld>) -> Row {
        let (sign, tone, action) = match &step.action {
            Action::Copy { carried, .. } if carried.is_empty() => ("+", Tone::Adds, "copy".to_owned()),
            Action::Copy { carried, .. } => (
                "+",
                Tone::Adds,
                format!("copy with {}", counted(carried.len(), "attachment", "attachments")),
            ),
            Action::Sign => ("+", Tone::Adds, format!("sign {}", slot_name(step.node.slot))),
            Action::Attach { .. } => ("+", Tone::Adds, format!("attach {}", slot_name(step.node.slot))),
            Action::Remove { artifacts, keeps } => {
                let what = slot_name(step.node.slot);
                let what = match artifacts.len() {
                    1 => format!("second {what}"),
                    count => format!("{} further of {what}", grouped(count)),
                };
                let action = format!("remove {what} ({} stays)", keeps.short());
                ("-", Tone::Changes, action)
            }
            Action::Tag {
                tag,
                digest,
                replaces,
                keeps,
            } => {
                let tag = self.graph.tag(*tag).1;
                match replaces {
                    None => ("+", Tone::Adds, format!("tag {tag}")),
                    Some(old) => (
                        "~",
                        Tone::Changes,
                        format!(
                            "tag {tag} (from {} to {}{})",
                            old.short(),
                            digest.short(),
                            if *keeps { ", an anchor tag keeps it" } else { "" }
                        ),
                    ),
                }
            }
        };
        let mut why = step.because.as_str().to_owned();
        if let Some(from) = self.from(step) {
            let _ = write!(why, ", {from}");
        }
        match withheld {
            Some(Withheld::ObserveOnly) => why.push_str("; the target's mode is \"observe\""),
            Some(Withheld::ReportOnly) => why.push_str("; the target's drift is \"report\""),
            None => {}
        }
        let (sign, tone) = match step.because {
            Reason::IfDropped => ("?", Tone::Changes),
            _ => (sign, tone),
        };
        for tag in self.left_by(step) {
            let _ = write!(why, ", when {tag} moves");
        }
        Row {
            sign,
            tone,
            action,
            place: self.place(step),
            why,
        }
    }

    /// The tags whose moves a conditional step waits for.
    fn left_by(&self, step: &Step) -> Vec<&'a Tag> {
        let is_conditional = step.because == Reason::IfDropped;
        let after = step.after.iter().filter(|_| is_conditional);
        after
            .filter_map(|dependency| match dependency.node.slot {
                Slot::Tag(tag) => Some(self.graph.tag(tag).1),
                _ => None,
            })
            .collect()
    }

    fn place(&self, step: &Step) -> String {
        let id = step.node.unit;
        let everywhere = self.graph.unit(id).claim().map(|claim| claim.endpoints);
        if everywhere == Some(step.at) && step.at.len() > 1 {
            return format!("everywhere ({})", step.at.len());
        }
        let names: Vec<&str> = endpoint_names(self.graph, self.graph.target_of(id), step.at).collect();
        listed(names.into_iter(), WIDEST_PLACE)
    }

    /// Where bytes come from: the place tried first.
    fn from(&self, step: &Step) -> Option<String> {
        let from = match &step.action {
            Action::Copy { from, .. } => from,
            Action::Attach { content, from } => match content {
                Content::MadeHere => return None,
                Content::Journal(_) => return Some("as signed before".to_owned()),
                Content::Known(_) => from,
            },
            Action::Sign | Action::Tag { .. } | Action::Remove { .. } => return None,
        };
        let first = match from.first()? {
            Provider::Source => {
                let claim = self.graph.unit(step.node.unit).claim()?;
                source_name(self.graph, step.node.unit, &claim.source)
            }
            Provider::Endpoint(endpoint) => self.endpoint_name(step.node, *endpoint).to_owned(),
        };
        Some(format!("from {first}"))
    }

    fn endpoint_name(&self, node: NodeId, endpoint: EndpointIndex) -> &'a str {
        &self
            .graph
            .target(self.graph.target_of(node.unit))
            .endpoint(endpoint)
            .name
    }

    fn rows(&mut self, rows: &mut Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        let widest = |text: fn(&Row) -> &str, limit: usize| {
            rows.iter()
                .map(|row| text(row).chars().count())
                .filter(|length| *length <= limit)
                .max()
                .unwrap_or(0)
        };
        let action = widest(|row| &row.action, WIDEST_ACTION);
        let place = widest(|row| &row.place, WIDEST_PLACE);
        for row in rows.drain(..) {
            let sign = self.options.style.paint(row.tone, row.sign);
            let why = self.options.style.paint(Tone::Quiet, &row.why);
            let columns = 4
                + row.action.chars().count().max(action)
                + 2
                + row.place.chars().count().max(place)
                + 2
                + row.why.chars().count();
            if columns <= self.options.width {
                self.line(&format!(
                    "  {sign} {}  {}  {why}",
                    padded(&row.action, action),
                    padded(&row.place, place)
                ));
            } else {
                self.line(&format!("  {sign} {}", row.action));
                let separator = if row.place.is_empty() { "" } else { "  " };
                self.line(&format!("      {}{separator}{why}", row.place));
            }
        }
        self.text.push('\n');
    }

    fn blocked(&mut self, standing: &Standing) {
        if standing.blocked.is_empty() {
            return;
        }
        self.heading("Blocked");
        let style = self.options.style;
        for blocked in standing.blocked.iter().take(self.options.most) {
            let BlockedReport {
                cause,
                remedy,
                example,
                nodes,
                ..
            } = blocked;
            self.line(&format!(
                "  {} {}",
                style.paint(Tone::Trouble, "!"),
                wrap(cause, 4, self.options.width)
            ));
            self.line(&format!(
                "    {} {}",
                style.paint(Tone::Strong, "→"),
                wrap(remedy, 6, self.options.width)
            ));
            if *nodes > 1 {
                let waiting = format!("    {} wait, the first is {example}", grouped(*nodes));
                self.line(&style.paint(Tone::Quiet, &waiting));
            }
        }
        self.more(standing.blocked.len(), "more cause", "more causes");
        self.text.push('\n');
    }

    /// Claims that errors hold back, and the lines at which these stand.
    fn not_followed(&mut self, standing: &Standing) {
        let errors: Vec<_> = standing
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect();
        if !errors.is_empty() {
            self.heading("Errors in the manifests");
            for error in errors.iter().take(self.options.most) {
                let mark = self.options.style.paint(Tone::Trouble, "!");
                self.line(&format!("  {mark} {error}"));
            }
            self.more(errors.len(), "more error", "more errors");
            self.text.push('\n');
        }
        if !standing.held.is_empty() {
            self.heading("Held back by errors in the manifests");
            for held in standing.held.iter().take(self.options.most) {
                self.line(&format!("    {}: {}", held.claim, held.reason));
            }
            self.more(standing.held.len(), "more claim", "more claims");
            self.text.push('\n');
        }
        if let Some(refused) = &standing.refused {
            self.heading(&format!("Commit {} is refused", refused.commit.short()));
            self.line(&format!("    {}", refused.reason));
            self.text.push('\n');
        }
    }

    fn more(&mut self, count: usize, one: &str, many: &str) {
        if count > self.options.most {
            let more = counted(count - self.options.most, one, many);
            self.line(&format!("… and {more} (use --format json)"));
        }
    }

    fn questions(&mut self, planned: &Planned) {
        let count = |is: fn(&Ask) -> bool| -> usize {
            planned
                .questions
                .iter()
                .filter(|question| is(&question.ask))
                .map(|question| question.at.len())
                .sum()
        };
        let open: Vec<String> = [
            (count(|ask| matches!(ask, Ask::Endpoint(_))), "endpoint", "endpoints"),
            (
                count(|ask| matches!(ask, Ask::Tags(_))),
                "list of tags",
                "lists of tags",
            ),
            (count(|ask| matches!(ask, Ask::Image(_))), "image", "images"),
            (
                count(|ask| matches!(ask, Ask::Evidence(_))),
                "image's attachments",
                "images' attachments",
            ),
            (count(|ask| matches!(ask, Ask::Tag(_))), "tag", "tags"),
            (count(|ask| matches!(ask, Ask::Source(_))), "source", "sources"),
        ]
        .into_iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
        if open.is_empty() {
            return;
        }
        self.heading("Not looked at yet, so this plan is not complete");
        let open = wrap(&open.join(", "), 2, self.options.width);
        self.line(&format!("  {open}"));
        self.text.push('\n');
    }
}

fn slot_name(slot: Slot) -> String {
    match slot {
        Slot::Signature(form) => format!("signature ({form})"),
        Slot::Attestation(kind) => format!("attestation ({kind})"),
        Slot::Gate => "gate".to_owned(),
        Slot::Image => "image".to_owned(),
        Slot::Tag(_) => "tag".to_owned(),
    }
}
