//! What an audit is to pass over, as landfall.toml says.

use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use jiff::civil::Date;

use super::finding::Finding;
use crate::model::Exception;

/// The exceptions of a commit.
#[derive(Debug, Default)]
pub struct Exceptions(Vec<(GlobMatcher, Exception)>);

impl Exceptions {
    /// What is no pattern is refused where landfall.toml is read, and passes over nothing here.
    #[must_use]
    pub fn new(exceptions: &[Exception]) -> Self {
        let compiled = exceptions.iter().filter_map(|exception| {
            let glob = GlobBuilder::new(&exception.pattern)
                .literal_separator(true)
                .build()
                .ok()?;
            Some((glob.compile_matcher(), exception.clone()))
        });
        Self(compiled.collect())
    }

    /// Marks what an exception passes over. One that has expired is told, and passes over nothing.
    pub fn apply(&self, finding: &mut Finding, today: Date) {
        let names = [&finding.reference, &finding.place].map(String::as_str);
        let whole = [finding.public(), finding.at()];
        let mut expired: Option<&Exception> = None;
        for (glob, exception) in &self.0 {
            let names_it = names.iter().any(|name| glob.is_match(name)) || whole.iter().any(|name| glob.is_match(name));
            let kinds = &exception.findings;
            if !names_it || !(kinds.is_empty() || kinds.iter().any(|kind| **kind == *finding.kind.as_str())) {
                continue;
            }
            if exception.expires < today {
                expired = Some(exception);
                continue;
            }
            finding.exception = Some(Arc::clone(&exception.reason));
            return;
        }
        if let Some(expired) = expired {
            finding
                .detail
                .push_str(&format!("; its exception expired on {}", expired.expires));
        }
    }
}
