//! What a terminal shows while a pass runs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Terminal;
use crate::execute::{Progress, StepOutcome};
use crate::facts::Question;
use crate::graph::Graph;
use crate::model::EndpointIndex;
use crate::plan::{Action, Planned};
use crate::reconcile::Watch;

/// One line on standard error: looking, then writing. Nothing where that is no terminal.
#[derive(Debug)]
pub struct Watching {
    bar: ProgressBar,
}

impl Watching {
    #[must_use]
    pub fn new(terminal: &Terminal) -> Self {
        let bar = ProgressBar::new(0);
        if terminal.progress {
            bar.enable_steady_tick(Duration::from_millis(100));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

impl Watch for Watching {
    fn planned(&self, _graph: &Graph, planned: &Planned) {
        let steps: usize = planned
            .steps
            .iter()
            .map(|step| match step.action {
                Action::Sign => 1,
                _ => step.at.len(),
            })
            .sum();
        if steps > 0 {
            self.style("{spinner} writing {bar:30} {pos}/{len} steps, {msg}");
            self.bar.set_length(steps as u64);
            self.bar.set_position(0);
            self.bar.set_message("");
        }
    }

    fn asking(&self, questions: &[Question]) {
        let places: usize = questions.iter().map(|question| question.at.len()).sum();
        self.style("{spinner} looking at {msg}");
        self.bar.set_message(match places {
            1 => "1 place".to_owned(),
            _ => format!("{places} places"),
        });
    }

    fn progress(&self) -> &dyn Progress {
        self
    }
}

impl Progress for Watching {
    fn started(&self, _step: usize, _endpoint: EndpointIndex) {}

    fn finished(&self, _outcome: &StepOutcome) {
        self.bar.inc(1);
    }
}
