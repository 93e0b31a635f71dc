//! Ending on signals, and saying what a stop waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::execute::{Progress, StepOutcome, Stop};
use crate::graph::Graph;
use crate::model::{EndpointIndex, NodeId};
use crate::plan::{Action, Step};

/// How long a stop may go on without a word.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long steps that run may take to come to their end after the first signal. Supervisors give 30 s as a rule
/// (Kubernetes' `terminationGracePeriodSeconds`) before they kill.
const SHUTDOWN: std::time::Duration = std::time::Duration::from_secs(25);

/// Stops in two stages: with the first signal no new step begins, with the second, or when time is up, what runs is
/// dropped. The next pass finishes what it left.
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
            let patience = async {
                match stage {
                    0 => std::future::pending().await,
                    _ => tokio::time::sleep(SHUTDOWN).await,
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
                () = patience => {}
            }
            if stage == 0 {
                let seconds = SHUTDOWN.as_secs();
                tracing::warn!(
                    "stopping: steps that run have {seconds} s to come to their end; a second signal drops them"
                );
                told.drain();
            } else {
                tracing::warn!("stopping at once: the next pass finishes what is dropped");
                told.cancel();
            }
        }
    });
    stop
}

/// The steps that were begun and have not ended. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<(NodeId, EndpointIndex), Vec<String>>,
    /// Bytes of blobs that reached endpoints.
    copied: u64,
}

impl Running {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up steps that begin.
    pub fn beginning(&self, graph: &Graph, steps: &[Step]) {
        let mut state = self.state();
        for step in steps {
            let what = format!("{} {}", step.action.verb(), graph.node_name(step.node));
            let target = graph.target(graph.target_of(step.node.unit));
            if matches!(step.action, Action::Sign) {
                // Signing touches no endpoint, and ends at the primary.
                let at = (step.node, EndpointIndex::PRIMARY);
                state.running.entry(at).or_default().push(what);
                continue;
            }
            for endpoint in step.at.iter() {
                let name = format!("{what} at {}", target.endpoint(endpoint).name);
                state.running.entry((step.node, endpoint)).or_default().push(name);
            }
        }
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
        let all = || state.running.values().flatten();
        let names: Vec<&str> = all().take(SHOWN).map(String::as_str).collect();
        match all().count().saturating_sub(SHOWN) {
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
    fn finished(&self, outcome: &StepOutcome) {
        let mut state = self.state();
        let at = (outcome.node, outcome.endpoint);
        if let Some(names) = state.running.get_mut(&at) {
            // What is signed ends before it is attached at the same place.
            if !names.is_empty() {
                names.remove(0);
            }
            if names.is_empty() {
                state.running.remove(&at);
            }
        }
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
