//! `#:schema`, the comment by which TOML editors find the JSON Schema of a file.
//!
//! taplo, Even Better TOML and tombi read it from the comments above everything else, and resolve a relative path
//! from the folder of the file.

use crate::model::RepoPath;

use super::configuration::LANDFALL_TOML;
use super::schema::{self, schemas};

/// The folder of a desired-state repository in which the schemas stand.
const FOLDER: &str = "schema";

const DIRECTIVE: &str = "#:schema";

/// The schemas, where the directives of written manifests point to: whoever writes such manifests writes these too.
#[must_use]
pub fn schema_files() -> Vec<(RepoPath, String)> {
    schemas()
        .into_iter()
        .map(|(name, schema)| (RepoPath::from(format!("{FOLDER}/{name}").as_str()), schema))
        .collect()
}

/// The manifest at `path` with its directive on top. One that names a URL is kept, a path is replaced.
pub(super) fn with_directive(path: &RepoPath, text: &str) -> String {
    let text = on_top(text);
    let rest = match text.split_once('\n') {
        Some((first, rest)) if is_directive(first) => {
            if first.contains("://") {
                return text;
            }
            rest
        }
        _ => &text,
    };
    let blank = if rest.is_empty() || rest.starts_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{DIRECTIVE} {}\n{blank}{rest}", schema_of(path))
}

/// From the folder of the manifest.
fn schema_of(path: &RepoPath) -> String {
    let up = match path.as_str().matches('/').count() {
        0 => "./".to_owned(),
        folders => "../".repeat(folders),
    };
    let name = if path.as_str() == LANDFALL_TOML {
        schema::LANDFALL
    } else {
        schema::PROMOTIONS
    };
    format!("{up}{FOLDER}/{name}")
}

/// Moves a directive that stands among the opening comments to the first line. The text ends with a line break then.
pub(super) fn on_top(text: &str) -> String {
    let opening = text.lines().take_while(|line| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with('#')
    });
    let Some((index, directive)) = opening.enumerate().find(|(_, line)| is_directive(line)) else {
        return text.to_owned();
    };
    let rest = text
        .split_inclusive('\n')
        .enumerate()
        .filter_map(|(number, line)| (number != index).then_some(line));
    format!("{}\n{}", directive.trim(), rest.collect::<String>())
}

fn is_directive(line: &str) -> bool {
    line.trim_start()
        .strip_prefix(DIRECTIVE)
        .is_some_and(|value| value.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_points_to_its_schema_from_where_it_stands() {
        let at = |path: &str| with_directive(&path.into(), "a = 1\n");
        assert_eq!(at("landfall.toml"), "#:schema ./schema/landfall.schema.json\n\na = 1\n");
        assert_eq!(
            at("promotions/dns/a.toml"),
            "#:schema ../../schema/promotions.schema.json\n\na = 1\n"
        );
        assert_eq!(
            at("promotions/dns/b/a.toml"),
            "#:schema ../../../schema/promotions.schema.json\n\na = 1\n"
        );
    }

    #[test]
    fn a_path_is_replaced_and_a_url_kept() {
        let path = RepoPath::from("landfall.toml");
        assert_eq!(
            with_directive(&path, "# About.\n#:schema ../old.json\na = 1\n"),
            "#:schema ./schema/landfall.schema.json\n\n# About.\na = 1\n"
        );
        let of_a_url = "#:schema https://example.com/landfall.json\na = 1\n";
        assert_eq!(with_directive(&path, of_a_url), of_a_url);
        let again = with_directive(&path, "a = 1\n");
        assert_eq!(with_directive(&path, &again), again);
    }

    #[test]
    fn what_directives_point_to_is_among_the_files() {
        let files = schema_files();
        for path in ["landfall.toml", "promotions/dns/a.toml"] {
            let schema = schema_of(&path.into());
            let schema = schema.trim_start_matches("../").trim_start_matches("./");
            let found = files.iter().filter(|(path, _)| path.as_str() == schema);
            assert_eq!(found.count(), 1, "{schema}");
        }
    }

    #[test]
    fn only_opening_comments_hold_directives() {
        for text in [
            "a = 1\n#:schema b\n",
            "# :schema b\n",
            "#:schemas b\n",
            "#:schema\n",
            "",
        ] {
            assert_eq!(on_top(text), text);
        }
        assert_eq!(on_top("\n  #:schema b"), "#:schema b\n\n");
    }
}
