//! Reading TOML into types, with every mistake reported where it stands.
//!
//! serde stops at the first error and knows no position for a missing or misspelt key, so files are read by these
//! traits instead.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::code;
use super::finding::{Finding, Report};
use super::position::{LineIndex, Position};

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// One file being read.
pub(super) struct Reader<'a> {
    pub lines: LineIndex<'a>,
    pub report: Report,
}

impl Reader<'_> {
    pub fn position<T>(&self, value: &Spanned<T>) -> Position {
        self.lines.position(value.span())
    }

    /// Reports `finding` at `value`.
    pub fn reject<T, R>(&mut self, value: &Spanned<T>, finding: Finding) -> Option<R> {
        let position = self.position(value);
        self.report.add(position, finding);
        None
    }

    pub fn wrong_type<R: FromToml>(&mut self, value: &Value<'_>, expected: &str) -> Option<R> {
        let finding = Finding::error(
            code::WRONG_TYPE,
            format!("expected {expected}, found {}", with_article(value.get_ref())),
        );
        self.reject(value, finding.help(format!("write `{}`", R::EXAMPLE)))
    }
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A type that a TOML value is read into.
pub(super) trait FromToml: Sized {
    /// How such a value is written.
    const EXAMPLE: &str;

    /// `None` after what is wrong has been reported.
    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self>;

    /// What stands for a key that is not there; `None` where the key is required.
    fn absent() -> Option<Self> {
        None
    }
}

/// A type that is a string in TOML.
pub(super) trait Scalar: Sized {
    fn parse(text: &str) -> Result<Self, Finding>;
    fn schema() -> Schema;
}

impl<T: Scalar> FromToml for T {
    const EXAMPLE: &str = "\"…\"";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(text) => match T::parse(text) {
                Ok(parsed) => Some(parsed),
                Err(finding) => reader.reject(value, finding),
            },
            _ => reader.wrong_type(value, "a string"),
        }
    }
}

impl<T: FromToml> FromToml for Option<T> {
    const EXAMPLE: &str = T::EXAMPLE;

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        T::from_toml(value, reader).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub value: T,
    pub at: Position,
}

impl<T: FromToml> FromToml for Located<T> {
    const EXAMPLE: &str = T::EXAMPLE;

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            at: reader.position(value),
            value: T::from_toml(value, reader)?,
        })
    }
}

/// A list in which no entry stands twice.
pub(super) type List<T> = Vec<Located<T>>;

impl<T: FromToml + Hash + Eq + Clone> FromToml for List<T> {
    const EXAMPLE: &str = "[\"…\"]";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Array(array) = value.get_ref() else {
            return reader.wrong_type(value, "an array");
        };
        let mut first: HashMap<T, Position> = HashMap::with_capacity(array.len());
        let mut entries = Some(Vec::with_capacity(array.len()));
        for element in array {
            let Some(entry) = Located::<T>::from_toml(element, reader) else {
                entries = None;
                continue;
            };
            if let Some(earlier) = first.insert(entry.value.clone(), entry.at) {
                let finding = Finding::error(code::DUPLICATE_ENTRY, "stands twice in this list")
                    .help(format!("remove it: it already stands on line {}", earlier.line));
                reader.report.add(entry.at, finding);
            }
            if let Some(entries) = &mut entries {
                entries.push(entry);
            }
        }
        entries
    }
}

// No documentation comment: it would stand in the schema.
#[derive(Debug, JsonSchema)]
#[schemars(transparent, inline)]
pub(super) struct Tables<T>(pub Vec<T>);

impl<'a, T> IntoIterator for &'a Tables<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: FromToml> FromToml for Tables<T> {
    const EXAMPLE: &str = "[{ … }]";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Array(array) = value.get_ref() else {
            return reader.wrong_type(value, "an array of tables");
        };
        // Not short-circuiting: every table's mistakes are reported.
        let read: Vec<_> = array.iter().map(|element| T::from_toml(element, reader)).collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }
}

/// A table whose keys are names that the file chooses, in the order of the file.
#[derive(Debug)]
pub(super) struct Entries<K, V>(pub Vec<(Located<K>, V)>);

impl<K: Scalar, V: FromToml> FromToml for Entries<K, V> {
    const EXAMPLE: &str = "{ … }";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            return reader.wrong_type(value, "a table");
        };
        let mut entries = Some(Vec::with_capacity(table.len()));
        for (name, content) in table {
            let key = match K::parse(name.get_ref()) {
                Ok(parsed) => Some(Located {
                    at: reader.position(name),
                    value: parsed,
                }),
                Err(finding) => reader.reject(name, finding),
            };
            match (key, V::from_toml(content, reader), &mut entries) {
                (Some(key), Some(content), Some(entries)) => entries.push((key, content)),
                _ => entries = None,
            }
        }
        entries.map(Self)
    }
}

impl<'a, K, V> IntoIterator for &'a Entries<K, V> {
    type Item = &'a (Located<K>, V);
    type IntoIter = std::slice::Iter<'a, (Located<K>, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<K: Scalar, V: JsonSchema> JsonSchema for Entries<K, V> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("{}_by_name", V::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": K::schema(),
            "additionalProperties": generator.subschema_for::<V>(),
        })
    }
}
