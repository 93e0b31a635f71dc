//! `landfall fmt`: one way to write a manifest.

use toml_edit::{DocumentMut, Item, Key, RawString, Table};

use crate::model::{Diagnostic, RepoPath, Tag};

use super::code;
use super::directive;
use super::finding::Finding;
use super::natural;
use super::position::{LineIndex, Position};

/// Formats a manifest: tags are quoted and sorted in natural version order (numbers by value, so `v1.9` stands before
/// `v1.10`), the `=` of each table are aligned, comments stay with the line they precede. Line ends become `\n`, a byte
/// order mark is dropped. A `#:schema` among the opening comments becomes the first line, where editors look for it. What the file means does not change, and formatting twice changes nothing more.
///
/// A comment that opens a table of tags and is set off by a blank line stays at its top.
///
/// # Errors
/// The first syntax error, where the text is not TOML.
pub fn format(path: &RepoPath, text: &str) -> Result<String, Diagnostic> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let text = directive::on_top(&text);
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let position = LineIndex::new(&text).position(error.span().unwrap_or_default());
        Finding::error(code::SYNTAX, error.message()).at(path, position)
    })?;
    format_table(document.as_table_mut(), &mut Vec::new());
    let mut formatted = document.to_string();
    if !formatted.is_empty() && !formatted.ends_with('\n') {
        formatted.push('\n');
    }
    if means_the_same(&text, &formatted) {
        Ok(formatted)
    } else {
        let finding = Finding::error(code::SYNTAX, "cannot be formatted without changing what it means")
            .help("write tables with headers instead of inline or dotted ones");
        Err(finding.at(path, Position::START))
    }
}

fn means_the_same(one: &str, other: &str) -> bool {
    let parse = |text: &str| text.parse::<toml::Table>().ok();
    parse(one).is_some_and(|table| Some(table) == parse(other))
}

fn format_table(table: &mut Table, path: &mut Vec<String>) {
    let is_plain = table
        .iter()
        .all(|(_, item)| !item.as_table().is_some_and(Table::is_dotted));
    if is_plain {
        let only_values = table.iter().all(|(_, item)| item.is_value());
        if only_values && matches!(&path[..], [images, _, tags] if images == "images" && tags == "tags") {
            sort_tags(table);
        }
        align(table);
    }
    for (key, item) in table.iter_mut() {
        path.push(key.get().to_owned());
        match item {
            Item::Table(below) if !below.is_dotted() => format_table(below, path),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|below| format_table(below, path)),
            _ => {}
        }
        path.pop();
    }
}

/// Pads keys, so that the `=` of a table stand below each other.
fn align(table: &mut Table) {
    let width = |key: &str| key.chars().count();
    let repr_of = |table: &Table, name: &str| table.key(name).map_or(0, |key| width(&key.display_repr()));
    let names = table.iter().filter(|(_, item)| item.is_value()).map(|(name, _)| name);
    let widest = names.map(|name| repr_of(table, name)).max().unwrap_or(0);
    for (mut key, item) in table.iter_mut() {
        let Some(value) = item.as_value_mut() else {
            continue;
        };
        let padding = widest - width(&key.display_repr());
        key.leaf_decor_mut().set_suffix(" ".repeat(padding + 1));
        let suffix = value
            .decor()
            .suffix()
            .and_then(RawString::as_str)
            .unwrap_or_default()
            .trim_end()
            .to_owned();
        value.decor_mut().set_prefix(" ");
        value.decor_mut().set_suffix(suffix);
    }
}

fn sort_tags(table: &mut Table) {
    let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    // From the end: taking one out does not move the others.
    let mut entries: Vec<(Key, Item)> = names.iter().rev().filter_map(|name| table.remove_entry(name)).collect();
    entries.reverse();
    let mut opening = String::new();
    if let Some((first, _)) = entries.first_mut() {
        let comments = comments_before(first);
        if let Some((above, below)) = comments.rsplit_once("\n\n") {
            opening = format!("{}\n\n", without_blank_lines(above).trim_end_matches('\n'));
            let below = below.to_owned();
            first.leaf_decor_mut().set_prefix(below);
        }
    }
    entries.sort_by(|(a, _), (b, _)| natural::compare(a.get(), b.get()));
    for (key, item) in entries {
        let comments = without_blank_lines(&comments_before(&key));
        let mut key = quoted(key);
        key.leaf_decor_mut()
            .set_prefix(std::mem::take(&mut opening) + &comments);
        table.insert_formatted(&key, item);
    }
}

/// The lines before a key, without indentation and space at their ends; blank lines above the first comment do not
/// count.
fn comments_before(key: &Key) -> String {
    let prefix = key
        .leaf_decor()
        .prefix()
        .and_then(RawString::as_str)
        .unwrap_or_default();
    let lines: Vec<&str> = prefix.split('\n').map(str::trim).collect();
    lines.join("\n").trim_start_matches('\n').to_owned()
}

fn without_blank_lines(text: &str) -> String {
    let lines = text.split('\n').filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// Quotes a tag that TOML would let stand without quotes: the next one will need them.
fn quoted(key: Key) -> Key {
    if key.get().parse::<Tag>().is_err() {
        return key;
    }
    match Key::parse(&format!("\"{}\"", key.get()))
        .ok()
        .and_then(|mut parts| parts.pop())
    {
        Some(quoted) => quoted.with_leaf_decor(key.leaf_decor().clone()),
        None => key,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn formatted(text: &str) -> String {
        format(&"promotions/a/b.toml".into(), text).unwrap()
    }

    #[test]
    fn tags_are_quoted_sorted_and_aligned_with_their_comments() {
        let text = "# About the file.\n\n[images.a.tags]\n# The series.\n\n\n  latest=\"d\" # moves\n\n# First.\n\"v1.10\"   = \"a\"\n\"v1.9\" = \"b\"\n# Trailing.\n\n[images.a]\nuntagged=[]\n";
        assert_eq!(
            formatted(text),
            "# About the file.\n\n[images.a.tags]\n# The series.\n\n\"latest\" = \"d\" # moves\n\"v1.9\"   = \"b\"\n# First.\n\"v1.10\"  = \"a\"\n# Trailing.\n\n[images.a]\nuntagged = []\n"
        );
    }

    #[test]
    fn an_opening_comment_stays_on_top_when_the_first_tag_moves() {
        let text = "[images.a.tags]\n# The series.\n\n# Two.\n\"v2\" = \"b\"\n# One.\n\"v1\" = \"a\"\n";
        assert_eq!(
            formatted(text),
            "[images.a.tags]\n# The series.\n\n# One.\n\"v1\" = \"a\"\n# Two.\n\"v2\" = \"b\"\n"
        );
    }

    #[test]
    fn settings_keep_their_order() {
        let text = "version = 1\n[targets.p]\npublic-name=\"a\" # why\n# said\nprimary = \"b\"\n";
        assert_eq!(
            formatted(text),
            "version = 1\n[targets.p]\npublic-name = \"a\" # why\n# said\nprimary     = \"b\"\n"
        );
    }

    #[test]
    fn windows_line_ends_and_byte_order_marks_go() {
        assert_eq!(formatted("\u{feff}a = 1\r\n# b\r\n"), "a = 1\n# b\n");
        assert_eq!(formatted(""), "");
    }

    #[test]
    fn a_schema_directive_stands_first() {
        let text = "# About.\n#:schema ../../schema/promotions.schema.json\n\n[images.a.tags]\n\"v2\" = \"b\"\n\"v1\" = \"a\"\n";
        assert_eq!(
            formatted(text),
            "#:schema ../../schema/promotions.schema.json\n# About.\n\n[images.a.tags]\n\"v1\" = \"a\"\n\"v2\" = \"b\"\n"
        );
    }

    #[test]
    fn unquoted_tags_are_left_to_validate() {
        let text = "[images.a.tags]\nv1.2 = \"b\"\nv1.1 = \"a\"\n";
        assert_eq!(formatted(text), text);
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_place() {
        let error = format(&"a.toml".into(), "a = 1\nb = \n").unwrap_err();
        assert_eq!((error.line, error.code), (2, code::SYNTAX));
    }

    fn manifest() -> impl Strategy<Value = String> {
        let comment = prop_oneof![
            Just(String::new()),
            "\n{0,3}",
            "(# [a-z]{0,4} ?\n){1,2}",
            "# [a-z]{1,4}\n\n# [a-z]{1,4}\n"
        ];
        let line = (
            comment.clone(),
            " {0,2}",
            "[a-z0-9v]{1,3}|\"[a-z0-9.]{1,4}\"",
            " {0,3}",
            "( # [a-z]{0,3}| {0,2})",
        );
        let image = (
            comment.clone(),
            "[a-z]{1,3}",
            prop::collection::vec(line, 0..6),
            comment,
        );
        prop::collection::vec(image, 0..4).prop_map(|images| {
            let mut text = String::new();
            for (before, name, lines, after) in images {
                text += &format!("{before}[images.{name}.tags]\n");
                for (index, (comment, indent, key, space, suffix)) in lines.into_iter().enumerate() {
                    text += &format!("{comment}{indent}{key}{space}= \"{index}\"{suffix}\n");
                }
                text += &after;
            }
            text
        })
    }

    fn comments(text: &str) -> Vec<&str> {
        let mut found: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once('#'))
            .map(|(_, c)| c.trim())
            .collect();
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn formatting_is_idempotent_and_keeps_meaning_and_comments(text in manifest()) {
            if let Ok(once) = format(&"a.toml".into(), &text) {
                prop_assert!(means_the_same(&text, &once));
                prop_assert_eq!(comments(&text), comments(&once));
                let twice = format(&"a.toml".into(), &once).unwrap();
                prop_assert_eq!(once, twice);
            } else {
                prop_assert!(text.parse::<toml::Table>().is_err(), "refused a valid manifest");
            }
        }

        #[test]
        fn a_directive_on_the_first_line_stays_there(text in manifest(), blank in "\n?") {
            let text = format!("#:schema a.json\n{blank}{text}");
            if let Ok(formatted) = format(&"a.toml".into(), &text) {
                prop_assert!(formatted.starts_with("#:schema a.json\n"), "{}", formatted);
            }
        }

        #[test]
        fn formatting_never_panics(text in "[\\[\\]a.\"'=#\n {}0-9\\\\,\r]{0,60}") {
            if let Ok(once) = format(&"a.toml".into(), &text) {
                prop_assert_eq!(format(&"a.toml".into(), &once), Ok(once.clone()));
            }
        }
    }
}
