//! Lists of images as nearly everyone writes them, read line by line: following a history reads a list of a megabyte
//! hundreds of times, and the YAML parser takes a fifth of a second for each.
//!
//! Whatever is not in the usual form is left to that parser, so that this reader never decides what is wrong.

use std::collections::HashSet;

use crate::desired::limits::LIMITS;
use crate::desired::promotions_file::{Image, ImageTable, TagLine, Tags, Untagged};
use crate::desired::shape::{Located, Scalar as _};
use crate::model::{Digest, Position, RepositoryPath, Tag};

/// Half of what the parser lets through: it counts more than is counted here.
const MOST_VALUES: usize = LIMITS.yaml.nodes / 2;

/// The images of a list in the usual form; `None` for any other text.
///
/// ```yaml
/// # A comment
/// - name: coredns
///   dmap:
///     "sha256:…": ["v1.9.3", "latest"]
/// ```
pub(super) fn images(text: &str) -> Option<Vec<Image>> {
    let mut reading = Reading::default();
    for (number, line) in text.split('\n').enumerate() {
        reading.take(Line {
            rest: line,
            number: number + 1,
            column: 1,
        })?;
    }
    reading.close()?;
    (!reading.images.is_empty()).then_some(reading.images)
}

#[derive(Default)]
struct Reading {
    images: Vec<Image>,
    open: Option<Open>,
    values: usize,
}

/// An image whose end has not come.
struct Open {
    name: Located<RepositoryPath>,
    has_dmap: bool,
    digests: HashSet<Digest>,
    tagged: Vec<TagLine>,
    untagged: Vec<Located<Digest>>,
}

impl Reading {
    fn take(&mut self, mut line: Line<'_>) -> Option<()> {
        let content = line.rest.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            // Other whitespace and control characters are for the parser to judge.
            return content.bytes().all(|byte| byte == b'\t' || byte >= b' ').then_some(());
        }
        self.count()?;
        if line.skip("- name: ") {
            self.close()?;
            let name = line.word()?;
            line.end()?;
            self.open = Some(Open {
                name: name.read(|text| RepositoryPath::parse(text).ok())?,
                has_dmap: false,
                digests: HashSet::new(),
                tagged: Vec::new(),
                untagged: Vec::new(),
            });
            return Some(());
        }
        let open = self.open.as_mut()?;
        if !open.has_dmap {
            open.has_dmap = line.skip("  dmap:");
            return (open.has_dmap && line.rest.is_empty()).then_some(());
        }
        if !line.skip("    ") {
            return None;
        }
        let digest = line.word()?.read(|text| text.parse::<Digest>().ok())?;
        if !line.skip(": [") || !open.digests.insert(digest.value) {
            return None;
        }
        if line.skip("]") {
            line.end()?;
            open.untagged.push(digest);
            return Some(());
        }
        loop {
            self.values += 1;
            if self.values > MOST_VALUES {
                return None;
            }
            let tag = line.word()?.read(|text| Tag::parse(text).ok())?;
            open.tagged.push(TagLine {
                tag,
                digest: digest.clone(),
            });
            if line.skip("]") {
                return line.end();
            }
            if !line.skip(", ") && !line.skip(",") {
                return None;
            }
        }
    }

    fn count(&mut self) -> Option<()> {
        self.values += 1;
        (self.values <= MOST_VALUES).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        let Some(open) = self.open.take() else {
            return Some(());
        };
        // An image without digests is remarked upon.
        if open.digests.is_empty() {
            return None;
        }
        self.images.push(Image {
            name: open.name,
            table: ImageTable {
                tags: Some(Tags {
                    lines: open.tagged,
                    held: Vec::new(),
                }),
                untagged: Some(Untagged {
                    digests: open.untagged,
                    held: Vec::new(),
                }),
            },
            held: None,
        });
        Some(())
    }
}

/// What is left of a line, and where that stands.
struct Line<'t> {
    rest: &'t str,
    number: usize,
    column: usize,
}

struct Word<'t> {
    text: &'t str,
    at: Position,
}

impl<'t> Line<'t> {
    /// Skips over ASCII text, if that is what comes next.
    fn skip(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                self.column += text.len();
                true
            }
            None => false,
        }
    }

    fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// A text of letters, digits and `.`, `_`, `-`, `/`, `:`, in quotes or without.
    fn word(&mut self) -> Option<Word<'t>> {
        let quote = self.rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let start = usize::from(quote.is_some());
        let body = &self.rest[start..];
        let length = body
            .bytes()
            .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b'-' | b'/' | b':'))
            .unwrap_or(body.len());
        // A colon at the end of a bare word ends a key.
        let length = match quote {
            None if body[..length].ends_with(':') => length - 1,
            _ => length,
        };
        let text = &body[..length];
        match quote {
            Some(quote) if !body[length..].starts_with(quote) => return None,
            Some(_) => {}
            // Bare words that mean something else than themselves.
            None if matches!(text, "null" | "Null" | "NULL")
                || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) =>
            {
                return None;
            }
            None => {}
        }
        let whole = length + 2 * start;
        let word = Word {
            text,
            at: Position::new(self.number, self.column, whole),
        };
        self.rest = &self.rest[whole..];
        self.column += whole;
        (length > 0).then_some(word)
    }
}

impl Word<'_> {
    fn read<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Option<Located<T>> {
        Some(Located {
            value: read(self.text)?,
            at: self.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::desired::finding::Report;
    use crate::desired::kpromo::document::document;
    use crate::desired::kpromo::images::{Form, images as by_the_parser};

    /// What the parser makes of a text, if nothing is wrong with it.
    fn parsed(text: &str) -> Option<String> {
        let mut report = Report::new(&"images.yaml".into());
        let images = document(text, &mut report).and_then(|node| by_the_parser(&node, Form::Thin, &mut report))?;
        report.into_diagnostics().is_empty().then(|| format!("{images:#?}"))
    }

    fn digest(content: u8) -> Digest {
        Digest::of(&[content])
    }

    #[test]
    fn the_usual_form_is_read_as_the_parser_reads_it() {
        let (one, two) = (digest(1), digest(2));
        let text = format!(
            "# About the list.\n- name: a/b\n  dmap:\n    \"{one}\": [\"v1\", \"latest\"]\n\n    # Old.\n    '{two}': []\n\
             - name: 'c'\n  dmap:\n    {one}: [v1,1.0]\n"
        );
        let read = images(&text).map(|images| format!("{images:#?}"));
        assert!(read.is_some());
        assert_eq!(read, parsed(&text));
    }

    #[test]
    fn what_is_remarked_upon_is_left_to_the_parser() {
        let one = digest(1);
        for text in [
            String::new(),
            "- name: a\n  dmap:\n".to_owned(),
            format!("- name: a\n  dmap:\n    \"{one}\": [\"v1\"]\n    \"{one}\": [\"v2\"]\n"),
            format!(
                "- name: a\n  dmap:\n    \"{one}\": [\"v1\", \"sha256-{}.sig\"]\n",
                one.hex()
            ),
            format!("- name: A\n  dmap:\n    \"{one}\": [\"v1\"]\n"),
            format!("- name: a\n  dmap:\n    \"{one}\": [null]\n"),
            format!("- name: a\n  dmap: &x\n    \"{one}\": [\"v1\"]\n"),
            format!("- name: a\r\n  dmap:\r\n    \"{one}\": [\"v1\"]\r\n"),
        ] {
            assert!(images(&text).is_none(), "{text}");
        }
    }

    fn line() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            Just("a".to_owned()),
            Just("a/b".to_owned()),
            Just("null".to_owned()),
            Just("v1".to_owned()),
            Just("-x".to_owned()),
            Just("1.0".to_owned()),
            Just("a:b".to_owned()),
            Just("~".to_owned()),
            (0..2_u8).prop_map(|content| digest(content).to_string()),
        ];
        let quoted = (word, prop_oneof![Just(""), Just("\""), Just("'")])
            .prop_map(|(word, quote)| format!("{quote}{word}{quote}"));
        let tags = (
            proptest::collection::vec(quoted.clone(), 0..3),
            prop_oneof![Just(", "), Just(","), Just(" , ")],
        )
            .prop_map(|(tags, comma)| tags.join(comma));
        prop_oneof![
            3 => quoted.clone().prop_map(|name| format!("- name: {name}")),
            3 => Just("  dmap:".to_owned()),
            5 => (quoted, tags).prop_map(|(digest, tags)| format!("    {digest}: [{tags}]")),
            1 => "[ \\-#:\\[\\]a\"'\t{}&*|>]{0,8}",
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_read_the_parser_reads_alike(lines in proptest::collection::vec(line(), 0..8)) {
            let text = lines.join("\n");
            if let Some(images) = images(&text) {
                prop_assert_eq!(Some(format!("{images:#?}")), parsed(&text), "{}", text);
            }
        }
    }
}
