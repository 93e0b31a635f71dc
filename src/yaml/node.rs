//! Values, and where they stand.

use std::borrow::Cow;

use super::Scalar;
use crate::model::Position;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'t> {
    pub at: Position,
    pub content: Content<'t>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<'t> {
    Scalar(Scalar<'t>),
    Sequence(Vec<Node<'t>>),
    /// In the order of the file; no key stands twice.
    Mapping(Vec<(Key<'t>, Node<'t>)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key<'t> {
    pub at: Position,
    pub scalar: Scalar<'t>,
}

impl Key<'_> {
    #[must_use]
    pub fn text(&self) -> &str {
        &self.scalar.text
    }

    /// The key as a value, for what reads both.
    #[must_use]
    pub fn node(&self) -> Node<'_> {
        Node {
            at: self.at,
            content: Content::Scalar(Scalar {
                text: Cow::Borrowed(self.text()),
                plain: self.scalar.plain,
            }),
        }
    }
}

impl<'t> Node<'t> {
    #[must_use]
    pub fn as_scalar(&self) -> Option<&Scalar<'t>> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::Sequence(_) | Content::Mapping(_) => None,
        }
    }

    /// See [`Scalar::is_null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_null)
    }

    /// See [`Scalar::as_bool`].
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.as_scalar().and_then(Scalar::as_bool)
    }

    /// What it is, in a message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(scalar) if scalar.is_null() => "nothing",
            Content::Scalar(_) => "text",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }
}
