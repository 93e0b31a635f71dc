//! Copies of one blob to one repository, joined: whoever comes second waits for the first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::model::{Digest, Repository};

type Place = (Repository, Digest);

/// What is being copied where.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    copies: Mutex<HashMap<Place, CancellationToken>>,
}

/// Either the place is ours to write to, or somebody else is at it.
#[derive(Debug)]
pub(super) enum Claim<'a> {
    Ours(Ticket<'a>),
    Theirs(Waiting),
}

/// Holds a place until it is dropped: also where the copy failed, or was cancelled.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    copies: &'a InFlight,
    place: Place,
    _ended: DropGuard,
}

/// Somebody else's copy.
#[derive(Debug)]
pub(super) struct Waiting(CancellationToken);

impl InFlight {
    pub fn claim(&self, repository: &Repository, blob: &Digest) -> Claim<'_> {
        let place = (repository.clone(), *blob);
        let mut copies = self.lock();
        if let Some(theirs) = copies.get(&place) {
            return Claim::Theirs(Waiting(theirs.clone()));
        }
        let ended = CancellationToken::new();
        copies.insert(place.clone(), ended.clone());
        Claim::Ours(Ticket {
            copies: self,
            place,
            _ended: ended.drop_guard(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, CancellationToken>> {
        // One insertion or removal at a time: a panic leaves nothing half-done.
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.copies.lock().remove(&self.place);
    }
}

impl Waiting {
    /// Until the place is free. What became of the copy is for the caller to look at.
    pub async fn ended(self) {
        self.0.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_free_again_once_its_ticket_is_gone() {
        let copies = InFlight::default();
        let (here, blob) = ("one.test/a".parse().unwrap(), Digest::of(b"blob"));
        let Claim::Ours(ticket) = copies.claim(&here, &blob) else {
            panic!("nobody else is there");
        };
        let Claim::Theirs(waiting) = copies.claim(&here, &blob) else {
            panic!("the place is taken");
        };
        assert!(matches!(
            copies.claim(&"one.test/b".parse().unwrap(), &blob),
            Claim::Ours(_)
        ));
        drop(ticket);
        waiting.ended().await;
        assert!(matches!(copies.claim(&here, &blob), Claim::Ours(_)));
    }
}
