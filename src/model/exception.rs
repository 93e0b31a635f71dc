//! What an audit is to pass over.

use std::sync::Arc;

use jiff::civil::Date;

/// Something that an audit may find, known and accepted until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// A glob of public references, or of repositories at endpoints, with or without `:TAG` or `@DIGEST`.
    pub pattern: Arc<str>,
    /// Names of [`FINDINGS`]; none are all of them.
    pub findings: Vec<Arc<str>>,
    pub reason: Arc<str>,
    /// The last day.
    pub expires: Date,
}

/// What an audit can find.
pub const FINDINGS: [&str; 12] = [
    "absent",
    "incomplete",
    "tag-absent",
    "tag-moved",
    "unsigned",
    "signed-by-another",
    "unattested",
    "record-of-another-commit",
    "unexpected-repository",
    "unexpected-tag",
    "unexpected-digest",
    "unexplained-signature",
];
