//! Whole images to any number of destinations.

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::blob::Destination;
use super::fan_out::Taken;
use super::in_flight::InFlight;
use super::{
    ImageTree, SourceFailure, SourceProblem, TransferError, TransferLimits, TreeAnswer, TreeManifest, read_tree,
};
use crate::model::{Digest, Limits, Repository};
use crate::registry::{ErrorKind, ManifestAt, Pushed, Registry};

/// Copies, together within their limits: concurrent copies of one blob to one place are done once.
#[derive(Debug)]
pub struct Transfer {
    pub(super) limits: TransferLimits,
    pub(super) blobs: Semaphore,
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
            blobs: Semaphore::new(limits.blobs.max(1)),
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
    pub fn copy_tree<'a, R: Registry>(
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
                let result = self.complete(registry, tree, repository, hears).await;
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

    async fn copy_blobs<R: Registry>(
        &self,
        registry: &R,
        tree: &ImageTree,
        from: &[Repository],
        to: Vec<Destination<'_>>,
        taken: Taken<'_>,
    ) {
        let to = &to;
        let copies = tree
            .blobs()
            .iter()
            .map(|blob| self.copy_blob(registry, blob, from, to, taken));
        // Boxed: the compiler cannot prove this future `Send` for every lifetime of `registry` otherwise.
        let copies = stream::iter(copies).buffer_unordered(self.limits.blobs.max(1)).boxed();
        copies.for_each(|()| std::future::ready(())).await;
    }

    /// What one destination needs besides blobs, once these are there.
    async fn complete<R: Registry>(
        &self,
        registry: &R,
        tree: &ImageTree,
        repository: &Repository,
        mut blobs: UnboundedReceiver<Result<(), TransferError>>,
    ) -> Result<Pushed, TransferError> {
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
                .map(|manifest| send_unless_there(registry, repository, manifest));
            let sends = stream::iter(sends)
                .buffer_unordered(self.limits.requests.max(1))
                .boxed();
            sends.try_for_each(|()| std::future::ready(Ok(()))).await?;
        }
        let pushed = if root.manifest.subject.is_some() {
            send(registry, repository, root).await?
        } else {
            send_unless_there(registry, repository, root).await?;
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
        let not_kept = |digest| TransferError::NotKept {
            repository: repository.clone(),
            digest,
        };
        let looks = tree.blobs().iter().map(|blob| async move {
            match registry.has_blob(repository, blob).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(not_kept(blob.digest)),
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
            None => Err(not_kept(root)),
        }
    }
}

/// Presence is read, not taken from HEAD: that is no proof of content.
async fn send_unless_there(
    registry: &impl Registry,
    repository: &Repository,
    manifest: &TreeManifest,
) -> Result<(), TransferError> {
    match registry
        .manifest(repository, ManifestAt::Digest(&manifest.digest))
        .await
    {
        Ok(Some(_)) => return Ok(()),
        Ok(None) => {}
        // Damaged there: the right bytes replace it.
        Err(error) if error.kind == ErrorKind::DigestMismatch => {}
        Err(error) => return Err(error.into()),
    }
    send(registry, repository, manifest).await?;
    Ok(())
}

async fn send(
    registry: &impl Registry,
    repository: &Repository,
    manifest: &TreeManifest,
) -> Result<Pushed, TransferError> {
    let TreeManifest {
        digest,
        bytes,
        manifest,
        ..
    } = manifest;
    let at = ManifestAt::Digest(digest);
    Ok(registry
        .put_manifest(repository, at, &manifest.media_type, bytes.clone())
        .await?)
}

#[cfg(test)]
mod tests;
