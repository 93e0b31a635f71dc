//! What is wrong with a foreign configuration, and what of it has no counterpart here.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::model::Position;
use crate::yaml::{Content, Key, Node};

/// Something that cannot be read: nothing is written before it is put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub at: Position,
    pub message: String,
    pub help: Option<String>,
}

impl Mistake {
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            help: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Something that was read and is not carried over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    pub line: u32,
    /// The setting or the image.
    pub what: String,
    /// Why it is not carried over, and what landfall does instead.
    pub why: String,
    /// Images are missing from what was written.
    pub lost: bool,
}

/// What the regular expressions of a file may cost: compiled, they can be far larger than they are written.
struct PatternLimits {
    count: usize,
    /// Bytes of one, compiled.
    size: usize,
}

const PATTERNS: PatternLimits = PatternLimits {
    count: 2_000,
    size: 256 << 10,
};

/// Gathers both while a file is read.
#[derive(Debug, Default)]
pub struct Report {
    pub mistakes: Vec<Mistake>,
    pub notes: Vec<Note>,
    patterns: usize,
}

impl Report {
    pub fn mistake(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// A setting that has no counterpart.
    pub fn note(&mut self, at: Position, what: impl Into<String>, why: impl Into<String>) {
        self.notes.push(Note {
            line: at.line,
            what: what.into(),
            why: why.into(),
            lost: false,
        });
    }

    /// Images that have no counterpart.
    pub fn lost(&mut self, line: u32, what: impl Into<String>, why: impl Into<String>) {
        self.notes.push(Note {
            line,
            what: what.into(),
            why: why.into(),
            lost: true,
        });
    }

    fn expected<T>(&mut self, node: &Node<'_>, what: &str, kind: &str) -> Option<T> {
        self.mistake(Mistake::new(node.at, format!("`{}` is no {kind}", what.escape_debug())));
        None
    }

    /// The text of a value; `what` names it. A template is none: only the tool itself could fill it in.
    pub fn text<'n>(&mut self, node: &'n Node<'_>, what: &str) -> Option<&'n str> {
        match &node.content {
            Content::Scalar(scalar) if scalar.text.contains("{{") => {
                let message = format!("`{}` is a template, which is not read", what.escape_debug());
                self.mistake(Mistake::new(node.at, message).help("write what it stands for"));
                None
            }
            Content::Scalar(scalar) => Some(&scalar.text),
            _ => self.expected(node, what, "text"),
        }
    }

    /// The items of a list; a missing one is empty.
    pub fn list<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> Option<&'n [Node<'t>]> {
        match &node.content {
            Content::Sequence(items) => Some(items),
            _ if node.is_null() => Some(&[]),
            _ => self.expected(node, what, "list"),
        }
    }

    /// The entries of a map; a missing one is empty.
    pub fn map<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> Option<&'n [(Key<'t>, Node<'t>)]> {
        match &node.content {
            Content::Mapping(entries) => Some(entries),
            _ if node.is_null() => Some(&[]),
            _ => self.expected(node, what, "map"),
        }
    }

    /// Compiles a regular expression, shown to people as `text`. Go's `regexp`, which the tools use, differs from this
    /// one in little that names of tags can show.
    pub fn pattern(&mut self, at: Position, text: &str, whole: &str) -> Option<Regex> {
        self.patterns += 1;
        if self.patterns > PATTERNS.count {
            let message = format!("more than {} regular expressions", PATTERNS.count);
            self.mistake(Mistake::new(at, message).help("split the file"));
            return None;
        }
        match RegexBuilder::new(whole).size_limit(PATTERNS.size).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
                let why = last.trim().trim_start_matches("error: ");
                let message = format!("`{}` is no regular expression: {why}", text.escape_debug());
                self.mistake(Mistake::new(at, message));
                None
            }
        }
    }

    /// The texts of a list.
    pub fn texts<'n>(&mut self, node: &'n Node<'_>, what: &str) -> Option<Vec<(Position, &'n str)>> {
        let items = self.list(node, what)?;
        items
            .iter()
            .map(|item| Some((item.at, self.text(item, what)?)))
            .collect()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}: {}", self.line, self.what, self.why)
    }
}
