//! What can be wrong with a plan file.

use std::io;

use thiserror::Error;

use super::lines::SCHEMA_VERSION;
use crate::model::Digest;

#[derive(Debug, Error)]
pub enum PlanFileError {
    #[error("the plan file cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("this is not a plan file ({0}): write one with `landfall plan --out FILE`")]
    NotAPlan(String),
    #[error(
        "the plan file has schema version {found}, and this landfall reads version {SCHEMA_VERSION}: write it anew \
         with `landfall plan --out FILE`"
    )]
    Version { found: u64 },
    #[error("line {line} of the plan file: {message}")]
    Malformed { line: usize, message: String },
    #[error(
        "the plan file ends after line {line} without its last line: write it anew with `landfall plan --out FILE`"
    )]
    Truncated { line: usize },
    #[error(
        "the plan file was changed after it was written: it states the digest {stated}, and its steps have {computed}"
    )]
    Changed { stated: Digest, computed: Digest },
}
