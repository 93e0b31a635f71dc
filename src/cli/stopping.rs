//! Ending on signals, and saying what a stop waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::execute::{Progress, StepOutcome, Stop};
use crate::graph::Graph;
use crate::model::EndpointIndex;
use crate::plan::{Action, Planned};

/// How long a stop may go on without a word.
const PATIENCE: Duration = Duration::from_secs(2);

/// Stops in two stages: with the first signal no new step begins, with the second what runs is dropped.
pub fn stop_on_signals() -> Stop {
    let stop = Stop::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let mut terminated = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be handled");
                return;
            }
        };
        for stage in 0..2 {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            if stage == 0 {
                tracing::warn!("stopping: steps that run come to their end; a second signal drops them");
                told.drain();
            } else {
                tracing::warn!("stopping at once: the next pass finishes what is dropped");
                told.cancel();
            }
        }
    });
    stop
}

/// The steps that are being done. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What the steps of the plan that is run are called.
    names: Vec<StepName>,
    running: BTreeMap<(usize, EndpointIndex), String>,
    /// Bytes of blobs that reached endpoints.
    copied: u64,
}

#[derive(Debug)]
struct StepName {
    what: String,
    endpoints: Arc<[String]>,
}

impl Running {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what the steps of a plan are called.
    pub fn planned(&self, graph: &Graph, planned: &Planned) {
        let endpoints: Vec<Arc<[String]>> = graph
            .targets()
            .iter()
            .map(|target| {
                target
                    .endpoints
                    .iter()
                    .map(|endpoint| endpoint.name.to_string())
                    .collect()
            })
            .collect();
        let name = |step: &crate::plan::Step| StepName {
            what: format!("{} {}", step.action.verb(), graph.node_name(step.node)),
            endpoints: match step.action {
                Action::Sign => Arc::from([]),
                _ => Arc::clone(&endpoints[graph.target_of(step.node.unit).index()]),
            },
        };
        self.state().names = planned.steps.iter().map(name).collect();
    }

    #[must_use]
    pub fn bytes_copied(&self) -> u64 {
        self.state().copied
    }

    /// What is being done now; a few of it.
    #[must_use]
    pub fn names(&self) -> String {
        const SHOWN: usize = 5;
        let state = self.state();
        let names: Vec<&str> = state.running.values().take(SHOWN).map(String::as_str).collect();
        match state.running.len().saturating_sub(SHOWN) {
            0 => names.join(", "),
            more => format!("{} and {more} more", names.join(", ")),
        }
    }

    /// From the moment the stop is called for, says every few seconds what it waits for.
    pub fn tell_what_a_stop_waits_for(&self, stop: &Stop) {
        let (running, stop) = (self.clone(), stop.clone());
        tokio::spawn(async move {
            stop.drained().await;
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PATIENCE) => {}
                }
                let names = running.names();
                if !names.is_empty() {
                    tracing::warn!(copied = %Bytes(running.bytes_copied()), "stopping: waiting for {names}; a second signal drops it");
                }
            }
        });
    }
}

impl Progress for Running {
    fn started(&self, step: usize, endpoint: EndpointIndex) {
        let mut state = self.state();
        let Some(name) = state.names.get(step) else {
            return;
        };
        let name = match name.endpoints.get(usize::from(endpoint.0)) {
            Some(at) => format!("{} at {at}", name.what),
            None => name.what.clone(),
        };
        state.running.insert((step, endpoint), name);
    }

    fn finished(&self, outcome: &StepOutcome) {
        self.state().running.remove(&(outcome.step, outcome.endpoint));
    }

    fn copied(&self, bytes: u64) {
        self.state().copied += bytes;
    }
}

/// `1.5 MB`.
#[derive(Debug, Clone, Copy)]
pub struct Bytes(pub u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        indicatif::DecimalBytes(self.0).fmt(formatter)
    }
}
