//! Every fault against every action: whatever a registry does meanwhile, a pass ends, publishes nothing that is wrong,
//! and what is left to do is done once the fault has gone.

mod client;
mod counterparts;
mod deletes;
mod passes;
mod stage;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

pub use stage::Stage;

use crate::faults::{self, Action, Fault};

/// Cells that are played at once: most of them wait most of the time.
const AT_ONCE: usize = 8;

async fn play(fault: Fault, action: Action, client: reqwest::Client) -> Result<usize, String> {
    match action {
        // Passes delete nothing.
        Action::Delete => deletes::play(fault, client).await,
        _ => passes::play(fault, action, client).await,
    }
}

async fn play_all(cells: impl Iterator<Item = (Fault, Action)>) {
    let client = faults::client();
    let played: Vec<_> = stream::iter(cells)
        .map(|(fault, action)| {
            let client = client.clone();
            async move { (fault, action, play(fault, action, client).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut struck: BTreeMap<Action, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for (fault, action, outcome) in played {
        match outcome {
            Ok(count) => *struck.entry(action).or_default() += count,
            Err(what) => failures.push(format!("{fault:?} at {action:?}: {what}")),
        }
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} cells failed:\n{}", failures.join("\n"));
    assert!(
        struck.values().all(|count| *count > 0),
        "an action met no fault: {struck:?}"
    );
}

/// Those that contain the text in `LANDFALL_CELLS`.
fn cells() -> impl Iterator<Item = (Fault, Action)> {
    let wanted = std::env::var("LANDFALL_CELLS").unwrap_or_default();
    Fault::ALL
        .into_iter()
        .flat_map(|fault| Action::ALL.map(|action| (fault, action)))
        .filter(move |(fault, action)| format!("{fault:?} at {action:?}").contains(&wanted))
}

/// Each fault against an action or two, and each action against several faults: all of it takes minutes.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_wrong_is_published_and_the_end_is_reached() {
    play_all(cells().step_by(7)).await;
}

/// A 404 that turns true: what was signed stands all the while.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_called_missing_is_not_made_again() {
    play_all(
        [Action::Sign, Action::Referrers]
            .map(|action| (Fault::NotFound, action))
            .into_iter(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn every_fault_against_every_action() {
    play_all(cells()).await;
}
