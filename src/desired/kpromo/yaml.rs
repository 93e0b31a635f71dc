//! YAML, as far as a manifest needs it: lists, mappings and scalars of one document, in bounded memory.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::desired::code;
use crate::desired::finding::{Finding, Report, quoted};
use crate::desired::limits::LIMITS;
use crate::desired::position::Position;

/// A value and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node<'t> {
    pub content: Content<'t>,
    pub at: Position,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'t> {
    Scalar {
        text: Cow<'t, str>,
        /// Without quotes.
        plain: bool,
    },
    Sequence(Vec<Node<'t>>),
    /// No key stands twice, and each is a scalar.
    Mapping(Vec<(Node<'t>, Node<'t>)>),
}

impl Node<'_> {
    /// Whether Go's YAML takes this for null: then a text is empty, a list has no entries.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar { .. } if self.is_null() => "nothing",
            Content::Scalar { .. } => "text",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }
}

/// The value of a document, or `None` after what is wrong has been reported. A document without a value is null.
pub(super) fn document<'t>(text: &'t str, report: &mut Report) -> Option<Node<'t>> {
    match read(text) {
        Ok(node) => Some(node),
        Err((at, finding)) => {
            report.add(at, finding);
            None
        }
    }
}

type Problem = (Position, Finding);

fn read(text: &str) -> Result<Node<'_>, Problem> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(error.marker(), error.info()))?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or(Node {
        content: Content::Scalar {
            text: Cow::Borrowed(""),
            plain: true,
        },
        at: Position::START,
    }))
}

fn syntax(marker: &Marker, info: &str) -> Problem {
    let at = position(Span::empty(*marker), 1);
    let help = if info.contains("tab") {
        "YAML is indented with spaces"
    } else {
        "this is not YAML: quote texts with special characters, and indent with spaces"
    };
    (at, Finding::error(code::SYNTAX, info).help(help))
}

/// Lines and columns of the parser are right as they are; lengths are given in bytes.
fn position(span: Span, length: usize) -> Position {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position {
        line: number(span.start.line().max(1)),
        column: number(span.start.col().saturating_add(1)),
        length: number(length.max(1)),
    }
}

/// A list or mapping whose end has not come.
struct Open<'t> {
    at: Position,
    content: OpenContent<'t>,
}

enum OpenContent<'t> {
    Sequence(Vec<Node<'t>>),
    Mapping {
        entries: Vec<(Node<'t>, Node<'t>)>,
        key: Option<Node<'t>>,
    },
}

#[derive(Default)]
struct Builder<'t> {
    root: Option<Node<'t>>,
    open: Vec<Open<'t>>,
    documents: usize,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), Problem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "a manifest is one document: remove what follows the `---`";
                    return Err(unsupported(position(span, 3), "a second YAML document", help));
                }
                Ok(())
            }
            Event::Alias(_) => Err(unsupported(
                position(span, span.len()),
                "a YAML alias",
                "write the value out",
            )),
            Event::Scalar(text, style, anchor, tag) => {
                let quotes = match style {
                    ScalarStyle::Plain => 0,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 2,
                    ScalarStyle::Literal | ScalarStyle::Folded => 1,
                };
                let at = position(span, first_line(&text).len() + quotes);
                self.begin(at, anchor, tag.is_some())?;
                let plain = style == ScalarStyle::Plain;
                self.place(Node {
                    content: Content::Scalar { text, plain },
                    at,
                })
            }
            Event::SequenceStart(anchor, tag) => self.push(
                position(span, 1),
                anchor,
                tag.is_some(),
                OpenContent::Sequence(Vec::new()),
            ),
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
                            check_keys(&entries)?;
                            Content::Mapping(entries)
                        }
                    };
                    self.place(Node { content, at })
                }
                None => Ok(()),
            },
        }
    }

    fn begin(&mut self, at: Position, anchor: usize, tagged: bool) -> Result<(), Problem> {
        if anchor > 0 {
            return Err(unsupported(at, "a YAML anchor", "write the value where it is needed"));
        }
        if tagged {
            let help = "remove what begins with `!`: the types of values are known";
            return Err(unsupported(at, "a YAML tag", help));
        }
        self.nodes += 1;
        if self.nodes > LIMITS.yaml_nodes {
            let message = format!("has more than {} values", LIMITS.yaml_nodes);
            let finding = Finding::error(code::TOO_LARGE, message);
            return Err((at, finding.help("split it into several projects")));
        }
        Ok(())
    }

    fn push(&mut self, at: Position, anchor: usize, tagged: bool, content: OpenContent<'t>) -> Result<(), Problem> {
        self.begin(at, anchor, tagged)?;
        if self.open.len() >= LIMITS.yaml_depth {
            let message = format!("nests deeper than {} levels", LIMITS.yaml_depth);
            let finding = Finding::error(code::SYNTAX, message);
            return Err((at, finding.help("nothing in a manifest nests this deep")));
        }
        self.open.push(Open { at, content });
        Ok(())
    }

    /// Puts a whole value where it belongs.
    fn place(&mut self, node: Node<'t>) -> Result<(), Problem> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            OpenContent::Sequence(entries) => entries.push(node),
            OpenContent::Mapping { entries, key } => match key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    check_key(&node)?;
                    *key = Some(node);
                }
            },
        }
        Ok(())
    }
}

fn check_key(key: &Node<'_>) -> Result<(), Problem> {
    match &key.content {
        Content::Scalar { text, plain: true } if text == "<<" => {
            Err(unsupported(key.at, "a YAML merge key", "write the merged keys out"))
        }
        Content::Scalar { .. } => Ok(()),
        Content::Sequence(_) | Content::Mapping(_) => {
            let finding = Finding::error(code::WRONG_TYPE, format!("a key is {}: expected text", key.kind()));
            Err((key.at, finding.help("write `key: value`")))
        }
    }
}

fn check_keys(entries: &[(Node<'_>, Node<'_>)]) -> Result<(), Problem> {
    let mut first: HashMap<&str, Position> = HashMap::with_capacity(entries.len());
    for (key, _) in entries {
        let Content::Scalar { text, .. } = &key.content else {
            continue;
        };
        if let Some(earlier) = first.insert(text, key.at) {
            let message = format!("the key {} stands twice, first on line {}", quoted(text), earlier.line);
            let finding = Finding::error(code::SYNTAX, message);
            return Err((key.at, finding.help("merge the two: a key stands once")));
        }
    }
    Ok(())
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

fn unsupported(at: Position, what: &str, help: &str) -> Problem {
    let message = format!("{what} is not read in a manifest");
    (at, Finding::error(code::UNSUPPORTED_YAML, message).help(help))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Diagnostic;

    fn findings(text: &str) -> Vec<Diagnostic> {
        let mut report = Report::new(&"images.yaml".into());
        document(text, &mut report);
        report.into_diagnostics()
    }

    fn codes(text: &str) -> Vec<&'static str> {
        findings(text).into_iter().map(|found| found.code).collect()
    }

    #[test]
    fn values_know_where_they_stand() {
        let mut report = Report::new(&"images.yaml".into());
        let node = document("# ä\n- ü: \"x\"\n", &mut report).unwrap();
        let Content::Sequence(entries) = &node.content else {
            panic!("{node:?}");
        };
        let Content::Mapping(fields) = &entries[0].content else {
            panic!("{node:?}");
        };
        let place = |node: &Node<'_>| (node.at.line, node.at.column, node.at.length);
        assert_eq!((place(&fields[0].0), place(&fields[0].1)), ((2, 3, 2), (2, 6, 3)));
    }

    #[test]
    fn nothing_at_all_is_null() {
        for text in ["", "# only a comment\n", "---\n", "---\n...\n", "~"] {
            let mut report = Report::new(&"images.yaml".into());
            assert!(document(text, &mut report).unwrap().is_null(), "{text:?}");
        }
    }

    #[test]
    fn what_could_make_a_small_file_large_is_refused() {
        for text in [
            "a: &x [1]",
            "a: &x {b: c}",
            "- &x a",
            "a: &x b\nc: *x",
            "<<: {a: b}",
            "a: !!binary aGk=",
            "!local [a]",
            "a\n---\nb",
        ] {
            assert_eq!(codes(text), [code::UNSUPPORTED_YAML], "{text:?}");
        }
        assert!(findings("\"<<\": quoted").is_empty());
    }

    #[test]
    fn hostile_documents_end_in_one_finding() {
        let many = 1 << 20;
        for (text, expected) in [
            ("[".repeat(many), code::SYNTAX),
            ("{a: ".repeat(many), code::SYNTAX),
            ("- ".repeat(many), code::SYNTAX),
            ("? ".repeat(many), code::SYNTAX),
            ("- a\n".repeat(many), code::TOO_LARGE),
            (format!("[{}]", "a,".repeat(many)), code::TOO_LARGE),
            (format!("\"{}", "a".repeat(many)), code::SYNTAX),
            ("a: &a a\n".repeat(many), code::UNSUPPORTED_YAML),
            ("---\n".repeat(many), code::UNSUPPORTED_YAML),
            ("\t".repeat(many) + "a: [", code::SYNTAX),
            (format!("a: |\n {}\nb: [", "x\n ".repeat(many / 4)), code::SYNTAX),
        ] {
            let start: String = text.chars().take(12).collect();
            assert_eq!(codes(&text), [expected], "{start:?}");
        }
    }

    /// A text as Go's YAML would have to read it back, in one of three styles.
    fn written() -> impl Strategy<Value = (String, String)> {
        ("[a-zA-Z0-9äß \\\\:#'\"-]{0,12}", 0..3).prop_map(|(text, style)| {
            let written = match style {
                0 => format!("'{}'", text.replace('\'', "''")),
                1 => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                _ => format!("|-\n      {}", text.trim()),
            };
            let meant = if style == 2 { text.trim().to_owned() } else { text };
            (meant, written)
        })
    }

    proptest! {
        #[test]
        fn texts_are_read_as_they_were_written(texts in prop::collection::vec(written(), 1..5)) {
            let document_text: String = texts.iter().map(|(_, written)| format!("  - {written}\n")).collect();
            let mut report = Report::new(&"images.yaml".into());
            let node = document(&document_text, &mut report);
            prop_assert!(node.is_some(), "{document_text}");
            let Some(Node { content: Content::Sequence(entries), .. }) = node else {
                return Err(TestCaseError::fail(document_text));
            };
            let read: Vec<&str> = entries
                .iter()
                .map(|entry| match &entry.content {
                    Content::Scalar { text, .. } => &**text,
                    _ => "no scalar",
                })
                .collect();
            let meant: Vec<&str> = texts.iter().map(|(meant, _)| meant.as_str()).collect();
            prop_assert_eq!(read, meant);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-?:,\\[\\]{}#&*!|>'\"%@` a<~\n\t\r\u{feff}ä.0]{0,80}") {
            for found in findings(&text) {
                prop_assert!(found.line >= 1 && found.column >= 1 && found.length >= 1);
            }
        }
    }
}
