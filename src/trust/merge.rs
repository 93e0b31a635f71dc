//! Merging into metadata that other tools write too.

use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

use super::limits::LIMITS;
use super::verification::printable;
use crate::model::{Descriptor, Limits, Manifest, ManifestKind};

/// What a merge has to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge<T> {
    /// All that was to be added is there.
    AlreadyThere,
    Write(T),
}

/// Why metadata is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MergeError {
    #[error("what stands there cannot be read and is never overwritten: {reason}. Delete or repair it by hand")]
    Unreadable { reason: String },
    #[error("what stands there is {found} and is never overwritten: expected {expected}. Delete or repair it by hand")]
    Kind {
        found: &'static str,
        expected: &'static str,
    },
    #[error("what stands there is {what}, no index of referrers, and is never merged into: {help}")]
    NotReferrers { what: String, help: &'static str },
    #[error("it would hold {count} entries: at most {limit} are allowed")]
    TooMany { count: usize, limit: usize },
    #[error("it would have {size} bytes: at most {limit} are allowed")]
    TooLarge { size: usize, limit: usize },
}

impl MergeError {
    fn unreadable(reason: impl fmt::Display) -> Self {
        Self::Unreadable {
            reason: printable(&reason.to_string(), LIMITS.reason),
        }
    }
}

/// A manifest or index that is edited without losing what landfall does not know.
pub(super) struct Document {
    pub media_type: String,
    pub config: Option<Descriptor>,
    /// As they were found, before any edit; they stand in the same order as [`Self::entries_mut`].
    pub entries: Vec<Descriptor>,
    fields: Map<String, Value>,
    field: &'static str,
}

impl Document {
    /// Reads what stands there. [`Manifest::parse`] checks it, and refuses what is named twice.
    pub(super) fn found(bytes: &[u8], kind: ManifestKind, limits: &Limits) -> Result<Self, MergeError> {
        let manifest = Manifest::parse(bytes, None, limits).map_err(MergeError::unreadable)?;
        if manifest.kind != kind {
            return Err(MergeError::Kind {
                found: describe(manifest.kind),
                expected: describe(kind),
            });
        }
        let fields = serde_json::from_slice(bytes).map_err(MergeError::unreadable)?;
        let (field, entries) = match kind {
            ManifestKind::Image => ("layers", manifest.layers),
            ManifestKind::Index => ("manifests", manifest.manifests),
        };
        Ok(Self {
            media_type: manifest.media_type,
            config: manifest.config,
            entries,
            fields,
            field,
        })
    }

    /// The entries in the document, to be edited or added to.
    pub(super) fn entries_mut(&mut self) -> Result<&mut Vec<Value>, MergeError> {
        let entries = self.fields.entry(self.field).or_insert(Value::Null);
        if entries.is_null() {
            *entries = Value::Array(Vec::new());
        }
        entries
            .as_array_mut()
            .ok_or_else(|| MergeError::unreadable(format_args!("`{}` is not a list", self.field)))
    }

    /// Leaves out the entries of which `is` is true. Says whether there were any.
    pub(super) fn leave_out(&mut self, is: impl Fn(&Descriptor) -> bool) -> Result<bool, MergeError> {
        let gone: Vec<bool> = self.entries.iter().map(is).collect();
        if !gone.contains(&true) {
            return Ok(false);
        }
        let written = self.entries_mut()?;
        let mut position = gone.iter();
        written.retain(|_| !position.next().copied().unwrap_or(false));
        let mut position = gone.iter();
        self.entries.retain(|_| !position.next().copied().unwrap_or(false));
        Ok(true)
    }

    pub(super) fn config_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.fields.get_mut("config")?.as_object_mut()
    }

    pub(super) fn write(self, limits: &Limits) -> Result<Vec<u8>, MergeError> {
        let count = self
            .fields
            .get(self.field)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        if count > limits.descriptors {
            return Err(MergeError::TooMany {
                count,
                limit: limits.descriptors,
            });
        }
        let bytes = serde_json::to_vec(&self.fields).expect("a JSON value always serialises");
        if bytes.len() > limits.manifest {
            return Err(MergeError::TooLarge {
                size: bytes.len(),
                limit: limits.manifest,
            });
        }
        Ok(bytes)
    }
}

pub(super) fn to_value(descriptor: &Descriptor) -> Value {
    serde_json::to_value(descriptor).expect("a descriptor always serialises")
}

fn describe(kind: ManifestKind) -> &'static str {
    match kind {
        ManifestKind::Image => "an image manifest",
        ManifestKind::Index => "an index",
    }
}
