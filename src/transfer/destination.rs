//! Where a blob goes, and who is told what became of it there.

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;

use super::TransferError;
use super::in_flight::Ticket;
use crate::model::Repository;

/// A place to copy to, and where to tell what became of a blob there. Who no longer listens has failed, and is left out.
#[derive(Debug, Clone)]
pub(super) struct Destination<'a> {
    pub repository: &'a Repository,
    pub told: UnboundedSender<Result<(), TransferError>>,
}

/// A destination that lacks a blob, with what keeps others from sending it there meanwhile.
#[derive(Debug)]
pub(super) struct Lacking<'a> {
    pub destination: &'a Destination<'a>,
    _ticket: Ticket<'a>,
    _permit: OwnedSemaphorePermit,
}

impl Destination<'_> {
    pub fn tell(&self, result: Result<(), TransferError>) {
        // A destination that has failed meanwhile need not hear of it.
        let _ = self.told.send(result);
    }
}

impl<'a> Lacking<'a> {
    pub fn new(destination: &'a Destination<'a>, ticket: Ticket<'a>, permit: OwnedSemaphorePermit) -> Self {
        Self {
            destination,
            _ticket: ticket,
            _permit: permit,
        }
    }

    pub fn repository(&self) -> &Repository {
        self.destination.repository
    }

    /// Tells, and makes way for others.
    pub fn tell(self, result: Result<(), TransferError>) {
        self.destination.tell(result);
    }
}
