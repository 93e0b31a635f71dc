//! Patterns: `*`, `?`, `[…]`, `{a,b}`.

use std::borrow::Cow;
use std::fmt;

use globset::{Glob, GlobBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::code;
use super::finding::{Finding, quoted};
use super::scalar::schemas;
use super::shape::Scalar;

/// A pattern for tags.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TagGlob(pub Glob);

impl fmt::Display for TagGlob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.glob())
    }
}

impl Scalar for TagGlob {
    fn parse(text: &str) -> Result<Self, Finding> {
        let stranger = text
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !"_.-*?[]{},!^".contains(*c));
        match stranger {
            Some(stranger) => Err(format!("no tag has {}", quoted(&stranger.to_string()))),
            None => glob(text).map(Self),
        }
        .map_err(|why| {
            let help = "patterns are like `latest`, `*-dev`, `v1.?`, `{a,b}-*`, `[0-9]*`";
            invalid(text, "tags", &why).help(help)
        })
    }

    fn schema() -> Schema {
        not_empty()
    }
}

/// A pattern for artifact types.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TypeGlob(pub Glob);

impl fmt::Display for TypeGlob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.glob())
    }
}

impl Scalar for TypeGlob {
    fn parse(text: &str) -> Result<Self, Finding> {
        glob(text).map(Self).map_err(|why| {
            let help = "patterns are like `*`, `application/spdx+json`, `application/vnd.dev.sigstore.*`";
            invalid(text, "artifact types", &why).help(help)
        })
    }

    fn schema() -> Schema {
        not_empty()
    }
}

/// A pattern for names of images and repositories, with or without `:TAG` or `@DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ImageGlob(pub Glob);

impl Scalar for ImageGlob {
    fn parse(text: &str) -> Result<Self, Finding> {
        let compiled = glob(text).and_then(|_| {
            let literal = GlobBuilder::new(text).literal_separator(true).build();
            literal.map_err(|error| error.kind().to_string())
        });
        compiled.map(Self).map_err(|why| {
            let help =
                "patterns are like `registry.example.com/legacy/**`, `**/coredns:v1`; `*` stays within a segment";
            invalid(text, "images", &why).help(help)
        })
    }

    fn schema() -> Schema {
        not_empty()
    }
}

/// Says why where it is none.
fn glob(text: &str) -> Result<Glob, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    GlobBuilder::new(text).build().map_err(|error| error.kind().to_string())
}

fn invalid(text: &str, kind: &str, why: &str) -> Finding {
    Finding::error(
        code::INVALID_GLOB,
        format!("{} is not a pattern for {kind}: {why}", quoted(text)),
    )
}

fn not_empty() -> Schema {
    json_schema!({ "type": "string", "minLength": 1 })
}

schemas!(TagGlob, TypeGlob, ImageGlob);
