//! One read at a source feeds every destination.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, select_all};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, timeout};

use super::{SourceFailure, SourceProblem, TransferLimits};
use crate::model::{Descriptor, Repository};
use crate::registry::{BlobStream, ErrorKind, RegistryError, WritableRegistry};

/// Hears of the bytes that a destination has taken.
pub(super) type Taken<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// What became of the destinations, in their order.
pub(super) struct FanOut {
    pub deliveries: Vec<Delivery>,
    /// Where the source did not give the blob whole. Nothing was stored anywhere then, unless it was there already.
    pub source: Option<SourceFailure>,
}

pub(super) enum Delivery {
    Stored,
    /// The destination's own failure.
    Failed(RegistryError),
    /// The others waited for it too long. It can be served alone.
    TooSlow,
    SourceFailed,
}

/// Reads the blob once and writes it to all destinations at the pace of the slowest, as long as patience lasts.
///
/// The last piece of a blob is handed on only when the source has ended soundly, its digest and size checked: content that
/// is not what it should be never reaches a destination whole.
pub(super) async fn fan_out<R: WritableRegistry>(
    registry: &R,
    blob: &Descriptor,
    source: &Repository,
    destinations: &[&Repository],
    limits: &TransferLimits,
    taken: Taken<'_>,
) -> FanOut {
    let problem = match registry.blob(source, blob).await {
        Ok(Some(content)) => return feed_all(registry, blob, (source, content), destinations, limits, taken).await,
        Ok(None) => SourceProblem::Absent,
        Err(error) => SourceProblem::Registry(error),
    };
    FanOut {
        deliveries: destinations.iter().map(|_| Delivery::SourceFailed).collect(),
        source: Some(SourceFailure {
            source: source.clone(),
            problem,
        }),
    }
}

async fn feed_all<R: WritableRegistry>(
    registry: &R,
    blob: &Descriptor,
    (source, content): (&Repository, BlobStream),
    destinations: &[&Repository],
    limits: &TransferLimits,
    taken: Taken<'_>,
) -> FanOut {
    let mut feeders = Vec::new();
    let mut uploads = Vec::new();
    for (index, destination) in destinations.iter().enumerate() {
        let (sender, receiver) = mpsc::channel(limits.buffered_pieces.max(1));
        feeders.push(Feeder {
            index,
            sender,
            waited_for: Duration::ZERO,
        });
        uploads.push(registry.put_blob(destination, blob, pieces(receiver, blob)));
    }
    let mut pump = Pump {
        feeders,
        too_slow: BTreeSet::new(),
        patience: limits.patience,
        taken,
    };
    let mut uploads = std::pin::pin!(join_all(uploads));
    let (results, ended) = {
        let mut pumping = std::pin::pin!(pump.run(content));
        tokio::select! {
            biased;
            // Every destination has its answer: the rest of the source is of no use.
            results = &mut uploads => (Some(results), Ok(())),
            ended = &mut pumping => (None, ended),
        }
    };
    let too_slow = std::mem::take(&mut pump.too_slow);
    // Closes the channels: whoever has not had everything is told so.
    drop(pump);
    let results = match results {
        Some(results) => results,
        None => uploads.await,
    };
    let deliveries = results.into_iter().enumerate().map(|(index, result)| match result {
        Ok(()) => Delivery::Stored,
        Err(_) if too_slow.contains(&index) => Delivery::TooSlow,
        Err(_) if ended.is_err() => Delivery::SourceFailed,
        Err(error) => Delivery::Failed(error),
    });
    let deliveries = deliveries.collect();
    let failure = |error| SourceFailure {
        source: source.clone(),
        problem: SourceProblem::Registry(error),
    };
    FanOut {
        deliveries,
        source: ended.err().map(failure),
    }
}

/// Carries pieces from the source to those that still take them.
struct Pump<'a> {
    feeders: Vec<Feeder>,
    too_slow: BTreeSet<usize>,
    patience: Duration,
    taken: Taken<'a>,
}

struct Feeder {
    index: usize,
    sender: Sender<Bytes>,
    /// How long the others have waited for this one.
    waited_for: Duration,
}

impl Pump<'_> {
    async fn run(&mut self, mut content: BlobStream) -> Result<(), RegistryError> {
        let mut held: Option<Bytes> = None;
        while let Some(piece) = content.next().await {
            let piece = piece?;
            if piece.is_empty() {
                continue;
            }
            if let Some(ready) = held.replace(piece) {
                self.feed(&ready).await;
                if self.feeders.is_empty() {
                    return Ok(());
                }
            }
        }
        if let Some(last) = held {
            self.feed(&last).await;
        }
        Ok(())
    }

    /// Hands a piece to everybody. Those that take no more are let go, those that are too slow sent away.
    async fn feed(&mut self, piece: &Bytes) {
        let size = piece.len() as u64;
        let mut full = Vec::new();
        let mut served = 0;
        for feeder in std::mem::take(&mut self.feeders) {
            match feeder.sender.try_send(piece.clone()) {
                Ok(()) => {
                    served += 1;
                    self.feeders.push(feeder);
                }
                Err(TrySendError::Full(_)) => full.push(feeder),
                Err(TrySendError::Closed(_)) => {}
            }
        }
        // With nobody else served, nobody waits: the source is faster than all of them.
        while served == 0 && !full.is_empty() {
            let sends = full.iter().map(|feeder| Box::pin(feeder.sender.send(piece.clone())));
            let (sent, first, others) = select_all(sends).await;
            drop(others);
            let feeder = full.remove(first);
            if sent.is_ok() {
                served += 1;
                self.feeders.push(feeder);
            }
        }
        let patience = self.patience;
        let sends = full.into_iter().map(|mut feeder| async move {
            let began = Instant::now();
            let left = patience.saturating_sub(feeder.waited_for);
            let sent = timeout(left, feeder.sender.send(piece.clone())).await;
            feeder.waited_for += began.elapsed();
            (feeder, sent)
        });
        for (feeder, sent) in join_all(sends).await {
            match sent {
                Ok(Ok(())) => {
                    served += 1;
                    self.feeders.push(feeder);
                }
                Ok(Err(_)) => {}
                Err(_) => {
                    self.too_slow.insert(feeder.index);
                }
            }
        }
        (self.taken)(size * served);
    }
}

/// What comes through the channel, and an error where that is not the whole blob.
fn pieces(receiver: Receiver<Bytes>, blob: &Descriptor) -> BlobStream {
    let cut_off = RegistryError {
        kind: ErrorKind::Interrupted,
        method: "GET",
        url: blob.digest.to_string(),
        status: None,
        code: None,
        message: "the source gave no more".to_owned(),
        retry_after: None,
    };
    let next = |(mut receiver, left, cut_off): (Receiver<Bytes>, u64, Option<RegistryError>)| async move {
        match receiver.recv().await {
            Some(piece) => {
                let left = left.saturating_sub(piece.len() as u64);
                Some((Ok(piece), (receiver, left, cut_off)))
            }
            None if left == 0 => None,
            None => cut_off.map(|error| (Err(error), (receiver, left, None))),
        }
    };
    stream::unfold((receiver, blob.size, Some(cut_off)), next).boxed()
}
