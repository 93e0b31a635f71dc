//! What may be asked of a running daemon, and how it answers.

use thiserror::Error;
use tokio::sync::oneshot;

use super::{ImageStatus, Pause, Standing, Status};

/// Something that somebody asks a running daemon for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Whether the loop comes around, and a commit is followed. It costs next to nothing: probes ask it all the time.
    Turn,
    /// How everything stands.
    Status,
    /// How an image stands: a tag, a digest, a public reference or a place.
    Image {
        reference: String,
    },
    /// To look at the branch and at registries now: all of it, a target, or an image.
    Reconcile {
        only: Option<String>,
    },
    /// To follow this commit, though it leaves out what was accepted.
    Accept {
        revision: String,
    },
    /// To let landfall take over tags that stand on something foreign.
    Adopt {
        glob: String,
        reason: String,
    },
    /// To write nothing until resumed.
    Pause {
        reason: String,
    },
    Resume,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Turned {
        /// A commit is followed, and was planned.
        is_following: bool,
    },
    Status(Box<Status>),
    Images(Vec<ImageStatus>),
    Standing {
        standing: Box<Standing>,
        /// Nothing of what is due is done meanwhile.
        pause: Option<Pause>,
    },
    /// What was done, a line each.
    Done(Vec<String>),
}

/// Why a daemon did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done as asked; the text says why and what can.
    #[error("{0}")]
    Refused(String),
    #[error("the daemon is stopping")]
    Stopping,
    #[error("{0}")]
    Failed(String),
}

/// A request on its way to the daemon's loop.
#[derive(Debug)]
pub struct Asked {
    pub request: Request,
    pub reply: oneshot::Sender<Result<Reply, RequestError>>,
}
