//! `--write`: trying what a registry takes, in a repository of our own, and cleaning up.

use std::sync::{Mutex, PoisonError};

use futures_util::stream;

use super::examination::{Showing, TrialReport};
use super::material::{Blob, Document, Material};
use crate::assembly::AllowedRegistries;
use crate::model::{Capability, Digest, Knowledge, NotReferrers, Prefix, Repository, RepositoryPath, Tag};
use crate::registry::{BlobStream, ErrorKind, ManifestAt, Mount, Registry as _, RegistryError, WritableRegistry as _};

/// Whatever is asked for anew takes the place of what was learnt before.
type Learnt = Vec<(Capability, Knowledge)>;

/// One trial. What it learnt and made is in it whenever it is dropped.
pub struct Trial<'a> {
    registries: &'a AllowedRegistries,
    pub scratch: Repository,
    /// Where blobs are mounted.
    second: Repository,
    material: Material,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    learnt: Learnt,
    minimum_chunk: Option<u64>,
    /// Manifests that stand, or may stand.
    made: Vec<Digest>,
    /// Why nothing could be tried.
    stopped: Option<RegistryError>,
    showing: Showing,
}

/// What came of a trial.
pub struct TrialOutcome {
    pub learnt: Learnt,
    pub minimum_chunk: Option<u64>,
    pub stopped: Option<RegistryError>,
    pub showing: Showing,
    pub report: TrialReport,
}

impl<'a> Trial<'a> {
    /// In `PREFIX/landfall-doctor-NONCE`. The nonce is hexadecimal.
    pub fn new(registries: &'a AllowedRegistries, prefix: &Prefix, nonce: &str) -> Self {
        let path = |suffix: &str| -> RepositoryPath {
            format!("landfall-doctor-{nonce}{suffix}")
                .parse()
                .expect("letters, digits and dashes are a repository's name")
        };
        Self {
            registries,
            scratch: prefix.join(&path("")),
            second: prefix.join(&path("-mount")),
            material: Material::new(nonce),
            kept: Mutex::default(),
        }
    }

    fn kept<R>(&self, change: impl FnOnce(&mut Kept) -> R) -> R {
        // One insertion at a time: a panic leaves nothing half-done.
        change(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, capability: Capability, knowledge: Knowledge) {
        self.kept(|kept| {
            kept.learnt.retain(|(known, _)| *known != capability);
            kept.learnt.push((capability, knowledge));
        });
    }

    /// Tries everything. May be dropped at any time, [`Self::clean_up`] comes after it all the same.
    pub async fn run(&self) {
        if let Err(error) = self.upload_content().await {
            self.kept(|kept| kept.stopped = Some(error));
            return;
        }
        let image = self.material.image("image");
        let tag = tag("landfall-doctor");
        let stands = self.store(Capability::OciImage, ManifestAt::Tag(&tag), &image).await;
        self.blobs().await;
        if stands {
            self.kinds(&image).await;
            self.tags(&tag, &image).await;
        }
    }

    async fn upload_content(&self) -> Result<(), RegistryError> {
        for blob in [&self.material.layer, &self.material.config, &self.material.empty] {
            self.upload(blob).await?;
        }
        Ok(())
    }

    async fn upload(&self, blob: &Blob) -> Result<(), RegistryError> {
        let content = blob.bytes.clone();
        let content: BlobStream = Box::pin(stream::once(async move { Ok(content) }));
        let registries = self.registries.for_writing(&self.scratch)?;
        registries.put_blob(&self.scratch, &blob.descriptor, content).await
    }

    /// Chunks, ranges, mounts, and whether tag lists tell digests.
    async fn blobs(&self) {
        let Ok(registries) = self.registries.for_writing(&self.scratch) else {
            return;
        };
        let (chunks, minimum) = registries.probe_chunks(&self.scratch, self.material.chunk()).await;
        self.kept(|kept| kept.minimum_chunk = minimum);
        self.learn(Capability::ChunkedUpload, chunks);
        let layer = &self.material.layer.descriptor;
        self.learn(
            Capability::RangeDownload,
            registries.probe_range(&self.scratch, layer).await,
        );
        let mount = match registries.mount_blob(&self.second, &self.scratch.path, layer).await {
            Ok(Mount::Mounted) => match registries.has_blob(&self.second, layer).await {
                Ok(true) => Knowledge::probed(true, "nothing was sent"),
                Ok(false) => Knowledge::probed(false, "the registry accepts it, and the blob is not there"),
                Err(error) => Knowledge::unknown(error.short()),
            },
            Ok(Mount::NotMounted) => Knowledge::probed(false, "the registry wants the blob sent"),
            Err(error) => error.inability(),
        };
        self.learn(Capability::Mount, mount);
        if let Ok(digests) = registries.probe_tag_digests(&self.scratch).await {
            self.learn(Capability::TagDigests, digests);
        }
    }

    /// The kinds of manifests, and what the registry makes of a subject.
    async fn kinds(&self, image: &Document) {
        let material = &self.material;
        self.store_untagged(Capability::OciIndex, &material.index(image)).await;
        self.store_untagged(Capability::SparseIndex, &material.sparse_index())
            .await;
        let docker = material.docker_image();
        if self.store_untagged(Capability::DockerImage, &docker).await {
            self.store_untagged(Capability::DockerList, &material.docker_list(&docker))
                .await;
        } else {
            self.learn(
                Capability::DockerList,
                Knowledge::unknown("without Docker images there is nothing to list"),
            );
        }
        let artifact = material.artifact(image);
        let acknowledged = self.put(ManifestAt::Digest(&artifact.digest), &artifact).await;
        match acknowledged {
            Ok(acknowledged) => {
                self.learn(Capability::Artifact, Knowledge::probed(true, ""));
                let evidence = if acknowledged {
                    "OCI-Subject in the answer"
                } else {
                    "no OCI-Subject in the answer"
                };
                self.learn(Capability::Subject, Knowledge::probed(acknowledged, evidence));
                self.referrers(image, &artifact).await;
            }
            Err(error) => {
                self.learn(Capability::Artifact, error.inability());
                self.learn(
                    Capability::Subject,
                    Knowledge::unknown("there is no artifact to have a subject"),
                );
            }
        }
    }

    async fn referrers(&self, image: &Document, artifact: &Document) {
        let Ok(registries) = self.registries.for_reading(&self.scratch) else {
            return;
        };
        let mut shown = registries.probe_referrers(&self.scratch, &image.digest, true).await;
        let listed = registries.referrers(&self.scratch, &image.digest).await;
        if let Ok(referrers) = &listed {
            let misplaced = referrers.misplaced == Some(NotReferrers::Subject);
            self.kept(|kept| kept.showing.serves_subject_as_index = misplaced);
        }
        if shown.ability.known() == Some(true) {
            shown.evidence = match listed {
                Ok(referrers) if referrers.from_api.contains(&artifact.digest) => "it lists a new referrer at once",
                Ok(_) => "it does not list a new referrer at once",
                Err(_) => "it answers with an index",
            }
            .to_owned();
        }
        self.learn(Capability::Referrers, shown);
    }

    /// Moving and deleting tags.
    async fn tags(&self, tag: &Tag, image: &Document) {
        let other = self.material.image("another");
        let moved = self.moves(tag, &other).await;
        let immutable = match &moved {
            Ok(true) => Knowledge::probed(false, "a tag was moved"),
            Ok(false) => Knowledge::probed(true, "the registry accepts it, and the tag did not move"),
            Err(error) if is_lasting(error) => Knowledge::probed(true, error.short()),
            Err(error) => Knowledge::unknown(error.short()),
        };
        let is_immutable = immutable.ability.known() == Some(true);
        self.learn(Capability::ImmutableTags, immutable);
        if is_immutable {
            // Rules often spare tags by their pattern.
            let metadata = Tag::cosign(&image.digest, "sig");
            let first = self.material.image("first signature");
            if self.put(ManifestAt::Tag(&metadata), &first).await.is_ok() {
                let moves = match self.moves(&metadata, &self.material.image("second signature")).await {
                    Ok(moved) => Some(moved),
                    Err(error) if is_lasting(&error) => Some(false),
                    Err(_) => None,
                };
                self.kept(|kept| kept.showing.metadata_tags_move = moves);
            }
        }
        if !is_immutable {
            self.left_behind(&other).await;
        }
        self.case(image).await;
        let gone = self::tag("landfall-doctor-gone");
        let stored = self.put(ManifestAt::Tag(&gone), &other).await;
        let deletion = match (stored, self.registries.for_writing(&self.scratch)) {
            (Ok(_), Ok(registries)) => registries
                .probe_tag_deletion(&self.scratch, &gone, &other.digest)
                .await
                .unwrap_or_else(|error| Knowledge::unknown(error.short())),
            (Err(error), _) | (_, Err(error)) => Knowledge::unknown(error.short()),
        };
        self.learn(Capability::TagDeletion, deletion);
    }

    /// Moves a tag away from a manifest that was put by its digest first, as landfall's are, and looks whether it stands.
    async fn left_behind(&self, other: &Document) {
        let left = self.material.image("left behind");
        let tag = self::tag("landfall-doctor-moving");
        let shown = async {
            self.put(ManifestAt::Digest(&left.digest), &left).await?;
            self.put(ManifestAt::Tag(&tag), &left).await?;
            if !self.moves(&tag, other).await? {
                return Ok(Knowledge::unknown("the tag did not move"));
            }
            let registries = self.registries.for_reading(&self.scratch)?;
            let stands = registries
                .manifest(&self.scratch, ManifestAt::Digest(&left.digest))
                .await?;
            Ok::<_, RegistryError>(match stands {
                Some(_) => Knowledge::probed(false, "a manifest that lost its last tag stands"),
                None => Knowledge::probed(true, "a manifest went with the last of its tags"),
            })
        };
        let shown = shown.await.unwrap_or_else(|error| Knowledge::unknown(error.short()));
        self.learn(Capability::DropsUntagged, shown);
    }

    /// Puts a tag with upper case, and looks whether it stands in lower case.
    async fn case(&self, image: &Document) {
        let (upper, lower) = (self::tag("Landfall-Doctor-Case"), self::tag("landfall-doctor-case"));
        let (Ok(_), Ok(registries)) = (
            self.put(ManifestAt::Tag(&upper), image).await,
            self.registries.for_reading(&self.scratch),
        ) else {
            return;
        };
        if let Ok(stands) = registries.head_manifest(&self.scratch, ManifestAt::Tag(&lower)).await {
            self.kept(|kept| kept.showing.tags_ignore_case = Some(stands.is_some()));
        }
    }

    /// Puts another manifest under a tag, and looks where the tag stands.
    async fn moves(&self, tag: &Tag, to: &Document) -> Result<bool, RegistryError> {
        self.put(ManifestAt::Tag(tag), to).await?;
        let registries = self.registries.for_reading(&self.scratch)?;
        let stands = registries.head_manifest(&self.scratch, ManifestAt::Tag(tag)).await?;
        Ok(stands == Some(to.digest))
    }

    async fn store_untagged(&self, capability: Capability, document: &Document) -> bool {
        self.store(capability, ManifestAt::Digest(&document.digest), document)
            .await
    }

    async fn store(&self, capability: Capability, at: ManifestAt<'_>, document: &Document) -> bool {
        let stored = self.put(at, document).await;
        let is_stored = stored.is_ok();
        let knowledge = match stored {
            Ok(_) => Knowledge::probed(true, ""),
            // The children are missing on purpose.
            Err(error) if capability == Capability::SparseIndex && error.kind == ErrorKind::Missing => {
                Knowledge::probed(false, error.code.unwrap_or(error.message))
            }
            Err(error) => error.inability(),
        };
        self.learn(capability, knowledge);
        is_stored
    }

    /// Stores a manifest; says whether its subject was acknowledged.
    async fn put(&self, at: ManifestAt<'_>, document: &Document) -> Result<bool, RegistryError> {
        let registries = self.registries.for_writing(&self.scratch)?;
        // Before it is sent: it may stand although no answer comes.
        let is_new = self.kept(|kept| {
            let is_new = !kept.made.contains(&document.digest);
            if is_new {
                kept.made.push(document.digest);
            }
            is_new
        });
        let stored = registries
            .put_manifest(&self.scratch, at, document.media_type, document.bytes.clone())
            .await;
        if is_new && stored.as_ref().is_err_and(|error| !error.is_uncertain()) {
            self.kept(|kept| kept.made.retain(|made| *made != document.digest));
        }
        Ok(stored?.subject_acknowledged)
    }

    /// Deletes every manifest that was made, the newest first: what refers to others goes before them.
    pub async fn clean_up(self) -> TrialOutcome {
        let made = self.kept(|kept| std::mem::take(&mut kept.made));
        let mut report = TrialReport {
            scratch: self.scratch.to_string(),
            ..TrialReport::default()
        };
        let mut deletion = None;
        for digest in made.into_iter().rev() {
            let shown = match self.registries.for_writing(&self.scratch) {
                Ok(registries) => registries.probe_manifest_deletion(&self.scratch, &digest).await,
                Err(error) => Err(error),
            };
            let shown = shown.unwrap_or_else(|error| Knowledge::unknown(error.short()));
            if shown.ability.known() == Some(true) {
                report.removed += 1;
            } else {
                let why = super::examination::evidence(&shown);
                report.left.push((format!("{}@{digest}", self.scratch), why));
            }
            // One that could be deleted shows that manifests can be; others have reasons of their own.
            if deletion
                .as_ref()
                .is_none_or(|known: &Knowledge| known.ability.known() != Some(true))
            {
                deletion = Some(shown);
            }
        }
        if let Some(deletion) = deletion {
            self.learn(Capability::ManifestDeletion, deletion);
        }
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        TrialOutcome {
            learnt: kept.learnt,
            minimum_chunk: kept.minimum_chunk,
            showing: Showing {
                stopped: kept.stopped.is_some(),
                ..kept.showing
            },
            stopped: kept.stopped,
            report,
        }
    }
}

fn tag(name: &str) -> Tag {
    name.parse().expect("letters and dashes are a tag")
}

/// Whether a refusal to move a tag, where the same was taken under a new one, is because of the tag.
fn is_lasting(error: &RegistryError) -> bool {
    matches!(error.status, Some(400 | 403 | 405 | 409 | 412 | 422))
        && matches!(
            error.kind,
            ErrorKind::Refused | ErrorKind::Denied | ErrorKind::Unsupported
        )
}
