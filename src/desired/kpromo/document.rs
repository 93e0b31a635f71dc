//! The one YAML document of a file of kpromo's.

use crate::desired::code;
use crate::desired::finding::{Finding, Report, quoted};
use crate::desired::limits::LIMITS;
use crate::model::Position;
use crate::yaml::{self, Content, Node, Scalar, YamlProblem};

/// The value of a document, or `None` after what is wrong has been reported. A document without a value is null.
pub(super) fn document<'t>(text: &'t str, report: &mut Report) -> Option<Node<'t>> {
    match yaml::read(text, &LIMITS.yaml) {
        Ok(Some(node)) => Some(node),
        Ok(None) => Some(Node {
            at: Position::START,
            content: Content::Scalar(Scalar::NULL),
        }),
        Err(error) => {
            report.add(error.at, finding(&error.problem));
            None
        }
    }
}

fn finding(problem: &YamlProblem) -> Finding {
    match problem {
        YamlProblem::Syntax(info) => Finding::error(code::SYNTAX, info).help(if info.contains("tab") {
            "YAML is indented with spaces"
        } else {
            "this is not YAML: quote texts with special characters, and indent with spaces"
        }),
        YamlProblem::SecondDocument => unsupported(
            "a second YAML document",
            "a manifest is one document: remove what follows the `---`",
        ),
        YamlProblem::Anchor => unsupported("a YAML anchor", "write the value where it is needed"),
        YamlProblem::Alias => unsupported("a YAML alias", "write the value out"),
        YamlProblem::MergeKey => unsupported("a YAML merge key", "write the merged keys out"),
        YamlProblem::Tag => unsupported(
            "a YAML tag",
            "remove what begins with `!`: the types of values are known",
        ),
        YamlProblem::KeyIsNoText { found } => {
            let finding = Finding::error(code::WRONG_TYPE, format!("a key is {found}: expected text"));
            finding.help("write `key: value`")
        }
        YamlProblem::DuplicateKey { key, first } => {
            let message = format!("the key {} stands twice, first on line {first}", quoted(key));
            Finding::error(code::SYNTAX, message).help("merge the two: a key stands once")
        }
        YamlProblem::TooManyNodes { limit } => {
            let finding = Finding::error(code::TOO_LARGE, format!("has more than {limit} values"));
            finding.help("split it into several projects")
        }
        YamlProblem::TooDeep { limit } => {
            let finding = Finding::error(code::SYNTAX, format!("nests deeper than {limit} levels"));
            finding.help("nothing in a manifest nests this deep")
        }
    }
}

fn unsupported(what: &str, help: &str) -> Finding {
    let message = format!("{what} is not read in a manifest");
    Finding::error(code::UNSUPPORTED_YAML, message).help(help)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Diagnostic;
    use crate::yaml::Content;

    fn findings(text: &str) -> Vec<Diagnostic> {
        let mut report = Report::new(&"images.yaml".into());
        document(text, &mut report);
        report.into_diagnostics()
    }

    fn codes(text: &str) -> Vec<&'static str> {
        findings(text).into_iter().map(|found| found.code).collect()
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
                    Content::Scalar(scalar) => &*scalar.text,
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
