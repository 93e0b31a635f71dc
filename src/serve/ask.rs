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
    /// How everything stands. The loop answers at once, so that a late answer means that it hangs.
    ///
    /// # Errors
    /// Where it hangs or stops, or too many ask.
    pub async fn status(&self) -> Result<Box<Status>, AskError> {
        let answer = self.ask(Request::Status);
        match tokio::time::timeout(self.turn_time, answer).await {
            Ok(Ok(Reply::Status(status))) => Ok(status),
            Ok(Ok(_)) => Err(RequestError::Failed("an answer to something else".to_owned()).into()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(AskError::Hangs(self.turn_time)),
        }
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
