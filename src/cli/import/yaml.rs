//! YAML as other tools' configurations use it: maps, lists and text, each with its place. Bounded, and without what
//! makes small files mean large things: aliases, merge keys, tags.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::report::{Mistake, Place};

/// More is not read of a file.
pub const MOST_BYTES: usize = LIMITS.bytes;

/// What a file may cost.
struct YamlLimits {
    bytes: usize,
    /// How deep maps and lists may nest.
    depth: usize,
    /// Maps, lists and texts, all together.
    nodes: usize,
}

const LIMITS: YamlLimits = YamlLimits {
    bytes: 4 << 20,
    depth: 32,
    nodes: 200_000,
};

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub at: Place,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text {
        text: String,
        /// Without quotes: `true`, `~` and the like then are no text.
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file; no key stands twice.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub at: Place,
    pub text: String,
}

impl Node {
    /// Nothing, as it is written: empty, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        let is_null = |text: &str| matches!(text, "" | "~" | "null" | "Null" | "NULL");
        matches!(&self.value, Value::Text { text, plain: true } if is_null(text))
    }

    /// A truth value (YAML 1.2, "Core Schema").
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Text { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Reads the one document of a file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(bytes: &[u8]) -> Result<Node, Mistake> {
    let start = Place { line: 1, column: 1 };
    if bytes.len() > LIMITS.bytes {
        let message = format!("the file has {} bytes: at most {} are read", bytes.len(), LIMITS.bytes);
        return Err(Mistake::new(start, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Mistake::new(Place { line, column: 1 }, "the file is not UTF-8")
    })?;
    let mut tree = Tree {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        nodes: 0,
    };
    let mut document = None;
    loop {
        let (event, at) = tree.next()?;
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(_) if document.is_some() => {
                return Err(Mistake::new(at, "a second document begins here").help("keep one document in a file"));
            }
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            event => document = Some(tree.node(event, at, 0)?),
        }
    }
    document.ok_or_else(|| Mistake::new(start, "the file is empty"))
}

struct Tree<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    nodes: usize,
}

fn place(span: &Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn syntax(error: &ScanError) -> Mistake {
    let place = Place {
        line: error.marker().line(),
        column: error.marker().col() + 1,
    };
    Mistake::new(place, format!("not YAML: {}", error.info()))
}

impl<'t> Tree<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Place), Mistake> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(&span))),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Place { line: 1, column: 1 })),
        }
    }

    /// The value that begins with `event`.
    fn node(&mut self, event: Event<'t>, at: Place, depth: usize) -> Result<Node, Mistake> {
        self.nodes += 1;
        if self.nodes > LIMITS.nodes {
            return Err(Mistake::new(at, format!("more than {} values", LIMITS.nodes)));
        }
        if depth > LIMITS.depth {
            return Err(Mistake::new(
                at,
                format!("nested more than {} levels deep", LIMITS.depth),
            ));
        }
        let tag = match &event {
            Event::Scalar(.., tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => tag.is_some(),
            _ => false,
        };
        if tag {
            return Err(Mistake::new(at, "a tag (`!…`) is not read").help("write the value without it"));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => Value::Text {
                text: text.into_owned(),
                plain: style == ScalarStyle::Plain,
            },
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            Event::Alias(_) => {
                let mistake = Mistake::new(at, "an alias (`*…`) is not read");
                return Err(mistake.help("write out what it stands for"));
            }
            _ => return Err(Mistake::new(at, "a value was expected here")),
        };
        Ok(Node { at, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Mistake> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Mistake> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known = std::collections::HashMap::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, at, depth + 1)?;
            let Value::Text { text, .. } = key.value else {
                return Err(Mistake::new(at, "a key is a map or a list").help("keys are text"));
            };
            if text == "<<" {
                return Err(Mistake::new(at, "a merge key (`<<`) is not read").help("write the keys out"));
            }
            if let Some(line) = known.insert(text.clone(), at.line) {
                let message = format!("`{}` stands here twice, before on line {line}", text.escape_debug());
                return Err(Mistake::new(at, message).help("remove one of them"));
            }
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth + 1)?;
            entries.push((Key { at, text }, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_know_where_they_stand() {
        let node = parse(b"# first\na:\n  - 'b'\n  - {c: ~, d: true}\n").unwrap();
        let Value::Map(entries) = node.value else { panic!() };
        let Value::List(items) = &entries[0].1.value else {
            panic!()
        };
        assert_eq!((items[0].at.line, items[0].at.column), (3, 5));
        let Value::Map(inner) = &items[1].value else { panic!() };
        assert!(inner[0].1.is_null());
        assert_eq!(inner[1].1.as_bool(), Some(true));
        assert_eq!(inner[1].0.at.line, 4);
    }

    #[test]
    fn what_makes_small_files_large_is_refused_with_its_line() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        let deeper = "[".repeat(100_000);
        for (text, line, message) in [
            ("a: &x 1\nb: *x\n", 2, "alias"),
            ("a:\n  <<: {b: c}\n", 2, "merge key"),
            ("a: 1\nb: 2\na: 3\n", 3, "twice, before on line 1"),
            ("a: !!binary x\n", 1, "tag"),
            ("a: 1\n---\nb: 1\n", 2, "second document"),
            ("a: [1\n", 2, "not YAML"),
            ("? [a]\n: b\n", 1, "a key is a map or a list"),
            ("", 1, "empty"),
            (&deep, 1, "deep"),
            (&deeper, 1, "recursion limit"),
        ] {
            let mistake = parse(text.as_bytes()).unwrap_err();
            assert!(mistake.message.contains(message), "{text:.40}: {mistake:?}");
            assert_eq!(mistake.at.line, line, "{text:.40}: {mistake:?}");
        }
        assert_eq!(parse(b"a: 1\nb: \xff").unwrap_err().at.line, 2);
        assert!(parse(&vec![b'#'; LIMITS.bytes + 1]).is_err());
        assert!(parse(&b"- \n".repeat(LIMITS.nodes + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-\\[\\]{}:,a\"'#&*!|>?% \n\t]{0,60}") {
            let _ = parse(text.as_bytes());
        }
    }
}
