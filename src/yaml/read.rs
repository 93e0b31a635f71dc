//! The parser's events become a tree. Nothing recurses: however deep a text nests, the stack stays small.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Content, Key, Node, Scalar, YamlError, YamlLimits, YamlProblem};
use crate::model::Position;

/// Reads the one document of a text; `None` where there is none. A byte order mark is the caller's to remove.
///
/// # Errors
/// The first thing that is wrong.
pub fn read<'t>(text: &'t str, limits: &YamlLimits) -> Result<Option<Node<'t>>, YamlError> {
    let mut builder = Builder {
        limits,
        root: None,
        open: Vec::new(),
        documents: 0,
        nodes: 0,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = position(Span::empty(*error.marker()), 1);
            problem(at, YamlProblem::Syntax(error.info().to_owned()))
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root)
}

fn problem(at: Position, problem: YamlProblem) -> YamlError {
    YamlError { at, problem }
}

/// Lines and columns of the parser are right as they are; lengths are given in bytes.
fn position(span: Span, length: usize) -> Position {
    Position::new(span.start.line(), span.start.col().saturating_add(1), length)
}

/// A list or mapping whose end has not come.
struct Open<'t> {
    at: Position,
    content: OpenContent<'t>,
}

enum OpenContent<'t> {
    Sequence(Vec<Node<'t>>),
    Mapping {
        entries: Vec<(Key<'t>, Node<'t>)>,
        key: Option<Key<'t>>,
    },
}

struct Builder<'t, 'l> {
    limits: &'l YamlLimits,
    root: Option<Node<'t>>,
    open: Vec<Open<'t>>,
    documents: usize,
    nodes: usize,
}

impl<'t> Builder<'t, '_> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), YamlError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(problem(position(span, 3), YamlProblem::SecondDocument));
                }
                Ok(())
            }
            Event::Alias(_) => Err(problem(position(span, span.len()), YamlProblem::Alias)),
            Event::Scalar(text, style, anchor, tag) => {
                let at = position(span, first_line(&text).len() + marks(style));
                self.begin(at, anchor, tag.is_some())?;
                let plain = style == ScalarStyle::Plain;
                self.place(Node {
                    at,
                    content: Content::Scalar(Scalar { text, plain }),
                })
            }
            Event::SequenceStart(anchor, tag) => {
                let sequence = OpenContent::Sequence(Vec::new());
                self.push(position(span, 1), anchor, tag.is_some(), sequence)
            }
            Event::MappingStart(anchor, tag) => {
                let mapping = OpenContent::Mapping {
                    entries: Vec::new(),
                    key: None,
                };
                self.push(position(span, 1), anchor, tag.is_some(), mapping)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { at, content }) => {
                    let content = match content {
                        OpenContent::Sequence(entries) => Content::Sequence(entries),
                        OpenContent::Mapping { entries, .. } => {
                            check_distinct(&entries)?;
                            Content::Mapping(entries)
                        }
                    };
                    self.place(Node { at, content })
                }
                None => Ok(()),
            },
        }
    }

    fn begin(&mut self, at: Position, anchor: usize, tagged: bool) -> Result<(), YamlError> {
        if anchor > 0 {
            return Err(problem(at, YamlProblem::Anchor));
        }
        if tagged {
            return Err(problem(at, YamlProblem::Tag));
        }
        self.nodes += 1;
        let limit = self.limits.nodes;
        if self.nodes > limit {
            return Err(problem(at, YamlProblem::TooManyNodes { limit }));
        }
        Ok(())
    }

    fn push(&mut self, at: Position, anchor: usize, tagged: bool, content: OpenContent<'t>) -> Result<(), YamlError> {
        self.begin(at, anchor, tagged)?;
        let limit = self.limits.depth;
        if self.open.len() >= limit {
            return Err(problem(at, YamlProblem::TooDeep { limit }));
        }
        self.open.push(Open { at, content });
        Ok(())
    }

    /// Puts a whole value where it belongs.
    fn place(&mut self, node: Node<'t>) -> Result<(), YamlError> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            OpenContent::Sequence(entries) => entries.push(node),
            OpenContent::Mapping { entries, key } => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(key_of(node)?),
            },
        }
        Ok(())
    }
}

fn key_of(node: Node<'_>) -> Result<Key<'_>, YamlError> {
    let at = node.at;
    let found = node.kind();
    match node.content {
        Content::Scalar(scalar) if scalar.plain && scalar.text == "<<" => Err(problem(at, YamlProblem::MergeKey)),
        Content::Scalar(scalar) => Ok(Key { at, scalar }),
        Content::Sequence(_) | Content::Mapping(_) => Err(problem(at, YamlProblem::KeyIsNoText { found })),
    }
}

fn check_distinct(entries: &[(Key<'_>, Node<'_>)]) -> Result<(), YamlError> {
    let mut first: HashMap<&str, Position> = HashMap::with_capacity(entries.len());
    for (key, _) in entries {
        if let Some(earlier) = first.insert(key.text(), key.at) {
            let duplicate = YamlProblem::DuplicateKey {
                key: key.text().to_owned(),
                first: earlier.line,
            };
            return Err(problem(key.at, duplicate));
        }
    }
    Ok(())
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// The bytes that a scalar's quotes take, or the mark before a block of lines.
fn marks(style: ScalarStyle) -> usize {
    match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 2,
        ScalarStyle::Literal | ScalarStyle::Folded => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: YamlLimits = YamlLimits {
        nodes: 10_000,
        depth: 8,
    };

    fn found(text: &str) -> YamlError {
        read(text, &LIMITS).unwrap_err()
    }

    #[test]
    fn values_know_where_they_stand() {
        let node = read("# ä\n- ü: \"x\"\n", &LIMITS).unwrap().unwrap();
        let Content::Sequence(entries) = &node.content else {
            panic!("{node:?}");
        };
        let Content::Mapping(fields) = &entries[0].content else {
            panic!("{node:?}");
        };
        let place = |at: Position| (at.line, at.column, at.length);
        let (key, value) = &fields[0];
        assert_eq!((place(key.at), place(value.at)), ((2, 3, 2), (2, 6, 3)));
    }

    #[test]
    fn nothing_is_no_document_or_null() {
        for text in ["", "# only a comment\n", "---\n", "---\n...\n", "~"] {
            let node = read(text, &LIMITS).unwrap();
            assert!(node.is_none_or(|node| node.is_null()), "{text:?}");
        }
    }

    #[test]
    fn what_makes_small_files_large_is_refused_with_its_line() {
        for (text, line, expected) in [
            ("a: &x [1]", 1, YamlProblem::Anchor),
            ("a: &x {b: c}", 1, YamlProblem::Anchor),
            ("- a\n- &x b", 2, YamlProblem::Anchor),
            ("a: b\nc:\n  *x\n", 3, YamlProblem::Syntax(String::new())),
            ("a:\n  <<: {a: b}", 2, YamlProblem::MergeKey),
            ("a: !!binary aGk=", 1, YamlProblem::Tag),
            ("!local [a]", 1, YamlProblem::Tag),
            ("a\n---\nb", 2, YamlProblem::SecondDocument),
        ] {
            let error = found(text);
            let same = match (&error.problem, &expected) {
                (YamlProblem::Syntax(_), YamlProblem::Syntax(_)) => true,
                (one, other) => one == other,
            };
            assert!(same && error.at.line == line, "{text:?}: {error:?}");
        }
        assert!(read("\"<<\": quoted", &LIMITS).is_ok());
    }

    #[test]
    fn a_key_is_text_and_stands_once() {
        let twice = YamlProblem::DuplicateKey {
            key: "a".to_owned(),
            first: 1,
        };
        let error = found("a: 1\nb: 2\n\"a\": 3\n");
        assert_eq!((error.problem, error.at.line), (twice, 3));
        let list = YamlProblem::KeyIsNoText { found: "a list" };
        assert_eq!(found("? [a]\n: b\n").problem, list);
    }

    #[test]
    fn hostile_documents_end_in_one_error() {
        let many = 1 << 20;
        for text in [
            "[".repeat(many),
            "{a: ".repeat(many),
            "- ".repeat(many),
            "? ".repeat(many),
            "- a\n".repeat(many),
            format!("[{}]", "a,".repeat(many)),
            format!("\"{}", "a".repeat(many)),
            "a: &a a\n".repeat(many),
            "---\n".repeat(many),
            "\t".repeat(many) + "a: [",
            format!("a: |\n {}\nb: [", "x\n ".repeat(many / 4)),
            "[".repeat(9) + &"]".repeat(9),
        ] {
            let start: String = text.chars().take(12).collect();
            assert!(read(&text, &LIMITS).is_err(), "{start:?}");
        }
        let whole = "[".repeat(8) + &"]".repeat(8);
        assert!(read(&whole, &LIMITS).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-?:,\\[\\]{}#&*!|>'\"%@` a<~\n\t\r\u{feff}ä.0]{0,80}") {
            if let Err(error) = read(&text, &LIMITS) {
                prop_assert!(error.at.line >= 1 && error.at.column >= 1 && error.at.length >= 1);
            }
        }
    }
}
