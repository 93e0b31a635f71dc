//! Why nothing was examined.

use miette::Diagnostic;
use thiserror::Error;

use crate::assembly::AssemblyError;
use crate::config::Refusal;

/// Why an examination did not begin.
#[derive(Debug, Error, Diagnostic)]
pub enum DoctorError {
    /// `allow-writes` does not cover what was to be tried.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Refused(Refusal),
    #[error(transparent)]
    Registries(#[from] AssemblyError),
}

impl From<Refusal> for DoctorError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
