//! Valid images and what is attached to them, the same for the same seed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use rand::Rng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use super::Seed;
use super::registry::Store;
use crate::model::{Descriptor, Digest, Repository, Tag, media_type};

const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const SPDX: &str = "application/spdx+json";
const ARCHITECTURES: [&str; 6] = ["amd64", "arm64", "s390x", "ppc64le", "riscv64", "386"];

/// What an image shall look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageRecipe {
    /// `None` for a plain image, else the images in each index of the lowest level.
    platforms: Option<usize>,
    /// How many levels of indexes stand above the images.
    nesting: usize,
    layers: usize,
    layer_size: usize,
}

/// An image, or an artifact that is attached to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Children first; the last is the root.
    manifests: Vec<ImageManifest>,
    /// Each once.
    blobs: Vec<ImageBlob>,
    /// The tag that this kind of content always stands under: cosign's.
    tag: Option<Tag>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageBlob {
    pub descriptor: Descriptor,
    pub bytes: Bytes,
}

impl ImageRecipe {
    /// One manifest, a configuration, two small layers.
    #[must_use]
    pub fn single() -> Self {
        Self {
            platforms: None,
            nesting: 0,
            layers: 2,
            layer_size: 512,
        }
    }

    /// An index of this many images, which share their first layer.
    #[must_use]
    pub fn multi(platforms: usize) -> Self {
        Self {
            platforms: Some(platforms),
            nesting: 1,
            ..Self::single()
        }
    }

    /// Indexes of indexes: `levels` of them above the images.
    #[must_use]
    pub fn nested(levels: usize, platforms: usize) -> Self {
        Self {
            nesting: levels,
            ..Self::multi(platforms)
        }
    }

    /// Layers for each image, and the bytes of content in each.
    #[must_use]
    pub fn with_layers(self, layers: usize, layer_size: usize) -> Self {
        Self {
            layers,
            layer_size,
            ..self
        }
    }

    #[must_use]
    pub fn make(self, seed: Seed) -> Image {
        let mut image = Image {
            manifests: Vec::new(),
            blobs: Vec::new(),
            tag: None,
        };
        let mut rng = seed.stream("image");
        let base = layer("base", &mut rng, self.layer_size);
        let platforms = self.platforms.unwrap_or(1);
        let mut level: Vec<Value> = (0..platforms)
            .map(|platform| {
                let architecture = ARCHITECTURES[platform % ARCHITECTURES.len()];
                let mut described = self.platform_image(&mut image, &mut rng, &base, platform, architecture);
                described["platform"] = json!({ "architecture": architecture, "os": "linux" });
                described
            })
            .collect();
        for _ in 0..self.nesting {
            level = vec![image.add_index(&level)];
        }
        image
    }

    fn platform_image(
        self,
        image: &mut Image,
        rng: &mut SmallRng,
        base: &Bytes,
        platform: usize,
        architecture: &str,
    ) -> Value {
        let layers: Vec<Bytes> = (0..self.layers)
            .map(|number| match number {
                0 => base.clone(),
                _ => layer(&format!("platform-{platform}-layer-{number}"), rng, self.layer_size),
            })
            .collect();
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
        let configuration = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": layers.iter().map(|_| json!({ "created_by": "landfall" })).collect::<Vec<_>>(),
            "landfall": rng.random::<u64>().to_string(),
        });
        let config = image.add_blob(
            media_type::OCI_CONFIG,
            configuration.to_string().into(),
            &BTreeMap::new(),
        );
        let layers: Vec<Descriptor> = layers
            .into_iter()
            .map(|layer| image.add_blob(media_type::OCI_LAYER, layer, &BTreeMap::new()))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": config,
            "layers": layers,
        });
        image.add_manifest(media_type::OCI_MANIFEST, &manifest)
    }
}

impl Image {
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root_manifest().digest
    }

    #[must_use]
    pub fn root_manifest(&self) -> &ImageManifest {
        self.manifests.last().expect("every image is made with a manifest")
    }

    /// Children first; the last is the root.
    #[must_use]
    pub fn manifests(&self) -> &[ImageManifest] {
        &self.manifests
    }

    /// Each once.
    #[must_use]
    pub fn blobs(&self) -> &[ImageBlob] {
        &self.blobs
    }

    /// cosign's tag, for what stands under one.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Puts everything there as other tools would: with cosign's tag, and with an entry in the fallback index where the
    /// registry keeps no referrers itself.
    pub fn push(&self, store: &Store, repository: &Repository) {
        for blob in &self.blobs {
            store.add_blob(repository, blob.bytes.clone());
        }
        for manifest in &self.manifests {
            store.add_manifest(repository, &manifest.media_type, manifest.bytes.clone());
        }
        if let Some(tag) = &self.tag {
            store.set_tag(repository, tag, self.root());
        }
        if !store.behaviour(&repository.registry).referrers_api {
            store.add_to_fallback_index(repository, &self.root());
        }
    }

    /// A software bill of materials that refers to this image.
    #[must_use]
    pub fn sbom_referrer(&self) -> Self {
        let document = json!({ "spdxVersion": "SPDX-2.3", "name": self.root() });
        self.referrer(SPDX, document.to_string().into(), BTreeMap::new())
    }

    /// A build's provenance as a Sigstore bundle that refers to this image. Its signature verifies with no key.
    #[must_use]
    pub fn attestation_referrer(&self) -> Self {
        let predicate_type = "https://slsa.dev/provenance/v1";
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "", "digest": { "sha256": self.root().hex() } }],
            "predicateType": predicate_type,
            "predicate": {},
        });
        let bundle = json!({
            "mediaType": media_type::SIGSTORE_BUNDLE,
            "verificationMaterial": { "publicKey": { "hint": BASE64.encode(self.root().as_bytes()) } },
            "dsseEnvelope": {
                "payload": BASE64.encode(statement.to_string()),
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{ "sig": BASE64.encode("not made with any key") }],
            },
        });
        let annotations = [
            ("dev.sigstore.bundle.content", "dsse-envelope"),
            ("dev.sigstore.bundle.predicateType", predicate_type),
            ("org.opencontainers.image.created", "2026-01-01T00:00:00Z"),
        ];
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.referrer(
            media_type::SIGSTORE_BUNDLE,
            bundle.to_string().into(),
            annotations.into(),
        )
    }

    /// What cosign's older form keeps under its tag; `suffix` is `sig`, `att` or `sbom`. It verifies with no key.
    #[must_use]
    pub fn cosign_tag(&self, suffix: &str) -> Self {
        let digest = self.root();
        let (kind, content) = match suffix {
            "sig" => {
                let critical = json!({
                    "identity": { "docker-reference": "" },
                    "image": { "docker-manifest-digest": digest },
                    "type": "cosign container image signature",
                });
                (
                    media_type::SIMPLE_SIGNING,
                    json!({ "critical": critical, "optional": null }),
                )
            }
            "att" => (
                DSSE,
                json!({ "payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": [] }),
            ),
            _ => ("text/spdx+json", json!({ "spdxVersion": "SPDX-2.3", "name": digest })),
        };
        let annotations = match suffix {
            "sig" => [(
                "dev.cosignproject.cosign/signature".to_owned(),
                BASE64.encode("not made with any key"),
            )]
            .into(),
            _ => BTreeMap::new(),
        };
        let mut attached = Self {
            manifests: Vec::new(),
            blobs: Vec::new(),
            tag: Some(Tag::cosign(&digest, suffix)),
        };
        let layer = attached.add_blob(kind, content.to_string().into(), &annotations);
        let configuration = json!({ "rootfs": { "type": "layers", "diff_ids": [layer.digest] } });
        let config = attached.add_blob(
            media_type::OCI_CONFIG,
            configuration.to_string().into(),
            &BTreeMap::new(),
        );
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": config,
            "layers": [layer],
        });
        attached.add_manifest(media_type::OCI_MANIFEST, &manifest);
        attached
    }

    /// An artifact manifest with this image as its subject (OCI image specification, "Guidelines for Artifact Usage").
    #[must_use]
    pub fn referrer(&self, artifact_type: &str, content: Bytes, annotations: BTreeMap<String, String>) -> Self {
        let mut attached = Self {
            manifests: Vec::new(),
            blobs: Vec::new(),
            tag: None,
        };
        let config = attached.add_blob(media_type::OCI_EMPTY, Bytes::from_static(b"{}"), &BTreeMap::new());
        let layer = attached.add_blob(artifact_type, content, &BTreeMap::new());
        let subject = self.root_manifest();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": config,
            "layers": [layer],
            "subject": Descriptor::of(&subject.media_type, &subject.bytes),
            "annotations": annotations,
        });
        attached.add_manifest(media_type::OCI_MANIFEST, &manifest);
        attached
    }

    fn add_blob(&mut self, media_type: &str, bytes: Bytes, annotations: &BTreeMap<String, String>) -> Descriptor {
        let descriptor = Descriptor {
            annotations: annotations.clone(),
            ..Descriptor::of(media_type, &bytes)
        };
        if !self
            .blobs
            .iter()
            .any(|blob| blob.descriptor.digest == descriptor.digest)
        {
            self.blobs.push(ImageBlob {
                descriptor: descriptor.clone(),
                bytes,
            });
        }
        descriptor
    }

    fn add_index(&mut self, children: &[Value]) -> Value {
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children });
        self.add_manifest(media_type::OCI_INDEX, &index)
    }

    /// The manifest's descriptor, as an index lists it.
    fn add_manifest(&mut self, media_type: &str, manifest: &Value) -> Value {
        let bytes = Bytes::from(manifest.to_string());
        let described = json!({ "mediaType": media_type, "digest": Digest::of(&bytes), "size": bytes.len() });
        self.manifests.push(ImageManifest {
            digest: Digest::of(&bytes),
            media_type: media_type.to_owned(),
            bytes,
        });
        described
    }
}

/// A tar archive of one file with random content, so that container engines can unpack the layer.
fn layer(name: &str, rng: &mut SmallRng, size: usize) -> Bytes {
    const BLOCK: usize = 512;
    let mut content = vec![0; size];
    rng.fill(content.as_mut_slice());
    // POSIX.1-2017, pax, "ustar Interchange Format": offsets in the header block.
    let mut header = [0_u8; BLOCK];
    let mut field = |offset: usize, text: &str| header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000644\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{size:011o}\0"));
    field(136, "00000000000\0");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive.into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{Limits, Manifest};

    #[test]
    fn the_same_seed_makes_the_same_image_and_another_seed_another() {
        let make = |seed| ImageRecipe::nested(2, 3).make(Seed(seed));
        assert_eq!(make(1), make(1));
        assert_ne!(make(1).root(), make(2).root());
    }

    #[test]
    fn everything_an_image_names_is_part_of_it() {
        let image = ImageRecipe::nested(3, 2).make(Seed(1));
        let attached = [
            image.sbom_referrer(),
            image.attestation_referrer(),
            image.cosign_tag("sig"),
        ];
        for image in attached.iter().chain([&image]) {
            let manifests: HashSet<Digest> = image.manifests.iter().map(|manifest| manifest.digest).collect();
            let blobs: HashSet<Digest> = image.blobs.iter().map(|blob| blob.descriptor.digest).collect();
            for manifest in &image.manifests {
                let parsed = Manifest::parse(&manifest.bytes, Some(&manifest.media_type), &Limits::default()).unwrap();
                assert!(parsed.blobs().all(|blob| blobs.contains(&blob.digest)));
                assert!(parsed.manifests.iter().all(|child| manifests.contains(&child.digest)));
            }
        }
    }

    #[test]
    fn platforms_share_their_first_layer() {
        let image = ImageRecipe::multi(2).make(Seed(1));
        assert_eq!(image.manifests().len(), 3);
        assert_eq!(image.blobs().len(), 2 + 1 + 2);
    }

    #[test]
    fn a_layers_checksum_is_that_of_its_header() {
        let archive = layer("file", &mut Seed(1).stream("image"), 10);
        let stored = std::str::from_utf8(&archive[148..154]).unwrap();
        let mut header = archive[..512].to_vec();
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(u32::from_str_radix(stored, 8), Ok(sum));
        assert_eq!(archive.len() % 512, 0);
    }
}
