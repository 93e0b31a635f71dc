//! Words to choose from.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::model::{
    AttestationKind, CosignTag, Drift, Duplicates, Incomplete, PolicyMode, SignatureForm, SignaturePlacement,
    TargetMode,
};

use super::code;
use super::finding::{Finding, quoted, suggestion};
use super::scalar::schemas;
use super::shape::Scalar;

/// Which manifests of an image are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sign {
    /// The one that the tag names.
    Root,
}

impl Sign {
    const ALL: &[Self] = &[Self::Root];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
        }
    }
}

/// What is removed from a target when no claim wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Prune {
    Never,
}

impl Prune {
    const ALL: &[Self] = &[Self::Never];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
        }
    }
}

/// Words to choose from: those of the type, and those that later versions will know.
macro_rules! choices {
    ($($type:ty, $what:literal, later [$($later:literal),*];)*) => {$(
        impl Scalar for $type {
            fn parse(text: &str) -> Result<Self, Finding> {
                let words = || Self::ALL.iter().map(|choice| choice.as_str());
                if let Some(choice) = Self::ALL.iter().find(|choice| choice.as_str() == text) {
                    return Ok(*choice);
                }
                let later: &[&str] = &[$($later),*];
                if later.contains(&text) {
                    let supported: Vec<_> = words().map(|word| format!("`\"{word}\"`")).collect();
                    return Err(Finding::unsupported(format!("{} `{text}`", $what))
                        .help(format!("this version supports {}", supported.join(", "))));
                }
                Err(Finding::error(code::UNKNOWN_VALUE, format!("{} is no {}", quoted(text), $what))
                    .help(suggestion(text, words())))
            }

            fn schema() -> Schema {
                json_schema!({ "enum": Self::ALL.iter().map(|choice| choice.as_str()).collect::<Vec<_>>() })
            }
        }
    )*};
}

choices! {
    SignatureForm, "signature format", later [];
    AttestationKind, "attestation", later ["summary", "provenance", "kpromo"];
    SignaturePlacement, "signature placement", later [];
    Drift, "drift mode", later [];
    Duplicates, "way to treat duplicates", later [];
    TargetMode, "target mode", later [];
    PolicyMode, "policy mode", later ["warn", "require"];
    Sign, "signing mode", later ["recursive"];
    Prune, "pruning mode", later ["tags"];
    CosignTag, "tag of cosign's", later [];
    Incomplete, "way to treat what is incomplete", later [];
}

schemas!(
    SignatureForm,
    AttestationKind,
    SignaturePlacement,
    Drift,
    Duplicates,
    TargetMode,
    PolicyMode,
    Sign,
    Prune,
    CosignTag,
    Incomplete,
);
