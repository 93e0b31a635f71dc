//! One read at a source feeds every destination.

use bytes::Bytes;
use futures_util::future::{join_all, select_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedSender};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::destination::Lacking;
use super::slowness::Slowness;
use super::window::Slot;
use super::{SourceFailure, SourceProblem, TransferLimits};
use crate::model::{self, Descriptor, Repository};
use crate::registry::{BlobStream, ErrorKind, RegistryError, WritableRegistry};

/// Hears of the bytes that a destination has taken.
pub(super) type Taken<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// What slow destinations may cost the others, and where they go then.
#[derive(Debug)]
pub(super) struct Patience<'a, 'd> {
    pub slowness: &'a Slowness,
    /// Takes those that the others no longer wait for: they can be served alone.
    pub too_slow: &'a UnboundedSender<Lacking<'d>>,
}

/// What a read did not settle. Everybody else has been told.
#[derive(Debug)]
pub(super) struct FanOut<'d> {
    pub unserved: Vec<Lacking<'d>>,
    /// Where the source did not give the blob whole. Nothing was stored anywhere then, unless it was there already.
    pub source: Option<SourceFailure>,
}

enum Ended<'d> {
    Told,
    TooSlow(Lacking<'d>),
    SourceFailed(Lacking<'d>),
}

/// One blob's read: from where, and for whom.
pub(super) struct Read<'a, 'd, R> {
    pub registry: &'a R,
    pub blob: &'a Descriptor,
    pub source: &'a Repository,
    pub limits: &'a TransferLimits,
    pub patience: Option<&'a Patience<'a, 'd>>,
    pub taken: Taken<'a>,
}

impl<'d, R: WritableRegistry> Read<'_, 'd, R> {
    /// Reads the blob once and writes it to all destinations at the pace of the slowest, as long as patience lasts. Each is
    /// told as soon as it is done. `reading` is given back when the source has been read: what then waits in one
    /// destination's connection is that one's affair.
    ///
    /// The last piece of a blob is handed on only when the source has ended soundly, its digest and size checked: content that
    /// is not what it should be never reaches a destination whole.
    pub async fn fan_out(&self, to: Vec<Lacking<'d>>, reading: &mut Option<Slot<'_>>) -> FanOut<'d> {
        let problem = match self.registry.blob(self.source, self.blob).await {
            Ok(Some(content)) => return self.feed_all(content, to, reading).await,
            Ok(None) => SourceProblem::Absent,
            Err(error) => SourceProblem::Registry(error),
        };
        FanOut {
            unserved: to,
            source: Some(self.failure(problem)),
        }
    }

    async fn feed_all(&self, content: BlobStream, to: Vec<Lacking<'d>>, reading: &mut Option<Slot<'_>>) -> FanOut<'d> {
        let failed = CancellationToken::new();
        let mut feeders = Vec::new();
        let mut uploads = FuturesUnordered::new();
        for lacking in to {
            let (sender, receiver) = mpsc::channel(self.limits.buffered_pieces.max(1));
            let dropped = CancellationToken::new();
            feeders.push(Feeder {
                registry: lacking.repository().registry.clone(),
                sender,
                dropped: dropped.clone(),
            });
            uploads.push(self.upload(lacking, receiver, dropped, failed.clone()).boxed());
        }
        let mut pumping = Some(self.pump(feeders).run(content).boxed());
        let mut fan_out = FanOut {
            unserved: Vec::new(),
            source: None,
        };
        // Once every destination has its answer, the rest of the source is of no use.
        while !uploads.is_empty() {
            tokio::select! {
                biased;
                Some(ended) = uploads.next() => match ended {
                    Ended::Told => {}
                    Ended::SourceFailed(lacking) => fan_out.unserved.push(lacking),
                    Ended::TooSlow(lacking) => self.leave(lacking, &mut fan_out),
                },
                Some(ended) = async { Some(pumping.as_mut()?.await) } => {
                    // Closes the channels: whoever has not had everything is told so.
                    pumping = None;
                    match ended {
                        Ok(()) => *reading = None,
                        Err(error) => {
                            failed.cancel();
                            fan_out.source = Some(self.failure(SourceProblem::Registry(error)));
                        }
                    }
                }
            }
        }
        fan_out
    }

    /// One destination's part. Does not wait for a connection that is full once nothing can come of it.
    async fn upload(
        &self,
        lacking: Lacking<'d>,
        content: Receiver<Bytes>,
        dropped: CancellationToken,
        source_failed: CancellationToken,
    ) -> Ended<'d> {
        let content = pieces(content, self.blob);
        let put = self
            .registry
            .put_blob(lacking.destination.repository, self.blob, content);
        tokio::select! {
            biased;
            () = dropped.cancelled() => Ended::TooSlow(lacking),
            () = source_failed.cancelled() => Ended::SourceFailed(lacking),
            () = lacking.destination.told.closed() => Ended::Told,
            result = put => {
                lacking.tell(result.map_err(Into::into));
                Ended::Told
            }
        }
    }

    fn leave(&self, lacking: Lacking<'d>, fan_out: &mut FanOut<'d>) {
        let sent = match self.patience {
            Some(patience) => patience.too_slow.send(lacking).map_err(|refused| refused.0),
            None => Err(lacking),
        };
        if let Err(lacking) = sent {
            fan_out.unserved.push(lacking);
        }
    }

    fn pump(&self, feeders: Vec<Feeder>) -> Pump<'_> {
        Pump {
            feeders,
            slowness: self.patience.map(|patience| patience.slowness),
            limits: self.limits,
            taken: self.taken,
            began: Instant::now(),
            fed: 0,
        }
    }

    fn failure(&self, problem: SourceProblem) -> SourceFailure {
        SourceFailure {
            source: self.source.clone(),
            problem,
        }
    }
}

/// Carries pieces from the source to those that still take them.
struct Pump<'a> {
    feeders: Vec<Feeder>,
    slowness: Option<&'a Slowness>,
    limits: &'a TransferLimits,
    taken: Taken<'a>,
    began: Instant,
    /// Bytes that the fastest has been given.
    fed: u64,
}

struct Feeder {
    registry: model::Registry,
    sender: Sender<Bytes>,
    dropped: CancellationToken,
}

impl Pump<'_> {
    async fn run(mut self, mut content: BlobStream) -> Result<(), RegistryError> {
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
        while served == 0 && !full.is_empty() {
            match self.first(&mut full, piece).await {
                Some(feeder) => {
                    served += 1;
                    self.feeders.push(feeder);
                }
                None => full.retain(|feeder| !feeder.sender.is_closed() && !feeder.dropped.is_cancelled()),
            }
        }
        let slowness = self.slowness;
        let sends = full.into_iter().map(|feeder| async move {
            let taken = match slowness {
                Some(slowness) => {
                    let wait = slowness.wait(&feeder.registry);
                    let sent = timeout_at(wait.deadline, feeder.sender.send(piece.clone())).await;
                    sent.map(|sent| sent.is_ok())
                }
                None => Ok(feeder.sender.send(piece.clone()).await.is_ok()),
            };
            (feeder, taken)
        });
        for (feeder, taken) in join_all(sends).await {
            match taken {
                Ok(true) => {
                    served += 1;
                    self.feeders.push(feeder);
                }
                Ok(false) => {}
                Err(_) => self.send_away(&feeder),
            }
        }
        self.fed += size;
        (self.taken)(size * served);
    }

    /// The first of these to take the piece. With nobody else served, nobody waits for them: the source is faster than all
    /// of them. Only where they crawl, they are sent away, because others need the place at the source.
    async fn first(&self, full: &mut Vec<Feeder>, piece: &Bytes) -> Option<Feeder> {
        let sends = full.iter().map(|feeder| Box::pin(feeder.sender.send(piece.clone())));
        let first = select_all(sends).map(|(sent, first, _)| (sent.is_ok(), first));
        let first = if self.slowness.is_some() {
            timeout_at(self.due(piece), first).await
        } else {
            Ok(first.await)
        };
        match first {
            Ok((true, first)) => Some(full.swap_remove(first)),
            Ok((false, _)) => None,
            Err(_) => {
                for feeder in full.iter() {
                    self.send_away(feeder);
                }
                None
            }
        }
    }

    /// When a destination that takes what comes at the slowest rate would have taken this piece too.
    fn due(&self, piece: &Bytes) -> Instant {
        let bytes = self.fed + piece.len() as u64;
        let rate = u64::from(self.limits.slow_rate.max(1));
        self.began + self.limits.patience + std::time::Duration::from_millis(bytes.saturating_mul(1_000) / rate)
    }

    fn send_away(&self, feeder: &Feeder) {
        if let Some(slowness) = self.slowness {
            slowness.give_up(&feeder.registry);
        }
        feeder.dropped.cancel();
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

#[cfg(test)]
mod tests;
