//! Asking the daemon's loop, and waiting for its answer.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::model::{Asked, Reply, Request, RequestError, Status};

/// The way to the daemon's loop.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub asked: mpsc::Sender<Asked>,
    /// How long the loop may take to come around.
    pub turn_time: Duration,
}

/// Why there is no answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AskError {
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Too many ask at once.
    #[error("too many requests wait for the daemon already")]
    Busy,
    #[error("the daemon's loop has not come around for {} s", .0.as_secs())]
    Hangs(Duration),
    #[error("the daemon is stopping")]
    Stopping,
}

impl Daemon {
    /// How everything stands.
    ///
    /// # Errors
    /// Where the loop hangs or stops, or too many ask.
    pub async fn status(&self) -> Result<Box<Status>, AskError> {
        match self.ask_at_once(Request::Status).await? {
            Reply::Status(status) => Ok(status),
            _ => Err(unexpected()),
        }
    }

    /// Whether the loop comes around; says whether a commit is followed.
    ///
    /// # Errors
    /// Where the loop hangs or stops, or too many ask.
    pub async fn turns(&self) -> Result<bool, AskError> {
        match self.ask_at_once(Request::Turn).await? {
            Reply::Turned { is_following } => Ok(is_following),
            _ => Err(unexpected()),
        }
    }

    /// Asks what the loop answers at once, so that a late answer means that it hangs.
    async fn ask_at_once(&self, request: Request) -> Result<Reply, AskError> {
        tokio::time::timeout(self.turn_time, self.ask(request))
            .await
            .map_err(|_| AskError::Hangs(self.turn_time))?
    }

    /// Asks, and waits for as long as it takes.
    ///
    /// # Errors
    /// Where the daemon refuses, stops, or too many ask.
    pub async fn ask(&self, request: Request) -> Result<Reply, AskError> {
        let (reply, answer) = oneshot::channel();
        self.asked
            .try_send(Asked { request, reply })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => AskError::Busy,
                mpsc::error::TrySendError::Closed(_) => AskError::Stopping,
            })?;
        // The loop drops what it has not answered when it ends.
        Ok(answer.await.map_err(|_| AskError::Stopping)??)
    }
}

/// Another answer than the request has. It would be a fault of this program.
pub(super) fn unexpected() -> AskError {
    RequestError::Failed("an answer to something else".to_owned()).into()
}
