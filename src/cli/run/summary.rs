//! How things stand, in the log from time to time: so that its reader sees a daemon that has nothing to do and is well.

use std::time::Duration;

use tokio::time::{Instant, interval_at};
use tokio_util::task::AbortOnDropHandle;

use crate::model::Status;
use crate::serve::Daemon;

const EVERY: Duration = Duration::from_secs(600);

/// Writes the summary until it is dropped.
pub struct Summary {
    _telling: AbortOnDropHandle<()>,
}

impl Summary {
    pub fn begin(daemon: Daemon) -> Self {
        let telling = tokio::spawn(async move {
            let mut beat = interval_at(Instant::now() + EVERY, EVERY);
            loop {
                beat.tick().await;
                match daemon.status().await {
                    Ok(status) => tell(&status),
                    Err(error) => tracing::warn!(%error, "how things stand cannot be told"),
                }
            }
        });
        Self {
            _telling: AbortOnDropHandle::new(telling),
        }
    }
}

fn tell(status: &Status) {
    let Some(standing) = &status.standing else {
        tracing::info!("no commit is followed yet");
        return;
    };
    let sum = |of: fn(&crate::model::TargetStatus) -> usize| status.targets.iter().map(of).sum::<usize>();
    tracing::info!(
        vcs.ref.head.revision = %standing.commit,
        images = sum(|target| target.images),
        as_desired = sum(|target| target.as_desired),
        steps_due = sum(|target| target.due),
        in_the_way = standing.blocked.len(),
        looks = status.activity.looks,
        paused = status.pause.is_some(),
        "how things stand"
    );
}
