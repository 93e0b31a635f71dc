//! What an audit is to pass over.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::model::{Exception, FINDINGS};

use super::code;
use super::finding::{Finding, quoted, suggestion};
use super::glob::ImageGlob;
use super::landfall_file::LandfallFile;
use super::scalar::{Reason, schemas};
use super::shape::{List, Scalar};
use super::table::table;

table!(
    /// Something that an audit may find, known and accepted until a day.
    ExceptionTable, "an exception" {
        /// A pattern of public references, or of repositories at endpoints, with or without `:TAG` or `@DIGEST`; `*` stays
        /// within a path segment, `**` does not.
        #[schemars(extend("examples" = ["registry.example.com/legacy/**", "registry.example.com/dns/coredns:nightly"]))]
        "image" => image: ImageGlob,
        /// What may be found there. Where left out: anything.
        #[schemars(extend("examples" = [["unexpected-tag"], ["unexpected-repository", "unexplained-signature"]]))]
        "findings" => findings: Option<List<FindingName>>,
        /// Why it is accepted, for those who read audits.
        #[schemars(extend("examples" = ["pushed by the nightly job until it moves to staging"]))]
        "reason" => reason: Reason,
        /// The last day on which it is accepted.
        #[schemars(extend("examples" = ["2026-12-31"]))]
        "expires" => expires: Expiry,
    }
);

/// What an audit calls something that it finds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FindingName(Arc<str>);

impl Scalar for FindingName {
    fn parse(text: &str) -> Result<Self, Finding> {
        if FINDINGS.contains(&text) {
            return Ok(Self(text.into()));
        }
        Err(Finding::error(
            code::UNKNOWN_VALUE,
            format!("{} is nothing that an audit finds", quoted(text)),
        )
        .help(suggestion(text, FINDINGS)))
    }

    fn schema() -> Schema {
        json_schema!({ "enum": FINDINGS })
    }
}

/// A day, as a string.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry(Date);

impl Scalar for Expiry {
    fn parse(text: &str) -> Result<Self, Finding> {
        let date = text.parse::<Date>().ok().filter(|_| text.len() == "2026-12-31".len());
        date.map(Self).ok_or_else(|| {
            Finding::error(code::UNKNOWN_VALUE, format!("{} is no day", quoted(text)))
                .help("write the last day in quotes: `\"2026-12-31\"`")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
    }
}

pub(super) fn exceptions(file: &LandfallFile) -> Vec<Exception> {
    let tables = file.exceptions.iter().flatten();
    tables
        .map(|table| Exception {
            pattern: table.image.0.glob().into(),
            findings: table
                .findings
                .iter()
                .flatten()
                .map(|finding| finding.value.0.clone())
                .collect(),
            reason: table.reason.0.clone(),
            expires: table.expires.0,
        })
        .collect()
}

schemas!(FindingName, Expiry);
