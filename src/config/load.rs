//! Finding, reading and resolving a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::SYSTEM_CONFIG;
use super::file::{File, LimitKeys, TimeoutKeys};
use super::scalar::{Count, Period, Size};
use super::{
    BudgetSettings, ConfigError, Environment, GitSettings, RegistrySettings, SecretSource, SignerSettings, budget,
    registries,
};
use crate::model::{Digest, Limits, Prefix, Registry, Repository};

/// A configuration with every default and path resolved. It holds no secrets, only where they are.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from; none where there was no file and defaults hold.
    pub file: Option<PathBuf>,
    pub git: GitSettings,
    pub storage: Storage,
    /// How often everything is looked at.
    pub observe_interval: Duration,
    pub serve: ServeSettings,
    pub allow_writes: Vec<Prefix>,
    /// Where none: everything may be read.
    pub allow_reads: Option<Vec<Prefix>>,
    /// Shorter prefixes first; of several that hold a repository the longest counts, and it alone.
    pub registries: Vec<RegistrySettings>,
    /// By name; each that a prefix names is here.
    pub budgets: BTreeMap<String, BudgetSettings>,
    pub signers: BTreeMap<String, SignerSettings>,
    pub limits: Limits,
    pub work: Work,
    pub environment: Environment,
    digest: Digest,
}

/// Where a daemon answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeSettings {
    pub address: Option<SocketAddr>,
    pub socket: PathBuf,
    /// A token with which changes may be asked for at the address too.
    pub token: Option<SecretSource>,
}

/// Folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub state: PathBuf,
    pub cache: PathBuf,
}

/// How much is done at once, and how long is waited; where none, the defaults of those who do it hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// The most requests of each kind under way at one registry at once.
    pub concurrency: Option<usize>,
    /// Requests that one pass may spend on looking.
    pub requests_per_pass: Option<usize>,
    pub timeouts: Timeouts,
}

/// How long to wait for registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Option<Duration>,
    /// From a request to the head of its answer.
    pub head: Option<Duration>,
    /// Between two pieces of a body.
    pub idle: Option<Duration>,
    /// For the whole of an answer that is read into memory.
    pub body: Option<Duration>,
    /// From the end of an upload to its answer.
    pub commit: Option<Duration>,
}

const OBSERVE_INTERVAL: Duration = Duration::from_secs(60 * 60);

impl Config {
    /// Reads `explicit` (from `--config`), else `$LANDFALL_CONFIG`, else the first of
    /// `$XDG_CONFIG_HOME/landfall/config.toml` and `/etc/landfall/config.toml` that exists, else defaults.
    ///
    /// # Errors
    /// A file that was named but cannot be read, a mistake in it, no place for state and cache.
    pub fn load(explicit: Option<&Path>, environment: Environment) -> Result<Self, ConfigError> {
        let named = explicit
            .map(Path::to_owned)
            .or_else(|| environment.get("LANDFALL_CONFIG").map(PathBuf::from));
        let must_exist = named.is_some();
        let candidates = match named {
            Some(path) => vec![path],
            None => user_file(&environment)
                .into_iter()
                .chain([PathBuf::from(SYSTEM_CONFIG)])
                .collect(),
        };
        for path in candidates {
            match fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&text, &path, environment),
                Err(error) if !must_exist && error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(ConfigError::Read {
                        path,
                        reason: error.to_string(),
                    });
                }
            }
        }
        resolve(&File::default(), None, environment)
    }

    /// Reads `text` as the content of `file`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, file: &Path, environment: Environment) -> Result<Self, ConfigError> {
        let keys: File = toml::from_str(text).map_err(|error| ConfigError::from_toml(&error, text, file))?;
        resolve(&keys, Some(file), environment)
    }

    /// The settings of the longest prefix that holds `repository`.
    #[must_use]
    pub fn registry(&self, repository: &Repository) -> Option<&RegistrySettings> {
        registries::find(&self.registries, repository)
    }

    /// The settings of the longest prefix that holds everything below this one.
    #[must_use]
    pub fn registry_below(&self, prefix: &Prefix) -> Option<&RegistrySettings> {
        self.registries
            .iter()
            .rev()
            .find(|settings| settings.prefix.contains_prefix(prefix))
    }

    /// Has everything at this registry be reached by HTTP without TLS, as `plain-http` for all of it would.
    pub fn without_tls(&mut self, registry: &Registry) {
        registries::without_tls(&mut self.registries, registry);
    }

    /// Over what the file says, whatever its layout: plans made under one configuration are stale under another.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The file that says what holds, or the one to create.
    pub(super) fn file_to_edit(&self) -> PathBuf {
        self.file
            .clone()
            .or_else(|| user_file(&self.environment))
            .unwrap_or_else(|| SYSTEM_CONFIG.into())
    }
}

fn user_file(environment: &Environment) -> Option<PathBuf> {
    Some(environment.config_home()?.join("landfall/config.toml"))
}

fn resolve(keys: &File, file: Option<&Path>, environment: Environment) -> Result<Config, ConfigError> {
    let folder = match file {
        Some(file) => std::path::absolute(file).map_err(|error| ConfigError::Read {
            path: file.to_owned(),
            reason: error.to_string(),
        })?,
        None => PathBuf::new(),
    };
    let folder = folder.parent().unwrap_or(Path::new(""));
    let signers = keys
        .signers
        .iter()
        .map(|(name, signer)| (name.clone(), signer.based_at(folder)));
    let serialised = serde_json::to_vec(keys).expect("keys are strings and every value is plain");
    let state = place(keys.storage.state.as_deref(), folder, environment.state_home(), "state")?;
    Ok(Config {
        serve: ServeSettings {
            address: keys.serve.address.map(|address| address.0),
            socket: match &keys.serve.socket {
                Some(path) => folder.join(path),
                None => state.join("landfall.sock"),
            },
            token: keys
                .serve
                .token_file
                .as_ref()
                .map(|path| SecretSource::File(folder.join(path))),
        },
        git: GitSettings::resolve(&keys.git, &keys.limits.git, folder)?,
        storage: Storage {
            state,
            cache: place(keys.storage.cache.as_deref(), folder, environment.cache_home(), "cache")?,
        },
        observe_interval: period(keys.observe.interval).unwrap_or(OBSERVE_INTERVAL),
        allow_writes: keys.allow_writes.clone(),
        allow_reads: keys.allow_reads.clone(),
        registries: registries::resolve(&keys.registries, folder)?,
        budgets: budget::resolve(&keys.budgets, &keys.registries, file)?,
        signers: signers.collect(),
        limits: limits(&keys.limits),
        work: Work {
            concurrency: keys.limits.concurrency.map(count),
            requests_per_pass: keys.limits.requests_per_pass.map(count),
            timeouts: timeouts(&keys.limits.timeouts),
        },
        environment,
        digest: Digest::of(&serialised),
        file: file.map(Path::to_owned),
    })
}

fn place(
    key: Option<&Path>,
    folder: &Path,
    default: Option<PathBuf>,
    what: &'static str,
) -> Result<PathBuf, ConfigError> {
    key.map(|path| folder.join(path))
        .or_else(|| Some(default?.join("landfall")))
        .ok_or(ConfigError::NoPlace { what, key: what })
}

fn period(value: Option<Period>) -> Option<Duration> {
    value.map(|period| period.0)
}

fn count(value: Count) -> usize {
    usize::try_from(value.0).unwrap_or(usize::MAX)
}

fn limits(keys: &LimitKeys) -> Limits {
    let default = Limits::default();
    let number = |value: Option<Count>, default: usize| value.map_or(default, count);
    let bytes = |value: Option<Size>, default: u64| value.map_or(default, |size| size.0);
    let length = |value: Option<Size>, default: usize| {
        value.map_or(default, |size| usize::try_from(size.0).unwrap_or(usize::MAX))
    };
    Limits {
        manifest: length(keys.manifest, default.manifest),
        json_nesting: default.json_nesting,
        nesting: number(keys.nesting, default.nesting),
        descriptors: number(keys.descriptors, default.descriptors),
        image_manifests: number(keys.image_manifests, default.image_manifests),
        image_bytes: length(keys.image_bytes, default.image_bytes),
        image_reads: number(keys.image_reads, default.image_reads),
        carried: number(keys.carried, default.carried),
        carried_bytes: bytes(keys.carried_bytes, default.carried_bytes),
        carried_depth: number(keys.carried_depth, default.carried_depth),
        manifest_file: length(keys.manifest_file, default.manifest_file),
        project_files: number(keys.project_files, default.project_files),
        project_bytes: bytes(keys.project_bytes, default.project_bytes),
        tree_files: number(keys.tree_files, default.tree_files),
        tree_bytes: bytes(keys.tree_bytes, default.tree_bytes),
        tree_depth: number(keys.tree_depth, default.tree_depth),
        small_blob: length(keys.small_blob, default.small_blob),
        answer: length(keys.answer, default.answer),
        tags: number(keys.tags, default.tags),
        repositories: number(keys.repositories, default.repositories),
        pages: number(keys.pages, default.pages),
    }
}

fn timeouts(keys: &TimeoutKeys) -> Timeouts {
    Timeouts {
        connect: period(keys.connect),
        head: period(keys.head),
        idle: period(keys.idle),
        body: period(keys.body),
        commit: period(keys.commit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KeySettings;
    use crate::config::testing::{environment, parse};

    #[test]
    fn everything_that_can_be_said_is_understood() {
        let config = parse(include_str!("../../testdata/config/everything.toml")).unwrap();
        assert_eq!(config.git.branch.as_deref(), Some("main"));
        assert_eq!(config.git.folder, "registries");
        assert_eq!(config.git.interval, Duration::from_secs(30));
        assert_eq!(config.storage.state, Path::new("/var/lib/landfall"));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.work.requests_per_pass, Some(50_000));
        assert_eq!(config.work.timeouts.body, Some(Duration::from_secs(60)));
        let KeySettings::KeyFile(signer) = &config.signers["release"].key else {
            panic!("it is a file");
        };
        assert_eq!(signer.private_key, Path::new("/etc/landfall/secrets/release.key"));
        let repository = "eu.registry.example.com/production/x".parse().unwrap();
        assert!(config.registry(&repository).unwrap().write.is_some());
    }

    #[test]
    fn an_empty_file_is_a_configuration_that_writes_nothing() {
        let config = parse("").unwrap();
        assert_eq!(config.storage.state, Path::new("/nonexistent/.local/state/landfall"));
        assert_eq!(config.storage.cache, Path::new("/nonexistent/.cache/landfall"));
        assert!(config.allow_writes.is_empty() && config.allow_reads.is_none() && config.registries.is_empty());
    }

    #[test]
    fn a_named_file_must_exist_and_a_default_one_need_not() {
        let home = tempfile::TempDir::new().unwrap();
        let variables = [("HOME", home.path().to_str().unwrap())];
        let missing = home.path().join("missing.toml");
        let error = Config::load(Some(&missing), environment(&variables)).unwrap_err();
        assert!(matches!(error, ConfigError::Read { path, .. } if path == missing));
        let named = [variables[0], ("LANDFALL_CONFIG", missing.to_str().unwrap())];
        assert!(Config::load(None, environment(&named)).is_err());
        let file = home.path().join(".config/landfall/config.toml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "[storage]\nstate = 'state'").unwrap();
        let config = Config::load(None, environment(&variables)).unwrap();
        assert_eq!(config.file.as_deref(), Some(file.as_path()));
        assert_eq!(config.storage.state, home.path().join(".config/landfall/state"));
        assert_eq!(config.git.base, home.path().join(".config/landfall"));
    }

    #[test]
    fn without_a_home_the_folders_must_be_named() {
        let read = |text| Config::parse(text, "/c.toml".as_ref(), environment(&[]));
        let error = read("").unwrap_err().to_string();
        assert!(error.contains("set `state` under [storage]"), "{error}");
        assert!(read("[storage]\nstate = '/s'\ncache = '/c'").is_ok());
    }

    #[test]
    fn the_digest_is_of_what_is_said_not_of_how() {
        let digest = |text: &str| parse(text).unwrap().digest();
        assert_eq!(
            digest("allow-writes = ['Example.com:443/a']\n# a comment\n"),
            digest("allow-writes = [\"example.com/a\"]")
        );
        assert_ne!(
            digest("allow-writes = ['example.com/a']"),
            digest("allow-writes = ['example.com/b']")
        );
    }
}
