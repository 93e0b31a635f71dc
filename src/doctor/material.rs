//! What is written to try a registry: the smallest images and artifacts that are none of anybody's.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::model::{Descriptor, Digest, media_type};

const ARTIFACT: &str = "application/vnd.landfall.doctor.v1";

/// Two blocks of zeros end a tar archive: what follows is nobody's business, and makes the blob new to the registry.
const TAR_END: usize = 1024;

/// A blob to upload.
#[derive(Debug, Clone)]
pub struct Blob {
    pub descriptor: Descriptor,
    pub bytes: Bytes,
}

/// A manifest to store.
#[derive(Debug, Clone)]
pub struct Document {
    pub media_type: &'static str,
    pub digest: Digest,
    pub bytes: Bytes,
}

impl Blob {
    fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            descriptor: Descriptor::of(media_type, &bytes),
            bytes: bytes.into(),
        }
    }
}

impl Document {
    fn new(media_type: &'static str, content: &Value) -> Self {
        let bytes = Bytes::from(content.to_string());
        Self {
            media_type,
            digest: Digest::of(&bytes),
            bytes,
        }
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }

    fn of_platform(&self) -> Value {
        let mut descriptor = self.descriptor();
        descriptor["platform"] = json!({ "architecture": "amd64", "os": "linux" });
        descriptor
    }
}

/// Everything for one trial, different each time.
#[derive(Debug)]
pub struct Material {
    nonce: String,
    pub config: Blob,
    pub layer: Blob,
    /// `{}` (OCI image specification, "Guidance for an empty descriptor").
    pub empty: Blob,
}

impl Material {
    pub fn new(nonce: &str) -> Self {
        let mut layer = vec![0; TAR_END];
        layer.extend_from_slice(nonce.as_bytes());
        let layer = Blob::new(media_type::OCI_LAYER, layer);
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": { "Labels": { "landfall.doctor": nonce } },
            "rootfs": { "type": "layers", "diff_ids": [layer.descriptor.digest] },
        });
        Self {
            nonce: nonce.to_owned(),
            config: Blob::new(media_type::OCI_CONFIG, config.to_string().into_bytes()),
            layer,
            empty: Blob::new(media_type::OCI_EMPTY, b"{}".to_vec()),
        }
    }

    /// Bytes for an upload in chunks.
    pub fn chunk(&self) -> Bytes {
        Bytes::from(format!("landfall doctor, in chunks, {}", self.nonce))
    }

    /// Images that differ in `name` only.
    pub fn image(&self, name: &str) -> Document {
        self.image_of(
            media_type::OCI_MANIFEST,
            media_type::OCI_CONFIG,
            media_type::OCI_LAYER,
            name,
        )
    }

    pub fn docker_image(&self) -> Document {
        self.image_of(
            media_type::DOCKER_MANIFEST,
            media_type::DOCKER_CONFIG,
            media_type::DOCKER_LAYER,
            "docker",
        )
    }

    fn image_of(&self, media_type: &'static str, config: &str, layer: &str, name: &str) -> Document {
        let blob = |media_type: &str, blob: &Blob| json!({ "mediaType": media_type, "digest": blob.descriptor.digest, "size": blob.descriptor.size });
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": blob(config, &self.config),
            "layers": [blob(layer, &self.layer)],
        });
        // Docker's manifests know no annotations.
        if media_type == media_type::OCI_MANIFEST {
            manifest["annotations"] = json!({ "landfall.doctor": name });
        }
        Document::new(media_type, &manifest)
    }

    pub fn index(&self, child: &Document) -> Document {
        Self::list(media_type::OCI_INDEX, &child.of_platform())
    }

    pub fn docker_list(&self, child: &Document) -> Document {
        Self::list(media_type::DOCKER_LIST, &child.of_platform())
    }

    /// An index whose child nobody has.
    pub fn sparse_index(&self) -> Document {
        Self::list(media_type::OCI_INDEX, &self.image("never stored").of_platform())
    }

    fn list(media_type: &'static str, child: &Value) -> Document {
        Document::new(
            media_type,
            &json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [child] }),
        )
    }

    /// An artifact that refers to `subject`, in the form of cosign's bundles.
    pub fn artifact(&self, subject: &Document) -> Document {
        let empty = json!({ "mediaType": media_type::OCI_EMPTY, "digest": self.empty.descriptor.digest, "size": 2 });
        Document::new(
            media_type::OCI_MANIFEST,
            &json!({
                "schemaVersion": 2,
                "mediaType": media_type::OCI_MANIFEST,
                "artifactType": ARTIFACT,
                "config": &empty,
                "layers": [&empty],
                "subject": subject.descriptor(),
                "annotations": { "landfall.doctor": &self.nonce },
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Limits, Manifest, ManifestKind};

    #[test]
    fn what_is_written_is_what_it_claims_to_be() {
        let material = Material::new("0011");
        let image = material.image("a");
        let documents = [
            (material.index(&image), ManifestKind::Index),
            (material.sparse_index(), ManifestKind::Index),
            (material.docker_list(&material.docker_image()), ManifestKind::Index),
            (material.docker_image(), ManifestKind::Image),
            (material.artifact(&image), ManifestKind::Image),
            (image, ManifestKind::Image),
        ];
        for (document, kind) in documents {
            let parsed = Manifest::parse(&document.bytes, Some(document.media_type), &Limits::default()).unwrap();
            assert_eq!(parsed.kind, kind);
        }
        assert_ne!(material.image("a").digest, material.image("b").digest);
        assert_ne!(Material::new("0012").layer.descriptor, material.layer.descriptor);
    }
}
