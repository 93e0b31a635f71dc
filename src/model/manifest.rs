//! Manifests and indexes, read from the bytes a registry serves and never written back from them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Digest, Limits, manifest_keys, null_or, null_or_map};

/// Media types that landfall tells apart.
pub mod media_type {
    pub use oci_client::manifest::{
        IMAGE_CONFIG_MEDIA_TYPE as OCI_CONFIG, IMAGE_DOCKER_CONFIG_MEDIA_TYPE as DOCKER_CONFIG,
        IMAGE_DOCKER_LAYER_TAR_MEDIA_TYPE as DOCKER_LAYER, IMAGE_LAYER_MEDIA_TYPE as OCI_LAYER,
        IMAGE_MANIFEST_LIST_MEDIA_TYPE as DOCKER_LIST, IMAGE_MANIFEST_MEDIA_TYPE as DOCKER_MANIFEST,
        OCI_IMAGE_INDEX_MEDIA_TYPE as OCI_INDEX, OCI_IMAGE_MEDIA_TYPE as OCI_MANIFEST,
    };

    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
    pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
    pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    pub const SIGSTORE_BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

    /// What to accept when reading a manifest: registries answer 404 to clients that leave out the right one.
    pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
         application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";
}

/// A reference from one piece of content to another (OCI image specification, "Content Descriptors").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(
        default,
        deserialize_with = "null_or_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Where non-distributable layers live; these are not copied.
    #[serde(default, deserialize_with = "null_or", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Descriptor {
    /// A descriptor of what has this digest and size, and nothing beside.
    #[must_use]
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
            platform: None,
            data: None,
        }
    }

    /// The descriptor of these bytes.
    #[must_use]
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Layers that may not be distributed stay at their URLs. The media type decides, not `urls`: a layer that may
    /// be distributed and also names URLs is copied like any other.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.media_type.contains("nondistributable")
            || self.media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestKind {
    Image,
    Index,
}

/// What landfall needs to know of a manifest or index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub media_type: String,
    pub kind: ManifestKind,
    pub artifact_type: Option<String>,
    pub subject: Option<Descriptor>,
    pub annotations: BTreeMap<String, String>,
    pub config: Option<Descriptor>,
    /// Layers of an image.
    pub layers: Vec<Descriptor>,
    /// Manifests of an index.
    pub manifests: Vec<Descriptor>,
}

/// Why bytes are not a manifest that landfall handles.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManifestError {
    #[error("not a manifest: {0}")]
    Malformed(String),
    #[error("Docker schema 1 manifests are refused: rebuild or convert the image at its source")]
    Schema1,
    #[error("media type `{0}` is neither an image manifest nor an index")]
    MediaType(String),
    #[error("the answer says media type `{header}`, the manifest `{body}`")]
    Contradiction { header: String, body: String },
    #[error("{count} descriptors: at most {limit} are allowed")]
    TooMany { count: usize, limit: usize },
    #[error("{size} bytes: at most {limit} are allowed")]
    TooLarge { size: usize, limit: usize },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u32>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "null_or_map")]
    annotations: BTreeMap<String, String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Reads a manifest. `content_type` is what the registry said; it decides where the body does not.
    pub fn parse(bytes: &[u8], content_type: Option<&str>, limits: &Limits) -> Result<Self, ManifestError> {
        if bytes.len() > limits.manifest {
            return Err(ManifestError::TooLarge {
                size: bytes.len(),
                limit: limits.manifest,
            });
        }
        let header = content_type
            .map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
            .filter(|text| text.starts_with("application/vnd."));
        if let Some(media_type::DOCKER_SCHEMA1 | media_type::DOCKER_SCHEMA1_SIGNED) = header.as_deref() {
            return Err(ManifestError::Schema1);
        }
        manifest_keys::check(bytes, limits.json_nesting).map_err(ManifestError::Malformed)?;
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| ManifestError::Malformed(error.to_string()))?;
        if raw.schema_version == Some(1) {
            return Err(ManifestError::Schema1);
        }
        let media_type = match (header, raw.media_type) {
            (Some(header), Some(body)) if header != body => {
                return Err(ManifestError::Contradiction { header, body });
            }
            (_, Some(body)) => body,
            (Some(header), None) => header,
            // The image specification lets `mediaType` out; the fields then tell which it is.
            (None, None) if raw.manifests.is_some() && raw.layers.is_none() => media_type::OCI_INDEX.to_owned(),
            (None, None) => media_type::OCI_MANIFEST.to_owned(),
        };
        let kind = match media_type.as_str() {
            media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => ManifestKind::Image,
            media_type::OCI_INDEX | media_type::DOCKER_LIST => ManifestKind::Index,
            _ => return Err(ManifestError::MediaType(media_type)),
        };
        // Types that others have thought of need no version: what they are is said first.
        match raw.schema_version {
            Some(2) => {}
            Some(other) => return Err(ManifestError::Malformed(format!("schemaVersion {other}: expected 2"))),
            None => return Err(ManifestError::Malformed("schemaVersion is missing".to_owned())),
        }
        // A document that is both can be read as one thing by one client and another by the next (CVE-2021-41190).
        let (layers, manifests) = match (kind, raw.layers, raw.manifests) {
            (ManifestKind::Image, layers, None) => (layers.unwrap_or_default(), Vec::new()),
            (ManifestKind::Index, None, manifests) if raw.config.is_none() => {
                (Vec::new(), manifests.unwrap_or_default())
            }
            _ => {
                return Err(ManifestError::Malformed(
                    "it has the fields of both an image and an index".to_owned(),
                ));
            }
        };
        if kind == ManifestKind::Image && raw.config.is_none() {
            return Err(ManifestError::Malformed("config is missing".to_owned()));
        }
        let count = layers.len() + manifests.len();
        if count > limits.descriptors {
            return Err(ManifestError::TooMany {
                count,
                limit: limits.descriptors,
            });
        }
        Ok(Self {
            media_type,
            kind,
            artifact_type: raw.artifact_type,
            subject: raw.subject,
            annotations: raw.annotations,
            config: raw.config,
            layers,
            manifests,
        })
    }

    /// The blobs this manifest needs at a registry, each once: config first, then layers, foreign ones left out.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let mut seen = std::collections::HashSet::new();
        self.config
            .iter()
            .chain(&self.layers)
            .filter(|blob| !blob.is_foreign())
            .filter(move |blob| seen.insert(blob.digest))
    }

    /// The artifact type as referrers lists give it: the manifest's own, else its config's media type
    /// (OCI distribution specification, "Listing Referrers").
    #[must_use]
    pub fn effective_artifact_type(&self) -> Option<&str> {
        self.artifact_type
            .as_deref()
            .or_else(|| self.config.as_ref().map(|config| config.media_type.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, content_type: Option<&str>) -> Result<Manifest, ManifestError> {
        Manifest::parse(text.as_bytes(), content_type, &Limits::default())
    }

    #[test]
    fn a_document_that_is_image_and_index_at_once_is_refused() {
        let both =
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"layers":[]}"#;
        assert!(matches!(parse(both, None), Err(ManifestError::Malformed(_))));
    }

    #[test]
    fn a_manifest_that_go_reads_as_another_is_refused() {
        let index = |more: &str| format!(r#"{{"schemaVersion":2,"manifests":[]{more}}}"#);
        assert!(parse(&index(r#","annotations":{"Layers":"1"}"#), None).is_ok());
        let nested = format!(r#","x":{}{}"#, "[".repeat(100_000), "]".repeat(100_000));
        for more in [r#","Manifests":[]"#, r#","MediaType":"x""#, r#","x":1,"x":2"#, &nested] {
            assert!(matches!(parse(&index(more), None), Err(ManifestError::Malformed(_))));
        }
    }

    #[test]
    fn header_and_body_must_agree() {
        let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        assert!(parse(index, Some("application/vnd.oci.image.index.v1+json; charset=utf-8")).is_ok());
        assert!(matches!(
            parse(index, Some(media_type::OCI_MANIFEST)),
            Err(ManifestError::Contradiction { .. })
        ));
    }

    #[test]
    fn null_is_read_as_what_is_empty() {
        let blob = |name: &str| {
            let digest = Digest::of(name.as_bytes());
            format!(
                r#"{{"mediaType":"{name}","digest":"{digest}","size":1,"annotations":null,"urls":null,"platform":null,"data":null}}"#
            )
        };
        let (config, layer) = (blob("config"), blob("layer"));
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}],"annotations":{{"a":null,"b":"c"}},"subject":null,"manifests":null}}"#
        );
        let manifest = parse(&manifest, Some(media_type::OCI_MANIFEST)).unwrap();
        assert_eq!(manifest.annotations, BTreeMap::from([("b".to_owned(), "c".to_owned())]));
        assert!(manifest.layers[0].annotations.is_empty() && manifest.layers[0].urls.is_empty());
        let index = r#"{"schemaVersion":2,"manifests":null,"annotations":null}"#;
        assert!(parse(index, Some(media_type::OCI_INDEX)).unwrap().manifests.is_empty());
    }

    #[test]
    fn schema_1_is_refused_whoever_says_so() {
        assert_eq!(parse(r#"{"schemaVersion":1}"#, None), Err(ManifestError::Schema1));
        assert_eq!(
            parse("{}", Some(media_type::DOCKER_SCHEMA1_SIGNED)),
            Err(ManifestError::Schema1)
        );
    }
}
