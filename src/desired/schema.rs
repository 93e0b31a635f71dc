//! JSON Schemas of the manifests, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::landfall_file::LandfallFile;
use super::promotions_file::PromotionsFile;

/// The file names and contents of the JSON Schemas: draft 7, which the TOML language servers understand.
#[must_use]
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("landfall.schema.json", schema::<LandfallFile>("landfall.toml")),
        (
            "promotions.schema.json",
            schema::<PromotionsFile>("promotions/PROJECT/**.toml"),
        ),
    ]
}

fn schema<T: JsonSchema>(title: &str) -> String {
    let settings = SchemaSettings::draft07().with_transform(WithoutNull);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    format!("{:#}\n", schema.as_value())
}

/// TOML has no null: what may be left out is merely not required.
#[derive(Clone)]
struct WithoutNull;

impl Transform for WithoutNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = &types[..] {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(words)) = schema.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
            if let [Value::Object(only)] = &choices[..] {
                let only = only.clone();
                schema.remove("anyOf");
                for (key, value) in only {
                    schema.insert(key, value);
                }
            }
        }
        transform_subschemas(self, schema);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_schemas_in_the_repository_are_current() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
        for (name, content) in super::schemas() {
            let path = directory.join(name);
            if std::env::var_os("LANDFALL_BLESS").is_some() {
                std::fs::write(&path, &content).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == content,
                "schema/{name} is not current: run `landfall schema --write schema`, or the tests with LANDFALL_BLESS=1"
            );
        }
    }

    #[test]
    fn nothing_in_a_schema_may_be_null() {
        for (name, content) in super::schemas() {
            assert!(!content.contains("null"), "{name}");
        }
    }
}
