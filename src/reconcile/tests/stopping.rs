//! A stop is heard whenever it comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::daemon::{LANDFALL, options, promotion};
use super::{Process, commit, process};
use crate::execute::Stop;
use crate::facts::{Ask, Bounds, Depth};
use crate::graph::Graph;
use crate::model::EndpointIndex;
use crate::plan::Scope;
use crate::reconcile::engine::Engine;
use crate::reconcile::state::State;
use crate::reconcile::{Following, Requests, Watch, Writes};
use crate::sim::images::ImageRecipe;
use crate::sim::registry::Store;
use crate::sim::{History, Seed};

/// Calls for a stop while the engine works: at its turn of this number, before or after looks began in it.
struct Stopping {
    stop: Stop,
    turn: u64,
    at_looks: bool,
    turns: AtomicU64,
}

impl Watch for Stopping {
    fn turned(&self, _: &Engine, _: Timestamp) {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        if !self.at_looks && turn >= self.turn {
            self.stop.drain();
        }
    }

    fn asking(&self, _: &Graph, _: Ask, _: Depth, _: EndpointIndex, _: Timestamp) {
        if self.at_looks && self.turns.load(Ordering::Relaxed) > self.turn {
            self.stop.drain();
        }
    }
}

fn promoting() -> Process {
    let (history, store) = (Arc::new(History::default()), Store::new());
    let image = ImageRecipe::single().make(Seed(1));
    image.push(&store, &"source.test/team/app".parse().unwrap());
    let mut process = process(State::in_memory().unwrap(), &history, &store);
    let one = promotion("two", image.root());
    let files = [("landfall.toml", LANDFALL), ("promotions/team/1.toml", &*one)];
    process.follow(commit(&history, &files), Following::Accept).unwrap();
    process
}

/// In virtual time: whatever is waited for, it is not this long.
const PATIENCE: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn a_daemon_ends_at_whichever_of_its_turns_the_stop_comes() {
    for (turn, at_looks) in (0..40).flat_map(|turn| [(turn, false), (turn, true)]) {
        let mut process = promoting();
        let stop = Stop::new();
        let watch = Stopping {
            stop: stop.clone(),
            turn,
            at_looks,
            turns: AtomicU64::default(),
        };
        let (_wakes, mut wake) = mpsc::channel(1);
        let every = options(SignedDuration::from_secs(1));
        let mut nobody = Requests::nobody();
        let running = process.run_loop(&every, &mut wake, &watch, &stop, &mut nobody, |_, _| {});
        let ended = timeout(PATIENCE, running).await;
        assert!(ended.is_ok(), "turn {turn}, at looks: {at_looks}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_ends_at_whichever_of_its_turns_the_stop_comes() {
    for (turn, at_looks) in (0..40).flat_map(|turn| [(turn, false), (turn, true)]) {
        let mut process = promoting();
        let stop = Stop::new();
        let watch = Stopping {
            stop: stop.clone(),
            turn,
            at_looks,
            turns: AtomicU64::default(),
        };
        let scope = Scope::default();
        let running = process.pass(&scope, &Bounds::FRESH, Writes::Due, &watch, &stop);
        let ended = timeout(PATIENCE, running).await;
        assert!(
            ended.is_ok_and(|pass| pass.is_ok()),
            "turn {turn}, at looks: {at_looks}"
        );
    }
}
