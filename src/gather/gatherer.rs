//! Reads what stands beside one image.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{GatherError, referrers};
use crate::model::{Descriptor, Digest, Limits, Manifest, Repository, Tag, media_type};
use crate::registry::{FetchedManifest, ManifestAt, Registry, RegistryError};
use crate::trust::judging::{Form, Found, Piece, Wanted};
use crate::trust::referrer::{self, SIGNATURES};

const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

/// Reads at one repository.
#[derive(Debug, Clone, Copy)]
pub struct Gatherer<'a, R> {
    pub registry: &'a R,
    pub repository: &'a Repository,
    pub limits: &'a Limits,
}

/// What was found beside an image.
#[derive(Debug, Default)]
pub struct Gathered {
    /// In the order of form and digest.
    pub found: Vec<Found>,
    pub passed_over: Vec<PassedOver>,
}

/// Something that could have been what was looked for, and was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    pub form: Form,
    /// The referrer's manifest or the layer.
    pub digest: Digest,
    pub why: String,
}

impl<R: Registry> Gatherer<'_, R> {
    /// All that may be what is wanted, in every form that it can have.
    ///
    /// # Errors
    /// What cannot be read: half of what stands there is not an answer.
    pub async fn gather(&self, image: &Digest, wanted: &Wanted) -> Result<Gathered, GatherError> {
        let (form, suffix, layer_type) = match wanted {
            Wanted::Signature => (Form::SignatureTag, "sig", media_type::SIMPLE_SIGNING),
            Wanted::Attestation(_) => (Form::AttestationTag, "att", ENVELOPE),
        };
        let tag = Tag::cosign(image, suffix);
        let (referrers, under_tag) = futures_util::try_join!(async { self.referrers(image, wanted).await }, async {
            Ok::<_, GatherError>(self.registry.manifest(self.repository, ManifestAt::Tag(&tag)).await?)
        })?;
        let mut gathered = referrers;
        if let Some(fetched) = under_tag {
            match Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), self.limits) {
                Ok(manifest) => self.layers(form, layer_type, &manifest, &mut gathered).await?,
                Err(error) => gathered.pass_over(form, fetched.digest, error.to_string()),
            }
        }
        gathered.found.sort_by_key(|found| (found.form, found.digest));
        Ok(gathered)
    }

    async fn referrers(&self, image: &Digest, wanted: &Wanted) -> Result<Gathered, GatherError> {
        let listed = self.registry.referrers(self.repository, image).await?.descriptors;
        let mut gathered = Gathered::default();
        let candidates = referrers::candidates(&listed, wanted);
        let fetching = candidates.into_iter().map(|digest| async move {
            let fetched = self
                .registry
                .manifest(self.repository, ManifestAt::Digest(&digest))
                .await?;
            Ok::<_, GatherError>((digest, fetched))
        });
        // Boxed: the compiler cannot prove this stream `Send` for every lifetime otherwise.
        let mut fetching = stream::iter(fetching).buffered(self.limits.image_reads.max(1)).boxed();
        while let Some((digest, fetched)) = fetching.try_next().await? {
            match fetched {
                Some(fetched) => self.referrer(image, wanted, digest, &fetched, &mut gathered).await?,
                None => gathered.pass_over(Form::Bundle, digest, "it is listed, and not there".to_owned()),
            }
        }
        Ok(gathered)
    }

    /// What one referrer holds, where it is one of ours to read. Others refer to images too, and are none of our business.
    async fn referrer(
        &self,
        image: &Digest,
        wanted: &Wanted,
        digest: Digest,
        fetched: &FetchedManifest,
        gathered: &mut Gathered,
    ) -> Result<(), GatherError> {
        let Ok(manifest) = Manifest::parse(&fetched.bytes, fetched.media_type.as_deref(), self.limits) else {
            return Ok(());
        };
        let is_signatures = manifest.effective_artifact_type() == Some(SIGNATURES);
        let bundle = referrer::bundle_layer(&manifest);
        let form = match (bundle, is_signatures && *wanted == Wanted::Signature) {
            (Some(_), _) => Form::Bundle,
            (None, true) => Form::SignatureReferrer,
            (None, false) => return Ok(()),
        };
        match &manifest.subject {
            Some(subject) if subject.digest == *image => {}
            Some(subject) => {
                gathered.pass_over(form, digest, format!("its subject is {}", subject.digest));
                return Ok(());
            }
            None => {
                gathered.pass_over(form, digest, "it has no subject".to_owned());
                return Ok(());
            }
        }
        let Some(layer) = bundle else {
            return self.layers(form, media_type::SIMPLE_SIGNING, &manifest, gathered).await;
        };
        match self.content(layer).await? {
            Ok(bytes) => gathered.found.push(Found {
                form,
                digest,
                piece: Piece::Bundle(bytes),
            }),
            Err(why) => gathered.pass_over(form, digest, why),
        }
        Ok(())
    }

    /// The layers that are signatures or attestations, each with its annotations.
    async fn layers(
        &self,
        form: Form,
        layer_type: &str,
        manifest: &Manifest,
        gathered: &mut Gathered,
    ) -> Result<(), GatherError> {
        let layers = manifest.layers.iter().filter(|layer| layer.media_type == layer_type);
        let fetching = layers.map(|layer| async move { Ok::<_, GatherError>((layer, self.content(layer).await?)) });
        let mut fetching = stream::iter(fetching).buffered(self.limits.image_reads.max(1)).boxed();
        while let Some((layer, content)) = fetching.try_next().await? {
            let bytes = match content {
                Ok(bytes) => bytes,
                Err(why) => {
                    gathered.pass_over(form, layer.digest, why);
                    continue;
                }
            };
            let layer = layer.clone();
            gathered.found.push(Found {
                form,
                digest: layer.digest,
                piece: match form {
                    Form::AttestationTag => Piece::Envelope { layer, bytes },
                    Form::Bundle | Form::SignatureTag | Form::SignatureReferrer => Piece::Payload { layer, bytes },
                },
            });
        }
        Ok(())
    }

    /// A small blob, or why it was not read.
    async fn content(&self, blob: &Descriptor) -> Result<Result<Bytes, String>, RegistryError> {
        let limit = self.limits.small_blob;
        if blob.size > limit as u64 {
            return Ok(Err(format!("it has {} bytes: at most {limit} are read", blob.size)));
        }
        let Some(mut pieces) = self.registry.blob(self.repository, blob).await? else {
            return Ok(Err("what it says is not there".to_owned()));
        };
        let mut bytes = BytesMut::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(Ok(bytes.freeze()))
    }
}

impl Gathered {
    fn pass_over(&mut self, form: Form, digest: Digest, why: String) {
        self.passed_over.push(PassedOver { form, digest, why });
    }
}
