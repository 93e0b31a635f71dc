//! A process over a state and a history: what a commit changes about what it knows.

mod capabilities;
mod daemon;
mod following;
mod stopping;
mod upgrade;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::state::State;
use super::{Reconciler, Settings, StateJournal};
use crate::execute::AssembledWorld;
use crate::model::CommitId;
use crate::sim::registry::{FaultPlan, MemoryRegistries, Store};
use crate::sim::{History, JudgedRegistries, Rules, Seed, SimulatedClock, SimulatedSigner, SimulatedWorld};

type Process = Reconciler<SimulatedWorld, History>;

fn process(state: State, history: &Arc<History>, store: &Store) -> Process {
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), FaultPlan::default());
    process_at(state, history, registries)
}

fn process_at(state: State, history: &Arc<History>, registries: MemoryRegistries) -> Process {
    process_with(state, history, registries, Settings::default())
}

fn process_with(state: State, history: &Arc<History>, registries: MemoryRegistries, settings: Settings) -> Process {
    let state = Arc::new(state);
    let world = AssembledWorld {
        registry: JudgedRegistries::new(registries, Arc::new(Rules::new(Vec::new()))),
        signers: SimulatedSigner::new(&[]),
        journal: StateJournal::new(Arc::clone(&state)),
        clock: SimulatedClock::start(),
    };
    Reconciler::new(Arc::new(world), Arc::clone(history), state, settings).unwrap()
}

fn commit(history: &History, files: &[(&str, &str)]) -> CommitId {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    history.commit(&files, Timestamp::UNIX_EPOCH)
}
