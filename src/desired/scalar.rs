//! The strings of manifests: names, references, digests, choices.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::model::{Digest, PathError, Prefix, RepoPath, Repository, RepositoryPath, Tag};

use super::code;
use super::finding::{Finding, quoted};
use super::limits::LIMITS;
use super::shape::{FromToml, Reader, Scalar, Value};

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
const DIGEST: &str = "^sha256:[0-9a-f]{64}$";
const TAG: &str = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$";
const PATH: &str = r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$";
const PREFIX: &str = r"^([A-Za-z0-9._:-]+|\[[0-9A-Fa-f:]+\](:[0-9]+)?)(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$";
const CHAIN: &str = "target:";

/// A name of a target, project, signer, policy or mirror: it labels metrics and names directories.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(pub Arc<str>);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Scalar for Name {
    fn parse(text: &str) -> Result<Self, Finding> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let valid = (1..=LIMITS.name).contains(&text.len())
            && text.bytes().all(allowed)
            && text.as_bytes()[0].is_ascii_alphanumeric();
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(
                Finding::error(code::INVALID_NAME, format!("{} is not a name", quoted(text)))
                    .help("names have 1 to 63 letters, digits, `.`, `_` and `-`, and begin with a letter or digit"),
            )
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": NAME })
    }
}

fn reference_error(error: &PathError, text: &str) -> Finding {
    let help = match error {
        PathError::Scheme(_) => {
            "registries are spoken to over HTTPS; config.toml says where plain HTTP is allowed".to_owned()
        }
        PathError::NoHost(_) => {
            format!(
                "write the registry too, for Docker Hub {}",
                quoted(&format!("docker.io/{}", text.trim_matches('/')))
            )
        }
        PathError::Host(_) => "write a host name and, where needed, a port: `registry.example.com:5000`".to_owned(),
        PathError::NoPath(_) => "write the repository after the registry: `registry.example.com/path`".to_owned(),
        PathError::Length(_) => "shorten it".to_owned(),
        PathError::Segment { segment, .. } => segment_help(segment).to_owned(),
    };
    path_error(error).help(help)
}

fn path_error(error: &PathError) -> Finding {
    let message = match error {
        PathError::Segment { segment, path } if segment.is_empty() => {
            format!("{} has an empty path segment", quoted(path))
        }
        other => other.to_string(),
    };
    Finding::error(code::INVALID_REFERENCE, message)
}

fn segment_help(segment: &str) -> &'static str {
    if segment.is_empty() {
        "write no `/` at the ends, and one between segments"
    } else if segment.contains('@') {
        "write the repository without a digest"
    } else if segment.contains(':') {
        "write the repository without a tag"
    } else if segment.contains('*') {
        "prefixes match whole path segments; patterns are not needed"
    } else if segment.contains(|c: char| c.is_ascii_uppercase()) {
        "registries know lower case only"
    } else {
        "write the repository as it stands at the registry"
    }
}

impl Scalar for Prefix {
    fn parse(text: &str) -> Result<Self, Finding> {
        text.parse().map_err(|error| reference_error(&error, text))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": PREFIX })
    }
}

impl Scalar for Repository {
    fn parse(text: &str) -> Result<Self, Finding> {
        text.parse().map_err(|error| reference_error(&error, text))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": PREFIX })
    }
}

impl Scalar for RepositoryPath {
    fn parse(text: &str) -> Result<Self, Finding> {
        text.parse().map_err(|error: PathError| {
            path_error(&error).help("an image's name is the repository path below the source, in lower case")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": PATH, "maxLength": 255 })
    }
}

/// Where a project writes below a target's endpoints: a repository path, or the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TargetPath(Option<RepositoryPath>);

impl TargetPath {
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", RepositoryPath::as_str)
    }

    /// The repository of an image below this path.
    pub fn join(&self, image: &RepositoryPath) -> RepositoryPath {
        image.below(self.as_str())
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Scalar for TargetPath {
    fn parse(text: &str) -> Result<Self, Finding> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|path| Self(Some(path))).map_err(|error: PathError| {
            path_error(&error).help("write it relative to the target, without `/` at either end; \"\" is the root")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "const": "" }, { "type": "string", "pattern": PATH, "maxLength": 255 }] })
    }
}

/// Where images come from: a prefix of repositories, or what is claimed at another target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum SourceGrant {
    Registry(Prefix),
    /// Written `target:NAME`.
    Target(Name),
}

impl fmt::Display for SourceGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(prefix) => prefix.fmt(formatter),
            Self::Target(name) => write!(formatter, "{CHAIN}{name}"),
        }
    }
}

impl Scalar for SourceGrant {
    fn parse(text: &str) -> Result<Self, Finding> {
        match text.strip_prefix(CHAIN) {
            Some(name) => Name::parse(name).map(Self::Target),
            None => Prefix::parse(text).map(Self::Registry),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "anyOf": [{ "pattern": "^target:[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" }, { "pattern": PREFIX }] })
    }
}

impl Scalar for Digest {
    fn parse(text: &str) -> Result<Self, Finding> {
        text.parse().map_err(|error: crate::model::DigestError| {
            let finding = Finding::error(code::INVALID_DIGEST, error.to_string());
            match text.rsplit_once('@') {
                Some((_, digest)) if digest.parse::<Self>().is_ok() => finding.help(format!("write `{digest}` alone")),
                _ => finding.help("`crane digest IMAGE` prints it"),
            }
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": DIGEST })
    }
}

impl Scalar for Tag {
    fn parse(text: &str) -> Result<Self, Finding> {
        let tag: Self = text.parse().map_err(|error: crate::model::TagError| {
            let finding = Finding::error(code::INVALID_TAG, error.to_string());
            if text.starts_with("sha256:") {
                finding.help("tags are the keys and digests the values: `\"v1.0.0\" = \"sha256:…\"`")
            } else {
                finding
                    .help("a tag has 1 to 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two")
            }
        })?;
        if tag.is_metadata() {
            return Err(Finding::error(
                code::METADATA_TAG,
                format!(
                    "{} can be claimed by nobody: signatures and attestations are kept under such tags",
                    quoted(text)
                ),
            )
            .help("remove it: what travels with an image is promoted without being named"));
        }
        Ok(tag)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": TAG })
    }
}

/// A file below `keys/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct KeyPath(pub RepoPath);

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Scalar for KeyPath {
    fn parse(text: &str) -> Result<Self, Finding> {
        let invalid = |why: &str| {
            Finding::error(code::INVALID_KEY_PATH, format!("{} {why}", quoted(text)))
                .help("write the path of a file below `keys/` in this repository: `keys/release.pub`")
        };
        if text.contains("-----BEGIN") {
            // Not quoted: it could be a private key.
            return Err(
                Finding::error(code::INVALID_KEY_PATH, "expected the path of a key file, found a key")
                    .help("put a public key into a file below `keys/`; a private key never stands in Git"),
            );
        }
        if text.starts_with('/') || text.contains(['\\', ':']) {
            return Err(invalid("is not a path inside this repository"));
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(invalid("leaves the repository or is not in its plainest form"));
        }
        if !text.starts_with("keys/") {
            return Err(invalid("is not below `keys/`"));
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^keys/" })
    }
}

/// Why something is done: for people who read the file, so nothing of it is kept.
#[derive(Debug)]
pub(super) struct Reason(pub Arc<str>);

impl Scalar for Reason {
    fn parse(text: &str) -> Result<Self, Finding> {
        if text.trim().is_empty() {
            Err(Finding::error(code::EMPTY, "a reason is empty").help("say why, for those who read it later"))
        } else {
            Ok(Self(text.trim().into()))
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "\\S" })
    }
}

/// The version of the format: 1.
#[derive(Debug)]
pub(super) struct Version;

impl FromToml for Version {
    const EXAMPLE: &str = "1";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match value.get_ref() {
            toml::de::DeValue::Integer(number) if number.radix() == 10 && number.as_str() == "1" => Some(Self),
            toml::de::DeValue::Integer(number) => {
                let finding = Finding::unsupported(format!("version {}", quoted(number.as_str())))
                    .help("this version reads `version = 1`");
                reader.reject(value, finding)
            }
            _ => reader.wrong_type(value, "the integer 1"),
        }
    }
}

impl JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1 })
    }
}

/// How many, from nought on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount(pub u64);

impl FromToml for Amount {
    const EXAMPLE: &str = "100";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let toml::de::DeValue::Integer(number) = value.get_ref() else {
            return reader.wrong_type(value, "an integer");
        };
        match number.as_str().parse() {
            Ok(amount) if number.radix() == 10 => Some(Self(amount)),
            _ => {
                let finding = Finding::error(
                    code::WRONG_TYPE,
                    format!("{} is no number from nought on", quoted(number.as_str())),
                )
                .help("write `100`");
                reader.reject(value, finding)
            }
        }
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

/// The JSON Schema of a scalar, for the tables that hold it.
macro_rules! schemas {
    ($($type:ty),* $(,)?) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                <Self as Scalar>::schema()
            }
        }
    )*};
}

schemas!(
    Name,
    Prefix,
    Repository,
    RepositoryPath,
    TargetPath,
    SourceGrant,
    Digest,
    Tag,
    KeyPath,
    Reason,
);
pub(super) use schemas;
