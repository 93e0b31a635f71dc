//! Tables with fixed keys: [`table!`] defines one, how it is read, and its JSON Schema.

use toml::de::{DeTable, DeValue};

use crate::model::nearest;

use super::code;
use super::finding::{Finding, quoted, suggestion};
use super::position::Position;
use super::shape::{FromToml, Reader};

/// A table with fixed keys, while it is being read.
pub(super) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    at: Position,
    what: &'static str,
    /// Keys that were refused: what seems to be missing may be what they were meant to be.
    strangers: Vec<&'t str>,
    /// A key stands here that this build does not support, perhaps in place of one that seems to be missing.
    has_unsupported: bool,
}

/// What a key that a table does not know probably means, from the key and its value.
pub(super) type Explain = fn(&str, &DeValue<'_>) -> Option<Finding>;

/// The keys of a table: those read, those known but not supported by this build, and what strangers may mean.
pub(super) struct Keys {
    pub what: &'static str,
    pub known: &'static [&'static str],
    pub later: &'static [&'static str],
    pub explain: Option<Explain>,
}

impl<'t, 'i> Fields<'t, 'i> {
    pub fn new(table: &'t DeTable<'i>, at: Position, keys: &Keys, reader: &mut Reader<'_>) -> Self {
        let mut has_unsupported = false;
        let mut strangers = Vec::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            if keys.known.contains(&name) {
                continue;
            }
            strangers.push(name);
            let finding = if keys.later.contains(&name) {
                has_unsupported = true;
                Finding::unsupported(format!("`{name}` in {}", keys.what)).help("remove it")
            } else if let Some(explained) = keys.explain.and_then(|explain| explain(name, value.get_ref())) {
                explained
            } else {
                Finding::error(
                    code::UNKNOWN_KEY,
                    format!("unknown key {} in {}", quoted(name), keys.what),
                )
                .help(suggestion(name, keys.known.iter().copied()))
            };
            reader.reject::<_, ()>(key, finding);
        }
        Self {
            table,
            at,
            what: keys.what,
            strangers,
            has_unsupported,
        }
    }

    pub fn read<T: FromToml>(&self, key: &str, reader: &mut Reader<'_>) -> Option<T> {
        if let Some(value) = self.table.get(key) {
            return T::from_toml(value, reader);
        }
        let absent = T::absent();
        let misspelt = || self.strangers.iter().any(|stranger| nearest(stranger, [key]).is_some());
        if absent.is_none() && !self.has_unsupported && !misspelt() {
            let finding = Finding::error(code::MISSING_KEY, format!("`{key}` is missing in {}", self.what))
                .help(format!("add `{key} = {}`", T::EXAMPLE));
            reader.report.add(self.at, finding);
        }
        absent
    }
}

/// A table with fixed keys.
pub(super) trait FromTable: Sized {
    fn from_table(table: &DeTable<'_>, at: Position, reader: &mut Reader<'_>) -> Option<Self>;
}

/// Defines a table: a struct, how it is read, and its JSON Schema. A field is required unless its type has something
/// to stand for a missing key.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $name:ident, $what:literal {
            $($(#[$field_doc:meta])* $key:literal => $field:ident: $type:ty),* $(,)?
        }
        $(later [$($later:literal),* $(,)?])?
        $(explain $explain:path)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(in crate::desired) struct $name {
            $($(#[$field_doc])* #[schemars(rename = $key)] pub $field: $type),*
        }

        impl $crate::desired::table::FromTable for $name {
            fn from_table(
                table: &toml::de::DeTable<'_>,
                at: $crate::desired::position::Position,
                reader: &mut $crate::desired::shape::Reader<'_>,
            ) -> Option<Self> {
                let keys = $crate::desired::table::Keys {
                    what: $what,
                    known: &[$($key),*],
                    later: &[$($($later),*)?],
                    explain: [$($explain as $crate::desired::table::Explain)?].first().copied(),
                };
                let fields = $crate::desired::table::Fields::new(table, at, &keys, reader);
                // All are read before any is given up on: each reports its own mistakes.
                $(let $field = fields.read($key, reader);)*
                Some(Self { $($field: $field?),* })
            }
        }

        impl $crate::desired::shape::FromToml for $name {
    const EXAMPLE: &str = "{ … }";

            fn from_toml(
                value: &$crate::desired::shape::Value<'_>,
                reader: &mut $crate::desired::shape::Reader<'_>,
            ) -> Option<Self> {
                match value.get_ref() {
                    toml::de::DeValue::Table(table) => {
                        let at = reader.position(value);
                        $crate::desired::table::FromTable::from_table(table, at, reader)
                    }
                    _ => reader.wrong_type(value, "a table"),
                }
            }
        }
    };
}
pub(super) use table;
