//! What is said about a key.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::lookup::{Found, Step};
use super::schema::Node;

/// A key of a file.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Where it stands.
    pub file: String,
    pub key: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The words to choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    pub description: String,
    /// As TOML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// The keys below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Summary>,
}

/// A key, in a line.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub key: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    pub description: String,
}

impl Explanation {
    pub fn of(found: &Found<'_>) -> Self {
        let node = found.node;
        Self {
            file: found.document.file.clone(),
            key: found.key(),
            kind: node.kind(),
            required: found.is_required(),
            default: node.keyword("default").cloned(),
            choices: node.choices().to_vec(),
            description: description(found),
            example: example(found),
            keys: found.keys().iter().map(Summary::of).collect(),
        }
    }
}

impl Summary {
    pub fn of(found: &Found<'_>) -> Self {
        Self {
            key: found.key(),
            kind: found.node.kind(),
            required: found.is_required(),
            default: found.node.keyword("default").cloned(),
            description: found.node.description(),
        }
    }
}

/// One entry of a table of names is described by the table.
fn description(found: &Found<'_>) -> String {
    let own = found.node.description();
    match found.way.last() {
        Some((table, Step::Name(_))) if own.is_empty() => table.description(),
        _ => own,
    }
}

/// The key with a value, as it stands in a file.
fn example(found: &Found<'_>) -> Option<String> {
    let entry = match found.way.last() {
        Some((table, Step::Name(_))) => {
            value_of(*table).and_then(|value| Some(value.as_object()?.values().next()?.clone()))
        }
        _ => None,
    };
    let mut value = entry.or_else(|| value_of(found.node))?;
    for (table, step) in found.way.iter().rev() {
        let key = match step {
            Step::Key(key) => key.clone(),
            Step::Name(Some(name)) => name.clone(),
            Step::Name(None) => usual_name(*table),
        };
        value = Value::Object(Map::from_iter([(key, value)]));
        if table.is_repeated() {
            value = json!([value]);
        }
    }
    toml::to_string(&value).ok()
}

/// The name that the examples use.
fn usual_name(table: Node<'_>) -> String {
    let example = value_of(table);
    let name = example.as_ref().and_then(|value| value.as_object()?.keys().next());
    name.cloned().unwrap_or_else(|| "name".to_owned())
}

/// A value as it may stand there.
pub fn value_of(node: Node<'_>) -> Option<Value> {
    let first = |keyword: &str| node.keyword(keyword)?.as_array()?.first();
    let said = first("examples").or_else(|| node.keyword("default"));
    said.or_else(|| node.keyword("const"))
        .or_else(|| first("enum"))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::explain::lookup::every;
    use crate::cli::explain::schema::Document;

    #[test]
    fn every_key_says_what_it_is_and_shows_how_it_is_written() {
        let documents = Document::all();
        let all = every(&documents);
        assert!(all.len() > 100, "{}", all.len());
        for found in all {
            let Explanation {
                file,
                key,
                kind,
                description,
                example,
                ..
            } = Explanation::of(&found);
            assert!(description.ends_with('.'), "{file}: {key}: `{description}`");
            assert!(!kind.is_empty(), "{file}: {key}");
            let example = example.unwrap_or_else(|| panic!("{file}: {key} has no example"));
            assert!(example.parse::<toml::Table>().is_ok(), "{file}: {key}: {example}");
        }
    }

    #[test]
    fn examples_and_defaults_are_what_the_schemas_allow() {
        let documents = Document::all();
        for found in every(&documents) {
            let validator = found.node.validator();
            let examples = found.node.keyword("examples").and_then(Value::as_array);
            let default = found.node.keyword("default");
            for value in examples.into_iter().flatten().chain(default) {
                assert!(
                    validator.is_valid(value),
                    "{}: {}: {value}",
                    found.document.file,
                    found.key()
                );
            }
        }
    }
}
