//! kpromo's thin manifests of what stands in a registry.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::selection::Selected;
use crate::model::{Digest, Prefix, RepositoryPath, Tag};

/// `manifests/PROJECT/promoter-manifest.yaml` and `images/PROJECT/images.yaml`, by path.
pub fn files(
    project: &str,
    source: &Prefix,
    destinations: &[Prefix],
    images: &BTreeMap<RepositoryPath, Selected>,
) -> Vec<(String, String)> {
    let mut registries = format!("registries:\n  - name: {}\n    src: true\n", quoted(source));
    for destination in destinations {
        // Writing to a `String` never fails; so below.
        let _ = writeln!(registries, "  - name: {}", quoted(destination));
    }
    let mut list = String::new();
    for (name, image) in images {
        let mut by_digest: BTreeMap<&Digest, Vec<&Tag>> = BTreeMap::new();
        for (tag, digest) in &image.tags {
            by_digest.entry(digest).or_default().push(tag);
        }
        if by_digest.is_empty() {
            continue;
        }
        let _ = writeln!(list, "- name: {}\n  dmap:", quoted(name));
        for (digest, tags) in by_digest {
            let tags: Vec<String> = tags.into_iter().map(quoted).collect();
            let _ = writeln!(list, "    {}: [{}]", quoted(digest), tags.join(", "));
        }
    }
    if list.is_empty() {
        list.push_str("[]\n");
    }
    vec![
        (format!("manifests/{project}/promoter-manifest.yaml"), registries),
        (format!("images/{project}/images.yaml"), list),
    ]
}

/// In double quotes: `1.0`, `on` and `null` would be no strings without. None of what is quoted here holds a character
/// that needs an escape.
fn quoted(text: impl ToString) -> String {
    format!("\"{}\"", text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_keys_and_everything_is_quoted() {
        let digest = Digest::of(b"1");
        let tags = ["1.0", "latest"].map(|tag| (tag.parse().unwrap(), digest));
        let image = Selected {
            tags: tags.into(),
            ..Selected::default()
        };
        let images = BTreeMap::from([
            ("null".parse().unwrap(), image),
            ("empty".parse().unwrap(), Selected::default()),
        ]);
        let destinations = ["eu.example.com/images".parse().unwrap()];
        let files = files("team", &"localhost:5000/team".parse().unwrap(), &destinations, &images);
        let text: String = files.iter().map(|(path, text)| format!("== {path}\n{text}")).collect();
        insta::assert_snapshot!(text, @r#"
        == manifests/team/promoter-manifest.yaml
        registries:
          - name: "localhost:5000/team"
            src: true
          - name: "eu.example.com/images"
        == images/team/images.yaml
        - name: "null"
          dmap:
            "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b": ["1.0", "latest"]
        "#);
    }
}
