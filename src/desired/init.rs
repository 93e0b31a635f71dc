//! A desired-state repository to begin with.

use crate::model::{CommitId, Diagnostic, Prefix, RepoPath, Tree, TreeFile};

use super::configuration::LANDFALL_TOML;
use super::directive::{schema_files, with_directive};
use super::parse::parse;
use super::parse_cache::ParseCache;

/// What a first repository is about.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// The project that promotes: it names a directory.
    pub project: String,
    /// Where its images come from.
    pub source: Prefix,
    /// The name written into signatures and attestations.
    pub public_name: Prefix,
    pub primary: Prefix,
    /// By name.
    pub mirrors: Vec<(String, Prefix)>,
    /// Where the repository will be found: a path or a URL, for config.toml.
    pub git_url: String,
    /// The directory that landfall keeps its state and cache in, for config.toml.
    pub storage: String,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitFiles {
    /// The desired-state repository.
    pub repository: Vec<(RepoPath, String)>,
    /// The runtime configuration, `config.toml`: outside of the repository.
    pub configuration: String,
}

/// Writes a commented repository that validates, and the runtime configuration that goes with it.
///
/// # Errors
/// What is wrong with the options, as findings in the files that they would make.
pub fn init(options: &InitOptions) -> Result<InitFiles, Vec<Diagnostic>> {
    let landfall = RepoPath::from(LANDFALL_TOML);
    let promotions = RepoPath::from(format!("promotions/{}/images.toml", options.project).as_str());
    let mut repository = vec![
        (landfall.clone(), with_directive(&landfall, &landfall_toml(options))),
        (
            promotions.clone(),
            with_directive(&promotions, &promotions_toml(options)),
        ),
        ("keys/README.md".into(), KEYS.to_owned()),
    ];
    repository.extend(schema_files());
    let files = InitFiles {
        repository,
        configuration: config_toml(options),
    };
    let tree = Tree {
        commit: CommitId([0; 20]),
        files: files
            .repository
            .iter()
            .map(|(path, text)| (path.clone(), TreeFile::unstored(text.as_bytes())))
            .collect(),
    };
    let parsed = parse(&tree, &mut ParseCache::default())?;
    match parsed.diagnostics() {
        [] => Ok(files),
        found => Err(found.to_vec()),
    }
}

fn string(text: impl ToString) -> String {
    toml_edit::Value::from(text.to_string()).to_string()
}

fn key(text: &str) -> String {
    toml_edit::Key::new(text).display_repr().into_owned()
}

fn landfall_toml(options: &InitOptions) -> String {
    let InitOptions {
        project,
        source,
        public_name,
        primary,
        mirrors,
        ..
    } = options;
    let width = mirrors
        .iter()
        .map(|(name, _)| key(name).chars().count())
        .max()
        .unwrap_or(0);
    let mirrors: String = if mirrors.is_empty() {
        "# europe = \"europe.example.com/images\"\n".to_owned()
    } else {
        let lines = mirrors
            .iter()
            .map(|(name, prefix)| format!("{:width$} = {}\n", key(name), string(prefix)));
        lines.collect()
    };
    format!(
        r#"# Where images go, who may promote them, and who signs. Those who run production own this file.
# `landfall validate` checks it; `landfall explain` tells what may stand here. Editors read it from schema/, which
# `landfall schema --write schema` brings up to date.
version = 1

[targets.production]
# The name written into signatures and attestations, whatever registry serves the image.
public-name = {public_name}
# The registry and repository prefix that is written first.
primary     = {primary}
# Who signs what is promoted here. Make a pair of keys with `landfall key generate`, commit the public one as
# keys/release.pub, and remove the `#` here and below. Without a signer nothing is signed and nothing attested.
# signer      = "release"
# Tags that may move. Every other tag keeps its first digest for ever.
# mutable-tags = ["latest"]

# Further registries that hold the same images, by name.
[targets.production.mirrors]
{mirrors}
# Governs promotions/{project}/.
[projects.{project_key}]
# Prefixes that it may promote from.
sources = [{source}]
targets = ["production"]
# Where it writes below the target: "" is the root, so {source_text}/IMAGE becomes {primary_text}/IMAGE.
paths   = [""]

# [signers.release]
# public-key = "keys/release.pub"
"#,
        public_name = string(public_name),
        primary = string(primary),
        source = string(source),
        project_key = key(project),
        source_text = source,
        primary_text = primary,
    )
}

fn promotions_toml(options: &InitOptions) -> String {
    let InitOptions { source, primary, .. } = options;
    format!(
        r#"# A line for each tag. This one promotes {source}/hello to {primary}/hello as v1.0.0; put a digest
# of yours in and remove the `#`. `crane digest IMAGE` prints a digest; `landfall fmt` sorts and aligns.

# [images.hello.tags]
# "v1.0.0" = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
"#
    )
}

const KEYS: &str = "# Public keys

Public keys of the signers in `landfall.toml`, as PEM. `landfall key generate` makes a pair.

Private keys never stand here: landfall finds them through its runtime configuration (`config.toml`, `[signers.NAME]`),
which is kept outside of this repository.
";

fn config_toml(options: &InitOptions) -> String {
    let mirrors = options.mirrors.iter().map(|(_, prefix)| prefix);
    let endpoints: Vec<&Prefix> = std::iter::once(&options.primary).chain(mirrors).collect();
    runtime_configuration(&endpoints, &[&options.source], &options.git_url, &options.storage)
}

/// The `config.toml` for a desired-state repository at `git_url`: it may write to `endpoints`, reads from `sources` too,
/// and keeps its memory in `storage`. Registries on this machine are spoken to without TLS.
#[must_use]
pub fn runtime_configuration(endpoints: &[&Prefix], sources: &[&Prefix], git_url: &str, storage: &str) -> String {
    let places = || endpoints.iter().copied();
    let allowed: String = places().map(|prefix| format!("    {},\n", string(prefix))).collect();
    let mut plain: Vec<_> = places()
        .chain(sources.iter().copied())
        // Registries on this machine are the ones that speak plain HTTP.
        .filter(|prefix| prefix.registry.is_loopback())
        .map(|prefix| prefix.registry.as_str())
        .collect();
    plain.sort_unstable();
    plain.dedup();
    let plain: String = plain
        .into_iter()
        .map(|registry| format!("\n[registries.{}]\nplain-http = true\n", key(registry)))
        .collect();
    format!(
        r#"# landfall's runtime configuration. It stands outside of the desired-state repository, with the secrets it names.

# Repository prefixes that this process may write, whatever Git says. Empty: nothing is ever written.
allow-writes = [
{allowed}]

[git]
url    = {git_url}
branch = "main"
# The first commit that counts. `landfall run` writes nothing before it knows one: set it here, or say
# `landfall accept REV`.
# floor  = "0123456789abcdef0123456789abcdef01234567"

[storage]
# Remembers what was accepted, admitted and signed: keep it.
state = {state}
# May be deleted at any time.
cache = {cache}

# The private key of the signer `release` in landfall.toml: remove the `#` before these two lines once there is one. Its
# password is that of LANDFALL_KEY_PASSWORD or COSIGN_PASSWORD, unless `password-file = "FILE"` below them names a file.
# [signers.release]
# private-key = "release.key"
{plain}"#,
        git_url = string(git_url),
        state = string(format!("{}/state", storage.trim_end_matches('/'))),
        cache = string(format!("{}/cache", storage.trim_end_matches('/'))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> InitOptions {
        InitOptions {
            project: "example".to_owned(),
            source: "localhost:5000/staging".parse().unwrap(),
            public_name: "registry.example.com".parse().unwrap(),
            primary: "localhost:5001/images".parse().unwrap(),
            mirrors: vec![("europe".to_owned(), "[::1]:5002/images".parse().unwrap())],
            git_url: "/srv/images".to_owned(),
            storage: "/var/lib/landfall".to_owned(),
        }
    }

    #[test]
    fn what_init_writes_validates_and_is_formatted() {
        for mirrors in [options().mirrors, Vec::new()] {
            let files = init(&InitOptions { mirrors, ..options() }).unwrap();
            for (path, text) in files
                .repository
                .iter()
                .filter(|(path, _)| path.as_str().ends_with(".toml"))
            {
                assert_eq!(super::super::format(path, text).as_ref(), Ok(text), "{path}");
            }
        }
    }

    #[test]
    fn the_configuration_allows_the_endpoints_and_nothing_else() {
        let configuration: toml::Table = init(&options()).unwrap().configuration.parse().unwrap();
        let allowed: Vec<_> = configuration["allow-writes"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|v| v.as_str())
            .collect();
        assert_eq!(allowed, ["localhost:5001/images", "[::1]:5002/images"]);
        let registries: Vec<_> = configuration["registries"].as_table().unwrap().keys().collect();
        assert_eq!(registries, ["[::1]:5002", "localhost:5000", "localhost:5001"]);
    }

    #[test]
    fn options_that_contradict_are_refused_with_what_is_wrong() {
        let inside = InitOptions {
            source: "localhost:5001/images/staging".parse().unwrap(),
            ..options()
        };
        assert_eq!(init(&inside).unwrap_err()[0].code, super::super::code::SOURCE_IN_TARGET);
        let unnamed = InitOptions {
            mirrors: vec![("a b".to_owned(), "r.example.com".parse().unwrap())],
            ..options()
        };
        assert_eq!(init(&unnamed).unwrap_err()[0].code, super::super::code::INVALID_NAME);
    }
}
