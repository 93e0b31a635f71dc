//! What is wrong with a document.

use thiserror::Error;

use crate::model::Position;

/// The first thing that is wrong, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct YamlError {
    pub at: Position,
    pub problem: YamlProblem,
}

/// Anchors, aliases, merge keys and tags make small files mean large things, or other things than they show; none is
/// read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum YamlProblem {
    /// In the parser's words.
    #[error("not YAML: {0}")]
    Syntax(String),
    #[error("a second document begins here")]
    SecondDocument,
    #[error("an anchor (`&…`) is not read")]
    Anchor,
    #[error("an alias (`*…`) is not read")]
    Alias,
    #[error("a merge key (`<<`) is not read")]
    MergeKey,
    #[error("a tag (`!…`) is not read")]
    Tag,
    /// `found` is what [`super::Node::kind`] calls it.
    #[error("a key is {found}")]
    KeyIsNoText { found: &'static str },
    #[error("`{}` stands here twice, before on line {first}", key.escape_debug())]
    DuplicateKey { key: String, first: u32 },
    #[error("more than {limit} values")]
    TooManyNodes { limit: usize },
    #[error("nested more than {limit} levels deep")]
    TooDeep { limit: usize },
}

impl YamlProblem {
    /// The remedy, where there is one that holds for every file.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Syntax(_) | Self::TooManyNodes { .. } | Self::TooDeep { .. } => None,
            Self::SecondDocument => Some("keep one document in a file"),
            Self::Anchor => Some("remove it, and write the value out where it is needed"),
            Self::Alias => Some("write out what it stands for"),
            Self::MergeKey => Some("write the keys out"),
            Self::Tag => Some("write the value without it"),
            Self::KeyIsNoText { .. } => Some("keys are text"),
            Self::DuplicateKey { .. } => Some("remove one of them"),
        }
    }
}
