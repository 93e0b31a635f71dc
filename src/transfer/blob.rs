//! One blob to all who lack it.

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::UnboundedSender;

use super::Transfer;
use super::fan_out::{Delivery, Taken, fan_out};
use super::in_flight::Claim;
use super::known_content::known_content;
use super::{SourceFailure, TransferError};
use crate::model::{Descriptor, Repository};
use crate::registry::{ErrorKind, Mount, RegistryError, WritableRegistry};

/// A place to copy to, and where to tell what became of a blob there. Who no longer listens has failed, and is left out.
#[derive(Debug, Clone)]
pub(super) struct Destination<'a> {
    pub repository: &'a Repository,
    pub told: UnboundedSender<Result<(), TransferError>>,
}

impl Destination<'_> {
    fn tell(&self, result: Result<(), TransferError>) {
        // A destination that has failed meanwhile need not hear of it.
        let _ = self.told.send(result);
    }
}

impl Transfer {
    /// Sees to it that the blob stands at every destination: looks first, mounts where a source is on the same registry,
    /// else reads it once for all, unless its bytes are known anyway. Where somebody else is copying it to the same place already, waits and looks again.
    pub(super) async fn copy_blob<R: WritableRegistry>(
        &self,
        registry: &R,
        blob: &Descriptor,
        from: &[Repository],
        to: &[Destination<'_>],
        taken: Taken<'_>,
    ) {
        let mut pending: Vec<&Destination<'_>> = to.iter().collect();
        while !pending.is_empty() {
            let mut theirs = Vec::new();
            {
                // Held by nobody who waits for somebody else's copy: that one may need it to end.
                let _permit = self.blobs.acquire().await.expect("the semaphore is never closed");
                let mut tickets = Vec::new();
                let mut ours = Vec::new();
                for destination in pending.into_iter().filter(|destination| !destination.told.is_closed()) {
                    match self.in_flight.claim(destination.repository, &blob.digest) {
                        Claim::Ours(ticket) => {
                            tickets.push(ticket);
                            ours.push(destination);
                        }
                        Claim::Theirs(waiting) => theirs.push((destination, waiting)),
                    }
                }
                self.copy_claimed(registry, blob, from, ours, taken).await;
            }
            let waits = theirs.into_iter().map(|(destination, waiting)| async move {
                waiting.ended().await;
                destination
            });
            pending = join_all(waits).await;
        }
    }

    async fn copy_claimed<R: WritableRegistry>(
        &self,
        registry: &R,
        blob: &Descriptor,
        from: &[Repository],
        to: Vec<&Destination<'_>>,
        taken: Taken<'_>,
    ) {
        let looks = to.into_iter().map(|destination| async move {
            match obtain(registry, blob, from, destination.repository).await {
                Ok(true) => {
                    destination.tell(Ok(()));
                    None
                }
                Ok(false) => Some(destination),
                Err(error) => {
                    destination.tell(Err(error.into()));
                    None
                }
            }
        });
        let lacking: Vec<_> = join_all(looks).await.into_iter().flatten().collect();
        if let Some(content) = known_content(blob) {
            return send_known(registry, blob, content, lacking, taken).await;
        }
        let slow = self.deliver(registry, blob, from, lacking, taken).await;
        join_all(slow.into_iter().map(|destination| async move {
            tracing::debug!(repository = %destination.repository, blob = %blob.digest, "slow: served alone");
            self.deliver(registry, blob, from, vec![destination], taken).await
        }))
        .await;
    }

    /// Uploads from the first source that gives the blob. Gives the destinations that were too slow for the others.
    async fn deliver<'a, 'b>(
        &self,
        registry: &impl WritableRegistry,
        blob: &Descriptor,
        from: &[Repository],
        mut lacking: Vec<&'a Destination<'b>>,
        taken: Taken<'_>,
    ) -> Vec<&'a Destination<'b>> {
        let mut failures: Vec<SourceFailure> = Vec::new();
        let mut slow = Vec::new();
        for source in from {
            if lacking.is_empty() {
                break;
            }
            let repositories: Vec<&Repository> = lacking.iter().map(|destination| destination.repository).collect();
            let outcome = fan_out(registry, blob, source, &repositories, &self.limits, taken).await;
            let mut unserved = Vec::new();
            for (destination, delivery) in lacking.into_iter().zip(outcome.deliveries) {
                match delivery {
                    Delivery::Stored => destination.tell(Ok(())),
                    Delivery::Failed(error) => destination.tell(Err(error.into())),
                    Delivery::TooSlow => slow.push(destination),
                    Delivery::SourceFailed => unserved.push(destination),
                }
            }
            lacking = unserved;
            if let Some(failure) = outcome.source {
                tracing::debug!(%source, blob = %blob.digest, %failure, "the next source is asked");
                failures.push(failure);
            }
        }
        for destination in lacking {
            destination.tell(Err(TransferError::NoSource {
                digest: blob.digest,
                failures: failures.clone(),
            }));
        }
        slow
    }
}

/// Uploads what no source need give.
async fn send_known(
    registry: &impl WritableRegistry,
    blob: &Descriptor,
    content: Bytes,
    lacking: Vec<&Destination<'_>>,
    taken: Taken<'_>,
) {
    let puts = lacking.into_iter().map(|destination| {
        let content = stream::iter([Ok(content.clone())]).boxed();
        async move {
            let put = registry.put_blob(destination.repository, blob, content).await;
            if put.is_ok() {
                taken(blob.size);
            }
            destination.tell(put.map_err(TransferError::from));
        }
    });
    join_all(puts).await;
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
