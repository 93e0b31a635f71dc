//! One blob to all who lack it.

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Instant, sleep_until};

use super::Transfer;
use super::destination::{Destination, Lacking};
use super::fan_out::{Patience, Read, Taken};
use super::in_flight::Claim;
use super::known_content::known_content;
use super::window::Slot;
use super::{SourceFailure, TransferError};
use crate::model::{Descriptor, Repository};
use crate::registry::{ErrorKind, Mount, RegistryError, WritableRegistry};

/// One blob's way: what it is, and where it may be read.
pub(super) struct Delivery<'a, R> {
    pub transfer: &'a Transfer,
    pub registry: &'a R,
    pub blob: &'a Descriptor,
    pub from: &'a [Repository],
    pub taken: Taken<'a>,
}

impl Transfer {
    /// Sees to it that the blob stands at every destination: looks first, mounts where a source is on the same registry,
    /// else reads it once for all who have said by then that they lack it, unless its bytes are known anyway. Where
    /// somebody else is copying it to the same place already, waits and looks again.
    ///
    /// `slot` is given back when nobody who answers is kept waiting any more.
    pub(super) async fn copy_blob<'a, R: WritableRegistry>(
        &'a self,
        registry: &'a R,
        blob: &'a Descriptor,
        from: &'a [Repository],
        to: &'a [Destination<'a>],
        slot: Slot<'a>,
        taken: Taken<'a>,
    ) {
        let delivery = Delivery {
            transfer: self,
            registry,
            blob,
            from,
            taken,
        };
        // Nobody waits for what those say who are served alone anyway.
        let mut awaited = 0_usize;
        let mut looking = FuturesUnordered::new();
        for destination in to {
            let counts = usize::from(!self.slowness.is_slow(&destination.repository.registry));
            awaited += counts;
            looking.push(delivery.look(destination).map(move |found| (counts, found)).boxed());
        }
        let mut serving: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut lacking = Vec::new();
        let mut slot = Some(slot);
        let mut gathered = None;
        loop {
            if awaited == 0 || gathered.is_some_and(|at| at <= Instant::now()) {
                // Whoever answers later shares a read with those that answer then.
                gathered = None;
                let slot = slot.take();
                if !lacking.is_empty() {
                    serving.push(delivery.serve(std::mem::take(&mut lacking), slot).boxed());
                }
            }
            let until = gathered.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                Some((counts, found)) = looking.next() => {
                    awaited -= counts;
                    gathered.get_or_insert_with(|| Instant::now() + self.limits.gathering);
                    lacking.extend(found);
                }
                Some(()) = serving.next() => {}
                () = sleep_until(until), if gathered.is_some() => {}
                else => return,
            }
        }
    }
}

impl<'a, R: WritableRegistry> Delivery<'a, R> {
    /// Whether the blob has to be sent there. If not, the destination has been told.
    async fn look(&self, destination: &'a Destination<'a>) -> Option<Lacking<'a>> {
        let to = destination.repository;
        let look = async {
            let lacking = self.claim(destination).await;
            let held = obtain(self.registry, self.blob, self.from, to).await;
            (lacking, held)
        };
        let (lacking, held) = tokio::select! {
            biased;
            () = destination.told.closed() => return None,
            looked = look => looked,
        };
        match held {
            Ok(false) => Some(lacking),
            Ok(true) => {
                destination.tell(Ok(()));
                None
            }
            Err(error) => {
                destination.tell(Err(error.into()));
                None
            }
        }
    }

    /// Waits until nobody else is at it there, and there is room.
    async fn claim(&self, destination: &'a Destination<'a>) -> Lacking<'a> {
        let to = destination.repository;
        let ticket = loop {
            match self.transfer.in_flight.claim(to, &self.blob.digest) {
                Claim::Ours(ticket) => break ticket,
                // Before there is a permit: that one may need it to end.
                Claim::Theirs(waiting) => waiting.ended().await,
            }
        };
        let source = self.from.first().map(|source| &source.registry);
        let permit = self.transfer.lanes.together(source, &to.registry).await;
        Lacking::new(destination, ticket, permit)
    }

    /// Sends the blob there without looking whether it is there.
    pub async fn send_unseen(&self, destination: &'a Destination<'a>) {
        let lacking = self.claim(destination).await;
        self.serve(vec![lacking], None).await;
    }

    /// Sends the blob to all of these, together as far as they keep up with each other.
    async fn serve(&self, lacking: Vec<Lacking<'a>>, slot: Option<Slot<'a>>) {
        if let Some(content) = known_content(self.blob) {
            return self.send_known(&content, lacking).await;
        }
        let slowness = &self.transfer.slowness;
        let (leave, left) = mpsc::unbounded_channel();
        let small = self.blob.size <= self.transfer.limits.small;
        let (together, slow): (Vec<_>, Vec<_>) = lacking
            .into_iter()
            .partition(|lacking| small || !slowness.is_slow(&lacking.repository().registry));
        for lacking in slow {
            // Received below.
            let _ = leave.send(lacking);
        }
        let together = async move {
            let patience = Patience {
                slowness,
                too_slow: &leave,
            };
            self.deliver(together, Some(&patience), slot).await;
        };
        tokio::join!(together, self.serve_alone(left));
    }

    async fn serve_alone(&self, mut left: UnboundedReceiver<Lacking<'a>>) {
        let mut alone: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(lacking) = left.recv() => alone.push(self.serve_one(lacking).boxed()),
                Some(()) = alone.next() => {}
                else => return,
            }
        }
    }

    async fn serve_one(&self, lacking: Lacking<'a>) {
        let (to, told) = (lacking.destination.repository, &lacking.destination.told);
        tracing::debug!(repository = %to, blob = %self.blob.digest, "slow: served alone");
        let _permit = tokio::select! {
            biased;
            () = told.closed() => return,
            permit = self.transfer.lanes.alone(&to.registry) => permit,
        };
        self.deliver(vec![lacking], None, None).await;
    }

    /// Uploads from the first source that gives the blob.
    async fn deliver(
        &self,
        mut lacking: Vec<Lacking<'a>>,
        patience: Option<&Patience<'_, 'a>>,
        mut slot: Option<Slot<'a>>,
    ) {
        let mut failures: Vec<SourceFailure> = Vec::new();
        for source in self.from {
            if lacking.is_empty() {
                break;
            }
            let read = Read {
                registry: self.registry,
                blob: self.blob,
                source,
                limits: &self.transfer.limits,
                patience,
                taken: self.taken,
            };
            let outcome = read.fan_out(lacking, &mut slot).await;
            lacking = outcome.unserved;
            if let Some(failure) = outcome.source {
                tracing::debug!(%source, blob = %self.blob.digest, %failure, "the next source is asked");
                failures.push(failure);
            }
        }
        for lacking in lacking {
            lacking.tell(Err(TransferError::NoSource {
                digest: self.blob.digest,
                failures: failures.clone(),
            }));
        }
    }

    /// Uploads what no source need give.
    async fn send_known(&self, content: &Bytes, lacking: Vec<Lacking<'a>>) {
        let puts = lacking.into_iter().map(|lacking| {
            let content = stream::iter([Ok(content.clone())]).boxed();
            async move {
                let put = self.registry.put_blob(lacking.repository(), self.blob, content).await;
                if put.is_ok() {
                    (self.taken)(self.blob.size);
                }
                lacking.tell(put.map_err(TransferError::from));
            }
        });
        join_all(puts).await;
    }
}

/// Whether the destination holds the blob, or takes it over from another of its registry's repositories.
async fn obtain(
    registry: &impl WritableRegistry,
    blob: &Descriptor,
    from: &[Repository],
    to: &Repository,
) -> Result<bool, RegistryError> {
    if registry.has_blob(to, blob).await? {
        return Ok(true);
    }
    for source in from
        .iter()
        .filter(|source| source.registry == to.registry && source.path != to.path)
    {
        match registry.mount_blob(to, &source.path, blob).await {
            Ok(Mount::Mounted) => return Ok(true),
            Ok(Mount::NotMounted) => {}
            // The blob can still be uploaded; if that may not be done either, it will say so itself.
            Err(error) if is_refusal(error.kind) => {
                tracing::debug!(repository = %to, %source, blob = %blob.digest, %error, "not mounted");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn is_refusal(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Denied | ErrorKind::NotAllowed | ErrorKind::Refused | ErrorKind::Unsupported | ErrorKind::Missing
    )
}
