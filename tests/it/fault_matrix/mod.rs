//! Every fault against every action: whatever a registry does meanwhile, a pass ends, publishes nothing that is wrong,
//! and what is left to do is done once the fault has gone.

mod client;
mod counterparts;
mod deletes;
mod passes;
mod stage;

use std::collections::BTreeMap;
use std::fmt;

use futures_util::{StreamExt as _, stream};

pub use stage::Stage;

use crate::faults::{self, Action, Fault};
use crate::sampling::chosen;

/// Cells that are played at once: most of them wait most of the time.
const AT_ONCE: usize = 8;

/// A fault that strikes an action.
#[derive(Debug, Clone, Copy)]
struct Cell {
    fault: Fault,
    action: Action,
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} at {:?}", self.fault, self.action)
    }
}

fn all_cells() -> Vec<Cell> {
    let of_fault = |fault| Action::ALL.map(|action| Cell { fault, action });
    Fault::ALL.into_iter().flat_map(of_fault).collect()
}

async fn play(Cell { fault, action }: Cell, client: reqwest::Client) -> Result<usize, String> {
    match action {
        // Passes delete nothing.
        Action::Delete => deletes::play(fault, client).await,
        _ => passes::play(fault, action, client).await,
    }
}

/// Plays these cells. Gives how many requests of each action met a fault.
async fn play_all(cells: impl IntoIterator<Item = Cell>) -> BTreeMap<Action, usize> {
    let client = faults::client();
    let played: Vec<_> = stream::iter(cells)
        .map(|cell| {
            let client = client.clone();
            async move { (cell, play(cell, client).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut struck: BTreeMap<Action, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for (cell, outcome) in played {
        match outcome {
            Ok(count) => *struck.entry(cell.action).or_default() += count,
            Err(what) => failures.push(format!("{cell}: {what}")),
        }
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} cells failed:\n{}", failures.join("\n"));
    struck
}

fn assert_each_action_was_struck(struck: &BTreeMap<Action, usize>) {
    assert!(
        struck.values().all(|count| *count > 0),
        "an action met no fault: {struck:?}"
    );
}

/// Each fault against an action or two, and each action against several faults: all of it takes minutes.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_wrong_is_published_and_the_end_is_reached() {
    let struck = play_all(chosen(all_cells()).into_iter().step_by(7)).await;
    assert_each_action_was_struck(&struck);
}

/// A 404 that turns true: what was signed stands all the while.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_called_missing_is_not_made_again() {
    let fault = Fault::NotFound;
    let struck = play_all([Action::Sign, Action::Referrers].map(|action| Cell { fault, action })).await;
    assert_each_action_was_struck(&struck);
}

/// `LANDFALL_CELLS` plays those whose name contains it, as in `LANDFALL_CELLS="SlowLoris at Upload"`, and `LANDFALL_SAMPLE`
/// a sample of those.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn every_fault_against_every_action() {
    let all = all_cells();
    let cells = chosen(all.clone());
    let plays_all = cells.len() == all.len();
    let struck = play_all(cells).await;
    if plays_all {
        assert_each_action_was_struck(&struck);
    } else {
        // Not every fault has a request of every action to strike: of a few cells, some may meet none.
        assert!(struck.values().any(|count| *count > 0), "no fault struck: {struck:?}");
    }
}
