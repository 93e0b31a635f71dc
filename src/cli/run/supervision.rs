//! What systemd is told of a daemon that it started with `Type=notify-reload` or `Type=notify` (sd_notify(3)). Elsewhere nothing
//! is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::task::AbortOnDropHandle;

use crate::execute::Stop;
use crate::serve::Daemon;

/// Tells systemd that the daemon is ready now, that it stops once it does, and, where the unit has a watchdog, that its loop
/// comes around. It ends when it is dropped.
pub struct Supervision {
    _telling: Option<AbortOnDropHandle<()>>,
}

impl Supervision {
    pub fn begin(daemon: Daemon, stop: Stop) -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Self { _telling: None };
        }
        tell(&[NotifyState::Ready]);
        let telling = tokio::spawn(async move {
            tokio::select! {
                () = stop.drained() => {}
                () = keep_alive(&daemon) => {}
            }
            tell(&[NotifyState::Stopping]);
        });
        Self {
            _telling: Some(AbortOnDropHandle::new(telling)),
        }
    }
}

/// Does not end. Without a watchdog nobody waits for it.
async fn keep_alive(daemon: &Daemon) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    // Half of the time is what sd_watchdog_enabled(3) recommends.
    let mut beat = tokio::time::interval((patience / 2).max(Duration::from_millis(100)));
    loop {
        beat.tick().await;
        // A loop that hangs is not told of: systemd then starts the daemon anew.
        match daemon.turns().await {
            Ok(_) => tell(&[NotifyState::Watchdog]),
            Err(error) => tracing::warn!(%error, "the watchdog is not told that all is well"),
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told how the daemon is");
    }
}
