//! What a running daemon answers over HTTP: how things stand, metrics, and requests to it. It knows values of `model` only,
//! and reaches the daemon's loop through a queue.

mod access;
mod ask;
mod connections;
mod listen;
mod metrics;
mod problem;
mod routes;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;
use std::time::Duration;

pub use access::{Access, Token};
pub use ask::{AskError, Daemon};
pub use connections::serve;
pub use listen::{ListenError, Listener};
pub use metrics::Metrics;
pub use routes::{SHORTFALL, router};

/// What the server takes from its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Connections at once; further ones wait.
    pub connections: usize,
    /// Headers of one request.
    pub headers: usize,
    /// Bytes of a request's line and headers.
    pub head_bytes: usize,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// From the first byte of a request to the end of its headers.
    pub head_time: Duration,
    /// How long a connection may last in all.
    pub connection_time: Duration,
    /// How long the loop may take to come around before it counts as hanging.
    pub turn_time: Duration,
    /// How long requests may go on after the daemon was told to stop.
    pub stop_time: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 64,
            headers: 64,
            head_bytes: 16 << 10,
            body_bytes: 64 << 10,
            head_time: Duration::from_secs(10),
            // A look at everything that somebody waits for can take long.
            connection_time: Duration::from_secs(60 * 60),
            turn_time: Duration::from_secs(10),
            stop_time: Duration::from_secs(2),
        }
    }
}

/// What the routes share.
#[derive(Debug, Clone)]
pub struct Service {
    pub daemon: Daemon,
    pub metrics: Arc<Metrics>,
}
