//! The keys of a file, read from its JSON Schema.

use serde_json::{Map, Value};

use crate::{config, desired};

/// A file, and what may stand in it.
#[derive(Debug)]
pub struct Document {
    /// As people call it.
    pub file: String,
    schema: Value,
}

impl Document {
    /// landfall.toml, promotions, config.toml.
    pub fn all() -> Vec<Self> {
        let schemas = desired::schemas().into_iter().map(|(_, schema)| schema);
        schemas
            .chain([config::schema()])
            .map(|schema| Self::new(&schema))
            .collect()
    }

    fn new(schema: &str) -> Self {
        let schema: Value = serde_json::from_str(schema).expect("a schema is JSON, written by this program");
        let file = schema["title"].as_str().unwrap_or_default().to_owned();
        Self { file, schema }
    }

    pub fn root(&self) -> Node<'_> {
        Node::new(&self.schema, &self.schema)
    }
}

/// What may stand at a place of a file.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    document: &'d Value,
    /// What is said at the place itself.
    own: &'d Value,
    /// What is said about its type, after references.
    shared: &'d Value,
}

impl<'d> Node<'d> {
    fn new(document: &'d Value, own: &'d Value) -> Self {
        Self {
            document,
            own,
            shared: resolved(document, own),
        }
    }

    fn at(self, schema: &'d Value) -> Self {
        Self::new(self.document, schema)
    }

    /// A keyword; what is said at the place itself counts first.
    pub fn keyword(self, name: &str) -> Option<&'d Value> {
        self.own.get(name).or_else(|| self.shared.get(name))
    }

    /// As one paragraph.
    pub fn description(self) -> String {
        let text = self.keyword("description").and_then(Value::as_str).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The keys of a table, or of each table of an array.
    pub fn properties(self) -> Vec<(&'d str, Node<'d>)> {
        let mut found: Vec<(&str, Node<'_>)> = Vec::new();
        for shape in self.shapes() {
            let shape = shape.items().unwrap_or(shape);
            let properties = shape.shared.get("properties").and_then(Value::as_object);
            for (key, schema) in properties.into_iter().flatten() {
                if found.iter().all(|(known, _)| *known != key) {
                    found.push((key, self.at(schema)));
                }
            }
        }
        found
    }

    pub fn property(self, key: &str) -> Option<Node<'d>> {
        self.properties()
            .into_iter()
            .find_map(|(name, node)| (name == key).then_some(node))
    }

    /// Whether the table that holds `key` must hold it.
    pub fn requires(self, key: &str) -> bool {
        let table = self.items().unwrap_or(self);
        let required = table.shared.get("required").and_then(Value::as_array);
        required.is_some_and(|keys| keys.iter().any(|required| required == key))
    }

    /// What stands behind each name, where the file chooses the keys.
    pub fn by_name(self) -> Option<Node<'d>> {
        let value = self.shared.get("additionalProperties")?;
        value.is_object().then(|| self.at(value))
    }

    /// What an array holds.
    pub fn items(self) -> Option<Node<'d>> {
        self.shared.get("items").map(|items| self.at(items))
    }

    /// Whether it is an array of tables.
    pub fn is_repeated(self) -> bool {
        self.items().is_some_and(|item| !item.properties().is_empty())
    }

    /// The words to choose from.
    pub fn choices(self) -> &'d [Value] {
        let of = self.items().unwrap_or(self);
        of.keyword("enum")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Its type, in TOML's words.
    pub fn kind(self) -> String {
        if let Some(value) = self.by_name() {
            return if value.properties().is_empty() {
                format!("{}s by name", value.kind())
            } else {
                "tables by name".to_owned()
            };
        }
        if let Some(items) = self.items() {
            return format!("array of {}s", items.kind());
        }
        let mut kinds: Vec<String> = Vec::new();
        for shape in self.shapes() {
            let kind = shape.simple_kind();
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds.join(" or ")
    }

    /// Judges values as the schema does at this place.
    #[cfg(test)]
    pub fn validator(self) -> jsonschema::Validator {
        let schema = serde_json::json!({
            "$schema": self.document["$schema"],
            "definitions": self.document["definitions"],
            "allOf": [self.own],
        });
        jsonschema::validator_for(&schema).unwrap()
    }

    /// The forms that it can take.
    fn shapes(self) -> Vec<Node<'d>> {
        match self.shared.get("anyOf").and_then(Value::as_array) {
            Some(shapes) if !self.shared.as_object().is_some_and(has_type) => {
                shapes.iter().map(|shape| self.at(shape)).collect()
            }
            _ => vec![self],
        }
    }

    fn simple_kind(self) -> String {
        let named = match self.keyword("type").and_then(Value::as_str) {
            Some("object") => Some("table"),
            other => other,
        };
        let fixed = || self.keyword("const").or_else(|| self.choices().first());
        named
            .unwrap_or_else(|| match fixed() {
                Some(Value::Number(_)) => "integer",
                Some(Value::Bool(_)) => "boolean",
                _ => "string",
            })
            .to_owned()
    }
}

fn has_type(schema: &Map<String, Value>) -> bool {
    schema.contains_key("type")
}

/// Follows `$ref`, and an `allOf` that is there to hold one.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let only = schema.get("allOf").and_then(|all| match all.as_array()?.as_slice() {
        [only] => Some(only),
        _ => None,
    });
    let reference = only.unwrap_or(schema).get("$ref").and_then(Value::as_str);
    let target = reference
        .and_then(|reference| reference.strip_prefix('#'))
        .and_then(|pointer| document.pointer(pointer));
    target.map_or(schema, |target| resolved(document, target))
}
