//! Whole images to any number of destinations.

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::content::Content;
use super::destination::Destination;
use super::fan_out::Taken;
use super::in_flight::InFlight;
use super::lanes::Lanes;
use super::slowness::Slowness;
use super::window::Slot;
use super::{ImageTree, Lost, SourceFailure, SourceProblem, TransferError, TransferLimits, TreeAnswer, read_tree};
use crate::model::{Digest, Limits, Repository};
use crate::registry::{ManifestAt, Pushed, Registry, WritableRegistry};

/// Copies, together within their limits: concurrent copies of one blob to one place are done once. One serves any number
/// of copies for as long as the process lives; it keeps nothing of those that have ended but how slow a registry was.
#[derive(Debug)]
pub struct Transfer {
    pub(super) limits: TransferLimits,
    pub(super) lanes: Lanes,
    pub(super) slowness: Slowness,
    pub(super) in_flight: InFlight,
}

/// What became of one destination.
#[derive(Debug, Clone)]
pub struct CopyResult {
    /// Its position among the destinations.
    pub destination: usize,
    /// For an image without a subject there is nothing to acknowledge, and `subject_acknowledged` is true.
    pub result: Result<Pushed, TransferError>,
}

impl Default for Transfer {
    fn default() -> Self {
        Self::new(TransferLimits::default())
    }
}

impl Transfer {
    #[must_use]
    pub fn new(limits: TransferLimits) -> Self {
        Self {
            limits,
            lanes: Lanes::new(&limits),
            slowness: Slowness::new(&limits),
            in_flight: InFlight::default(),
        }
    }

    /// The tree of a manifest from the first of these places that has it whole.
    ///
    /// # Errors
    /// [`TransferError::NoSource`], with what each of them said.
    pub async fn read_from<R: Registry>(
        &self,
        registry: &R,
        root: &Digest,
        from: &[Repository],
        limits: &Limits,
    ) -> Result<ImageTree, TransferError> {
        let mut failures = Vec::new();
        for source in from {
            let problem = match read_tree(registry, source, root, limits).await {
                Ok(TreeAnswer::Whole(tree)) => return Ok(tree),
                Ok(TreeAnswer::Absent) => SourceProblem::Absent,
                Ok(TreeAnswer::Incomplete { missing }) => SourceProblem::Incomplete(missing),
                Err(error) => SourceProblem::Tree(error),
            };
            failures.push(SourceFailure {
                source: source.clone(),
                problem,
            });
        }
        Err(TransferError::NoSource {
            digest: *root,
            failures,
        })
    }

    /// Copies a tree, and tells of each destination as soon as it is done with.
    ///
    /// Each blob is read once for all destinations that lack it, from the first of `from` that gives it. What a
    /// destination has already is not written again. It gets its manifests once it has every blob: children first, the
    /// root last, each in exactly the bytes of the tree; then the blobs are looked for once more, and the root is read. A root with a
    /// subject is always sent, because only the answer to that tells who keeps the list of referrers.
    ///
    /// A destination that fails, or is slow, holds up no other. Dropping the stream cancels the copies; what they have
    /// written is found, and not written again, by the next.
    pub fn copy_tree<'a, R: WritableRegistry>(
        &'a self,
        registry: &'a R,
        tree: &'a ImageTree,
        from: &'a [Repository],
        to: &'a [Repository],
        taken: &'a (dyn Fn(u64) + Send + Sync),
    ) -> impl Stream<Item = CopyResult> + Send + 'a {
        let work = FuturesUnordered::new();
        let mut destinations = Vec::new();
        for (index, repository) in to.iter().enumerate() {
            let (told, hears) = mpsc::unbounded_channel();
            destinations.push(Destination { repository, told });
            let finished = async move {
                let content = Content {
                    transfer: self,
                    registry,
                    tree,
                    from,
                    taken,
                };
                let result = self.complete(&content, repository, hears).await;
                Some(CopyResult {
                    destination: index,
                    result,
                })
            };
            work.push(finished.boxed());
        }
        work.push(
            self.copy_blobs(registry, tree, from, destinations, taken)
                .map(|()| None)
                .boxed(),
        );
        work.filter_map(std::future::ready)
    }

    async fn copy_blobs<R: WritableRegistry>(
        &self,
        registry: &R,
        tree: &ImageTree,
        from: &[Repository],
        to: Vec<Destination<'_>>,
        taken: Taken<'_>,
    ) {
        let to = &to;
        let window = Semaphore::new(self.limits.blobs.max(1));
        let mut blobs = tree.blobs().iter().peekable();
        let mut copies = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(()) = copies.next() => {}
                // Not one for one: what is left of a blob are slow destinations, and the others need not wait for them.
                Ok(permit) = window.acquire(), if blobs.peek().is_some() => {
                    if let Some(blob) = blobs.next() {
                        let slot = Slot::new(permit);
                        copies.push(self.copy_blob(registry, blob, from, to, slot, taken).boxed());
                    }
                }
                else => return,
            }
        }
    }

    /// What one destination needs besides blobs, once these are there.
    async fn complete<R: WritableRegistry>(
        &self,
        content: &Content<'_, R>,
        repository: &Repository,
        mut blobs: UnboundedReceiver<Result<(), TransferError>>,
    ) -> Result<Pushed, TransferError> {
        let Content { registry, tree, .. } = *content;
        for _ in tree.blobs() {
            blobs
                .recv()
                .await
                .expect("whoever copies a blob tells every destination before letting go of it")?;
        }
        let (root, below) = (tree.root(), &tree.manifests()[..tree.manifests().len() - 1]);
        for level in below.chunk_by(|a, b| a.height == b.height) {
            let sends = level
                .iter()
                .map(|manifest| content.send_unless_there(repository, manifest));
            let sends = stream::iter(sends)
                .buffer_unordered(self.limits.requests.max(1))
                .boxed();
            sends.try_for_each(|()| std::future::ready(Ok(()))).await?;
        }
        let pushed = if root.manifest.subject.is_some() {
            content.send(repository, root).await?
        } else {
            content.send_unless_there(repository, root).await?;
            Pushed {
                subject_acknowledged: true,
            }
        };
        self.verify(registry, tree, repository).await?;
        Ok(pushed)
    }

    /// Looks once more, now that manifests hold the blobs against garbage collection: some registries lose what they
    /// acknowledged.
    async fn verify<R: Registry>(
        &self,
        registry: &R,
        tree: &ImageTree,
        repository: &Repository,
    ) -> Result<(), TransferError> {
        let not_kept = |lost| TransferError::NotKept {
            repository: repository.clone(),
            lost,
        };
        let looks = tree.blobs().iter().map(|blob| async move {
            match registry.has_blob(repository, blob).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(not_kept(Lost::Blob(blob.digest))),
                Err(error) => Err(error.into()),
            }
        });
        let looks = stream::iter(looks)
            .buffer_unordered(self.limits.requests.max(1))
            .boxed();
        looks.try_for_each(|()| std::future::ready(Ok(()))).await?;
        let root = tree.root().digest;
        // By GET: what ends the copy is to be proof.
        match registry.manifest(repository, ManifestAt::Digest(&root)).await? {
            Some(_) => Ok(()),
            None => Err(not_kept(Lost::Manifest(root))),
        }
    }
}

#[cfg(test)]
mod tests;
