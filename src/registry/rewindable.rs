//! Content on its way up, the last of it kept so that it can be sent again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;

use super::error::RegistryError;
use super::protocol::BlobStream;

/// Content that can be read again from a little way back: from wherever a registry says that it has got to. The pieces
/// of one blob that goes to several registries are shared, so that keeping them costs little.
pub(super) struct Rewindable {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    content: BlobStream,
    size: u64,
    /// How much of what was given is kept at least.
    keep: u64,
    kept: VecDeque<Bytes>,
    /// Where the kept pieces begin and end.
    start: u64,
    end: u64,
    /// Where the next piece is given from.
    position: u64,
    /// Of the part that may read. A connection may go on asking for pieces of a request that was given up.
    turn: u64,
    ended: bool,
}

impl Rewindable {
    /// `size`: what the content ought to have.
    pub(super) fn new(content: BlobStream, size: u64, keep: u64) -> Self {
        let shared = Shared {
            content,
            size,
            keep,
            kept: VecDeque::new(),
            start: 0,
            end: 0,
            position: 0,
            turn: 0,
            ended: false,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// Keeps more from now on.
    pub(super) fn keep_at_least(&self, keep: u64) {
        let mut shared = self.lock();
        shared.keep = shared.keep.max(keep);
    }

    /// How many bytes were given, wherever the reading began last.
    pub(super) fn position(&self) -> u64 {
        self.lock().position
    }

    /// Has the next part begin there; says whether that is possible.
    pub(super) fn seek(&self, offset: u64) -> bool {
        let mut shared = self.lock();
        let possible = (shared.start..=shared.end).contains(&offset);
        if possible {
            shared.position = offset;
            shared.turn += 1;
        }
        possible
    }

    /// The next `length` bytes; fewer where the content ends before. Of a part that reaches to the end, whatever there is
    /// beyond comes too, for others to find. Parts given out before give nothing any more.
    pub(super) fn part(&self, length: u64) -> Part {
        let mut shared = self.lock();
        shared.turn += 1;
        Part {
            shared: Arc::clone(&self.shared),
            turn: shared.turn,
            end: shared.position + length,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Part {
    shared: Arc<Mutex<Shared>>,
    turn: u64,
    end: u64,
}

impl Stream for Part {
    type Item = Result<Bytes, RegistryError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.turn != self.turn || shared.position >= self.end {
            return Poll::Ready(None);
        }
        while shared.position == shared.end {
            if shared.ended {
                return Poll::Ready(None);
            }
            match ready!(shared.content.as_mut().poll_next(context)) {
                Some(Ok(piece)) => shared.keep(piece),
                Some(Err(error)) => {
                    shared.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => shared.ended = true,
            }
        }
        let last = self.end >= shared.size;
        Poll::Ready(Some(Ok(shared.give(if last { u64::MAX } else { self.end }))))
    }
}

impl Shared {
    fn keep(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.end += piece.len() as u64;
        self.kept.push_back(piece);
        while let Some(first) = self.kept.front() {
            let after = self.start + first.len() as u64;
            if after > self.position || self.position - after < self.keep {
                break;
            }
            self.start = after;
            self.kept.pop_front();
        }
    }

    /// What comes next, as far as it lies in one piece and before `end`.
    fn give(&mut self, end: u64) -> Bytes {
        let mut start = self.start;
        for piece in &self.kept {
            let after = start + piece.len() as u64;
            if self.position < after {
                let from = usize::try_from(self.position - start).unwrap_or(usize::MAX);
                let to = usize::try_from(end.min(after) - start).unwrap_or(usize::MAX);
                self.position = end.min(after);
                return piece.slice(from..to);
            }
            start = after;
        }
        Bytes::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt as _, StreamExt as _, stream};
    use proptest::prelude::*;

    fn rewindable(pieces: Vec<Vec<u8>>, size: u64, keep: u64) -> Rewindable {
        let content = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
        Rewindable::new(Box::pin(content), size, keep)
    }

    fn read(content: &Rewindable, length: u64) -> Vec<u8> {
        let pieces = content.part(length).map(|piece| piece.unwrap()).collect::<Vec<_>>();
        pieces.now_or_never().unwrap().concat()
    }

    #[test]
    fn the_last_of_it_can_be_read_again_and_the_first_of_it_no_more() {
        let content = rewindable(vec![vec![1; 4], vec![2; 4], vec![3; 4], vec![4; 4]], 16, 5);
        assert_eq!(read(&content, 14).len(), 14);
        assert!(content.seek(9));
        assert_eq!(read(&content, 4), [3, 3, 3, 4]);
        assert!(!content.seek(0));
        assert!(!content.seek(17));
        assert_eq!(content.position(), 13);
    }

    #[test]
    fn a_request_that_was_given_up_takes_nothing_more() {
        let content = rewindable(vec![vec![1, 2], vec![3, 4]], 4, 10);
        let mut stale = content.part(4);
        assert_eq!(stale.next().now_or_never().unwrap().unwrap().unwrap(), [1, 2][..]);
        assert!(content.seek(1));
        assert!(stale.next().now_or_never().unwrap().is_none());
        assert_eq!(read(&content, 3), [2, 3, 4]);
    }

    #[test]
    fn content_that_is_too_long_shows_and_one_that_is_too_short_ends() {
        assert_eq!(read(&rewindable(vec![vec![0; 3], vec![0; 3]], 4, 10), 4).len(), 6);
        assert_eq!(read(&rewindable(vec![vec![0; 3]], 4, 10), 4).len(), 3);
    }

    proptest! {
        #[test]
        fn whatever_is_read_again_is_the_same(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..12),
            steps in proptest::collection::vec((0_u64..12, 0_u64..12), 1..20),
            keep in 0_u64..20,
        ) {
            let whole = pieces.concat();
            let content = rewindable(pieces, whole.len() as u64, keep);
            let mut furthest = 0;
            for (back, length) in steps {
                let offset = content.position().saturating_sub(back);
                let from = if content.seek(offset) { offset } else { content.position() };
                prop_assert!(offset + keep < furthest || from == offset);
                let to = (from + length).min(whole.len() as u64);
                let expected = &whole[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
                prop_assert_eq!(read(&content, length), expected);
                furthest = furthest.max(content.position());
            }
        }
    }
}
