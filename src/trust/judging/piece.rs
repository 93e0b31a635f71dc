//! What was found beside an image; none of it is believed yet.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::model::{Descriptor, Digest};

/// Where a signature or an attestation was found, which says how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A bundle that refers to the image (cosign 3).
    Bundle,
    /// A layer under `sha256-<hex>.sig` (cosign 2).
    SignatureTag,
    /// A layer of a manifest of signatures that refers to the image (cosign 2 with OCI 1.1, containers/image).
    SignatureReferrer,
    /// A layer under `sha256-<hex>.att` (cosign 2).
    AttestationTag,
}

/// One thing that somebody may have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub form: Form,
    /// The referrer's manifest, or the layer's content.
    pub digest: Digest,
    pub piece: Piece,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Bundle(Bytes),
    /// A simple signing payload; the signature stands among the layer's annotations.
    Payload {
        layer: Descriptor,
        bytes: Bytes,
    },
    /// A DSSE envelope.
    Envelope {
        layer: Descriptor,
        bytes: Bytes,
    },
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bundle => "bundle",
            Self::SignatureTag => ".sig",
            Self::SignatureReferrer => "signature referrer",
            Self::AttestationTag => ".att",
        })
    }
}
