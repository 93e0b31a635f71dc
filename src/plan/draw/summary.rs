//! A plan in one line.

use std::fmt;

use serde::Serialize;

use super::layout::grouped;
use crate::plan::{Planned, Step, Verb};

/// How much a plan holds, each step counted once an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub copy: usize,
    pub sign: usize,
    pub attach: usize,
    pub tag: usize,
    pub remove: usize,
    /// Done only where a registry drops what a tag leaves.
    pub if_dropped: usize,
    pub withheld: usize,
    /// Root causes, however much waits for each.
    pub blocked: usize,
    /// Places that have not been looked at.
    pub questions: usize,
}

impl Summary {
    #[must_use]
    pub fn of(planned: &Planned) -> Self {
        let mut summary = Self {
            if_dropped: planned.if_dropped.iter().map(Self::places).sum(),
            withheld: planned.withheld.iter().map(|(step, _)| Self::places(step)).sum(),
            blocked: planned.blocked.len(),
            questions: planned.questions.iter().map(|question| question.at.len()).sum(),
            ..Self::default()
        };
        for step in &planned.steps {
            *summary.of_step(step) += Self::places(step);
        }
        summary
    }

    /// What counts steps of this kind.
    pub(in crate::plan) fn of_step(&mut self, step: &Step) -> &mut usize {
        match step.action.verb() {
            Verb::Copy => &mut self.copy,
            Verb::Sign => &mut self.sign,
            Verb::Attach => &mut self.attach,
            Verb::Tag => &mut self.tag,
            Verb::Remove => &mut self.remove,
        }
    }

    /// Signing touches no endpoint and is done once.
    pub(in crate::plan) fn places(step: &Step) -> usize {
        match step.action.verb() {
            Verb::Sign => 1,
            Verb::Copy | Verb::Attach | Verb::Tag | Verb::Remove => step.at.len(),
        }
    }

    /// Steps that are due, whatever registries do.
    #[must_use]
    pub fn due(&self) -> usize {
        self.copy + self.sign + self.attach + self.tag + self.remove
    }
}

/// What is due, in a line; nothing where nothing is.
impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let due: Vec<String> = [
            (self.copy, "copy"),
            (self.sign, "sign"),
            (self.attach, "attach"),
            (self.tag, "tag"),
            (self.remove, "remove"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, verb)| format!("{} to {verb}", grouped(count)))
        .collect();
        formatter.write_str(&due.join(", "))?;
        match self.if_dropped {
            0 => Ok(()),
            count => write!(formatter, ", {} to put back if dropped", grouped(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_only_what_there_is() {
        let summary = Summary {
            copy: 3,
            attach: 9_000,
            blocked: 1,
            ..Summary::default()
        };
        assert_eq!(summary.to_string(), "3 to copy, 9,000 to attach");
        let conditional = Summary {
            tag: 1,
            if_dropped: 2,
            ..Summary::default()
        };
        assert_eq!(conditional.to_string(), "1 to tag, 2 to put back if dropped");
        assert_eq!(Summary::default().to_string(), "");
    }
}
