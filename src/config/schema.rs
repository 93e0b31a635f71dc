//! The JSON Schema of `config.toml`, for editors.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use super::file::File;

/// Draft 7, which the TOML language servers understand.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(without_null));
    let mut schema = settings.into_generator().into_root_schema_for::<File>();
    schema.insert("title".to_owned(), "config.toml".into());
    format!("{:#}\n", schema.as_value())
}

/// TOML has no null: what may be left out is merely not required. A table that may be left out is no default.
fn without_null(schema: &mut Schema) {
    if schema
        .get("default")
        .is_some_and(|default| default.is_null() || default.is_object())
    {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else {
        return;
    };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = &choices[..] {
        let only = only.clone();
        schema.remove("anyOf");
        if only.contains_key("$ref") {
            // Beside a reference draft 7 ignores everything, the description included.
            schema.insert("allOf".to_owned(), vec![Value::Object(only)].into());
        } else {
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::schema;
    use crate::config::testing::parse;

    /// Every key once.
    const EVERYTHING: &str = include_str!("../../testdata/config/everything.toml");

    fn is_valid(text: &str) -> bool {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        jsonschema::is_valid(&serde_json::from_str(&schema()).unwrap(), &value)
    }

    #[test]
    fn the_schema_in_the_repository_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/config.schema.json");
        if std::env::var_os("LANDFALL_BLESS").is_some() {
            std::fs::write(&path, schema()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == schema(),
            "schema/config.schema.json is not current: run `landfall schema --write schema`, or the tests with LANDFALL_BLESS=1"
        );
    }

    #[test]
    fn the_schema_and_the_parser_agree() {
        assert!(parse(EVERYTHING).is_ok(), "{:?}", parse(EVERYTHING));
        assert!(is_valid(EVERYTHING));
        for wrong in [
            "colour = 1",
            "[git]\nbrnach = 'main'",
            "[git]\ninterval = 5",
            "[limits]\nnesting = 0",
            "[limits]\nmanifest = '4 MB'",
            "[signers.a]\npassword-env = 'P'",
            "[registries.'example.com']\nread = { username = 'a' }",
            "[registries.'example.com']\nread = { anonymous = false }",
            "[registries.'example.com']\nread = { ambient = 'oracle' }",
            "[registries.'example.com']\nread = { credential-helper = 'a/b' }",
            "[registries.'example.com']\nread = { ambient = 'aws', token-file = 'a' }",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
            assert!(!is_valid(wrong), "{wrong}");
        }
    }

    #[test]
    fn every_key_of_the_schema_stands_in_the_example() {
        fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
            match schema {
                serde_json::Value::Object(map) => {
                    if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                        found.extend(properties.keys().cloned());
                    }
                    map.values().for_each(|value| keys(value, found));
                }
                serde_json::Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        keys(&serde_json::from_str(&schema()).unwrap(), &mut found);
        assert!(found.len() > 30);
        for key in found {
            assert!(
                EVERYTHING.contains(&key),
                "{key} is missing in testdata/config/everything.toml"
            );
        }
    }
}
