//! Looking at a remote repository as time passes, on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::{Polling, Remote, RemoteError, Seen, Wanted};

/// Looks for as long as it lives.
pub struct Follower {
    remote: Arc<Remote>,
    /// A look is wanted now; closed, no more are.
    now: Option<mpsc::SyncSender<()>>,
}

impl Follower {
    /// Begins with a look after `first`. `told` hears what each look found.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        remote: Arc<Remote>,
        mut polling: Polling,
        first: Duration,
        told: impl Fn(Result<&Seen, &RemoteError>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (now, asked) = mpsc::sync_channel(1);
        let looked_at = Arc::clone(&remote);
        std::thread::Builder::new().name("git".to_owned()).spawn(move || {
            let mut wait = first;
            loop {
                match asked.recv_timeout(wait) {
                    Err(RecvTimeoutError::Disconnected) => return,
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                }
                let looked = looked_at.look(Wanted::Nothing);
                told(looked.as_ref());
                let chance = rand::random_range(0.0..1.0);
                wait = polling.after(looked.as_ref().map(|_| ()), chance);
                tracing::debug!(wait = ?wait, "the next look at the branch");
            }
        })?;
        Ok(Self { remote, now: Some(now) })
    }

    /// Has a look made at once.
    pub fn look_now(&self) {
        if let Some(now) = &self.now {
            // One that waits is enough.
            let _ = now.try_send(());
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Not waited for: what it was fetching is thrown away at the next look.
        self.remote.interrupt();
        self.now = None;
    }
}
