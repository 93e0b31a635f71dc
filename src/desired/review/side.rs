//! A revision that is compared.

use crate::desired::parse::Parsed;
use crate::desired::resolve::Resolved;
use crate::model::Diagnostic;

/// One of the two revisions.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub parsed: &'a Parsed,
    pub resolved: &'a Resolved,
}

impl Side<'_> {
    pub(super) fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.parsed.diagnostics().iter().chain(&self.resolved.diagnostics)
    }
}
