//! What a terminal shows while a pass runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::Terminal;
use super::stopping::{Bytes, Running};
use crate::execute::{Progress, StepOutcome, Stop};
use crate::facts::{Ask, Depth};
use crate::graph::Graph;
use crate::model::EndpointIndex;
use crate::plan::{Action, Step};
use crate::reconcile::Watch;

/// One line on standard error: looking, then writing. Nothing where that is no terminal.
#[derive(Debug)]
pub struct Watching {
    bar: ProgressBar,
    running: Running,
    asked: AtomicU64,
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
        let watching = Self {
            bar,
            running: Running::default(),
            asked: AtomicU64::new(0),
        };
        watching.style("{spinner} looking at {msg}");
        watching
    }

    /// From the moment the stop is called for, says every few seconds what it waits for.
    pub fn tell_what_a_stop_waits_for(&self, stop: &Stop) {
        self.running.tell_what_a_stop_waits_for(stop);
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

    /// How much was copied so far: a large image is one step for a long time.
    fn show_copied(&self) {
        self.bar.set_message(match self.running.bytes_copied() {
            0 => String::new(),
            bytes => format!(", {} copied", Bytes(bytes)),
        });
    }
}

impl Watch for Watching {
    fn asking(&self, _graph: &Graph, _ask: Ask, _depth: Depth, _endpoint: EndpointIndex, _now: Timestamp) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if self.bar.length().unwrap_or(0) == 0 {
            self.bar.set_message(match asked {
                1 => "1 place".to_owned(),
                _ => format!("{asked} places"),
            });
        }
    }

    fn beginning(&self, graph: &Graph, steps: &[Step], _now: Timestamp) {
        self.running.beginning(graph, steps);
        let steps: usize = steps
            .iter()
            .map(|step| match step.action {
                Action::Sign => 1,
                _ => step.at.len(),
            })
            .sum();
        if self.bar.length().unwrap_or(0) == 0 {
            self.style("{spinner} writing {bar:30} {pos}/{len} steps{msg}");
            self.show_copied();
        }
        self.bar.inc_length(steps as u64);
    }

    fn progress(&self) -> &dyn Progress {
        self
    }
}

impl Progress for Watching {
    fn finished(&self, outcome: &StepOutcome) {
        self.running.finished(outcome);
        self.bar.inc(1);
    }

    fn copied(&self, bytes: u64) {
        self.running.copied(bytes);
        self.show_copied();
    }
}
