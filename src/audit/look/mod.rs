//! What stands at registries: read, verified, and written down without judging it.

mod beside;
mod facts;
mod image;
mod place;

pub use facts::{Answer, Evidence, EvidenceKind, ImageFacts, PlaceFacts, RecordFound, State, StrangerFacts};
pub use image::look_at_image;
pub use place::{Depth, PlaceToLook, look_at_place};

use std::fmt;
use std::sync::Arc;

use crate::model::{Digest, Limits, SignerKey};
use crate::trust::{KeyError, PublicKey};

/// Keys that sign in our name, by fingerprint.
#[derive(Debug, Clone, Default)]
pub struct OurKeys(Vec<PublicKey>);

impl OurKeys {
    /// # Errors
    /// A key that cannot be read.
    pub fn of<'k>(keys: impl Iterator<Item = &'k SignerKey>) -> Result<Self, KeyError> {
        let mut found: Vec<PublicKey> = Vec::new();
        for key in keys {
            let key = PublicKey::from_pem(key.pem.as_bytes())?;
            if !found.iter().any(|known| known.fingerprint() == key.fingerprint()) {
                found.push(key);
            }
        }
        Ok(Self(found))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn all(&self) -> &[PublicKey] {
        &self.0
    }
}

/// What looking goes by.
pub struct Looking<'a, R> {
    pub registry: &'a R,
    pub limits: &'a Limits,
    pub keys: &'a OurKeys,
}

impl<R> fmt::Debug for Looking<'_, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Looking")
            .field("keys", self.keys)
            .finish_non_exhaustive()
    }
}

/// Why something was not seen, in a line.
fn why(error: &impl fmt::Display) -> Arc<str> {
    error.to_string().replace('\n', " ").into()
}

/// The image that a metadata tag speaks of: `sha256-<hex>`, with or without a suffix.
#[must_use]
pub fn subject_of(tag: &crate::model::Tag) -> Option<Digest> {
    let rest = tag.as_str().strip_prefix("sha256-")?;
    let hex = rest.get(..64)?;
    format!("sha256:{hex}").parse().ok()
}
