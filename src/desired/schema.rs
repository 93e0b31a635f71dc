//! JSON Schemas of the manifests, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::landfall_file::LandfallFile;
use super::promotions_file::PromotionsFile;

/// The file of landfall.toml's schema.
pub(super) const LANDFALL: &str = "landfall.schema.json";
/// The file of the schema of promotions.
pub(super) const PROMOTIONS: &str = "promotions.schema.json";

/// The file names and contents of the JSON Schemas: draft 7, which the TOML language servers understand.
#[must_use]
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        (LANDFALL, schema::<LandfallFile>("landfall.toml")),
        (PROMOTIONS, schema::<PromotionsFile>("promotions/PROJECT/**.toml")),
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
        transform_subschemas(self, schema);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::parse::parse;
    use super::super::parse_cache::ParseCache;
    use super::*;
    use crate::model::{BlobId, CommitId, Tree, TreeFile};

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

    /// What a landfall.toml means, with the keys of `target`, `project` and `signer`.
    fn targets(target: &str, project: &str, signer: &str) -> String {
        let text = format!(
            "version = 1\n[targets.t]\npublic-name = 'r.example.com'\nprimary = 'r.example.com/images'\n\
             signer = 's'\n{target}\n[projects.p]\nsources = ['s.example.com']\ntargets = ['t']\npaths = ['p']\n\
             {project}\n[signers.s]\npublic-key = 'keys/s.pub'\n{signer}\n"
        );
        let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        let regular = |number: u8, text: &str| TreeFile::Regular {
            blob: BlobId([number; 20]),
            bytes: text.as_bytes().into(),
        };
        let files = [("landfall.toml", regular(1, &text)), ("keys/s.pub", regular(2, key))];
        let tree = Tree {
            commit: CommitId([0; 20]),
            files: files.map(|(path, file)| (path.into(), file)).into(),
        };
        let parsed = parse(&tree, &mut ParseCache::default()).unwrap();
        let configuration = &parsed.configuration;
        format!(
            "{:?} {:?} {:?}",
            configuration.targets, configuration.mutable_tags, configuration.projects
        )
    }

    fn defaults(table: &str) -> String {
        let schema: Value = serde_json::from_str(&schema::<LandfallFile>("")).unwrap();
        let properties = schema["definitions"][table]["properties"].as_object().unwrap();
        let of = properties
            .iter()
            .filter_map(|(key, property)| Some((key, property.get("default")?)));
        of.map(|(key, value)| format!("{key} = {value}\n")).collect()
    }

    #[test]
    fn a_default_is_what_holds_without_its_key() {
        let (target, project, signer) = (
            defaults("TargetTable"),
            defaults("ProjectTable"),
            defaults("SignerTable"),
        );
        assert!(target.contains("drift") && project.contains("attest") && signer.contains("formats"));
        // Projects know where they stand in the file: it has as many lines either way.
        let lines = |text: &str| "\n".repeat(text.lines().count());
        assert_eq!(
            targets(&target, &project, &signer),
            targets(&lines(&target), &lines(&project), &lines(&signer))
        );
        assert_eq!(defaults("KpromoTable"), target.replace("project-signers = []\n", ""));
    }

    #[test]
    fn nothing_in_a_schema_may_be_null() {
        for (name, content) in super::schemas() {
            assert!(!content.contains("null"), "{name}");
        }
    }
}
