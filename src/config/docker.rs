//! Logins that `docker login` stored: Docker's `config.json`, for registries without an entry of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::{Zeroize, Zeroizing};

use super::{ConfigError, Credential, Login, Secret};
use crate::model::Prefix;

/// Larger files are not Docker's.
const LARGEST_FILE: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerFile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, IgnoredAny>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Auth {
    /// base64 of `user:password`.
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

impl Drop for Auth {
    fn drop(&mut self) {
        for text in [
            &mut self.auth,
            &mut self.password,
            &mut self.identitytoken,
            &mut self.registrytoken,
        ] {
            text.zeroize();
        }
    }
}

impl Auth {
    fn login(&self) -> Result<Option<Login>, String> {
        if !self.username.is_empty() && !self.password.is_empty() {
            return Ok(Some(basic(&self.username, &self.password)));
        }
        if self.auth.is_empty() {
            return Ok(None);
        }
        let bytes = BASE64_STANDARD
            .decode(&self.auth)
            .map(Zeroizing::new)
            .map_err(|_| "its `auth` is not base64".to_owned())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| "its `auth` is not UTF-8".to_owned())?;
        let (username, password) = text
            .split_once(':')
            .ok_or_else(|| "its `auth` holds no `user:password`".to_owned())?;
        // Docker pads what it wrote itself with zeros.
        Ok(Some(basic(username, password.trim_end_matches('\0'))))
    }

    /// What this version does not use, where that is all there is.
    fn unsupported(&self) -> Option<&'static str> {
        match (self.identitytoken.is_empty(), self.registrytoken.is_empty()) {
            (false, _) => Some("an identity token"),
            (true, false) => Some("a registry token"),
            (true, true) => None,
        }
    }
}

fn basic(username: &str, password: &str) -> Login {
    Login::Basic {
        username: username.to_owned(),
        password: Secret::new(password),
    }
}

/// The registries for which the file holds a login that this version can use. What it cannot use is logged.
pub(super) fn credentials(path: &Path) -> Result<Vec<(Prefix, Credential)>, ConfigError> {
    let Some(file) = read(path)? else {
        return Ok(Vec::new());
    };
    let file_name = path.display();
    if let Some(store) = &file.creds_store {
        tracing::warn!(file = %file_name, store, "credential stores are not supported by this version: not used");
    }
    for registry in file.cred_helpers.keys() {
        tracing::warn!(file = %file_name, registry, "credential helpers are not supported by this version: not used");
    }
    let mut found: Vec<(Prefix, Credential)> = Vec::new();
    for (entry, auth) in &file.auths {
        let Some(prefix) = prefix(entry) else {
            tracing::warn!(file = %file_name, entry, "not a registry: not used");
            continue;
        };
        // A helper that is named for a registry takes precedence over what stands here.
        if file.cred_helpers.contains_key(entry) || found.iter().any(|(known, _)| *known == prefix) {
            continue;
        }
        if let Some(kind) = auth.unsupported() {
            tracing::warn!(file = %file_name, registry = %prefix, "{kind} is not supported by this version: not used");
        } else if !auth.auth.is_empty() || !auth.username.is_empty() {
            let credential = Credential::Docker {
                file: path.to_owned(),
                entry: entry.clone(),
            };
            found.push((prefix, credential));
        }
    }
    Ok(found)
}

/// Reads one entry's login.
pub(super) fn login(path: &Path, entry: &str) -> Result<Login, ConfigError> {
    let file = read(path)?;
    match file.as_ref().and_then(|file| file.auths.get(entry)) {
        None => Ok(Login::Anonymous),
        Some(auth) => match auth.login() {
            Ok(login) => Ok(login.unwrap_or(Login::Anonymous)),
            Err(reason) => Err(bad(path, format!("the entry `{entry}` cannot be used: {reason}"))),
        },
    }
}

fn read(path: &Path) -> Result<Option<DockerFile>, ConfigError> {
    let cannot = |error: std::io::Error| bad(path, format!("cannot be read: {error}"));
    let file = match File::open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        result => result.map_err(cannot)?,
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(bad(path, format!("has more than {LARGEST_FILE} bytes")));
    }
    // The parser's own message would quote what stands there.
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        bad(path, format!("is not Docker's config.json ({place})"))
    })
}

fn bad(path: &Path, reason: String) -> ConfigError {
    ConfigError::Docker {
        path: path.to_owned(),
        reason,
    }
}

/// Docker writes its Hub as a URL, and others sometimes so too.
fn prefix(entry: &str) -> Option<Prefix> {
    let text = entry
        .strip_prefix("https://")
        .or_else(|| entry.strip_prefix("http://"))
        .unwrap_or(entry)
        .trim_end_matches('/');
    let text = ["/v1", "/v2"]
        .iter()
        .find_map(|version| text.strip_suffix(version))
        .unwrap_or(text);
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn with_file<T>(content: &str, work: impl FnOnce(&Path) -> T) -> T {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, content).unwrap();
        work(&path)
    }

    fn entries(content: &str) -> Vec<String> {
        with_file(content, |path| {
            let found = credentials(path).unwrap();
            found.into_iter().map(|(prefix, _)| prefix.to_string()).collect()
        })
    }

    #[test]
    fn stored_logins_are_found_under_each_way_to_write_a_registry() {
        let content = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YTpi"},
            "registry.example.com:5000": {"auth": "YTpi"},
            "example.com/team": {"username": "a", "password": "b"},
            "nothing.example.com": {}
        }}"#;
        let mut found = entries(content);
        found.sort();
        assert_eq!(found, ["docker.io", "example.com/team", "registry.example.com:5000"]);
        with_file(content, |path| {
            for entry in ["registry.example.com:5000", "example.com/team"] {
                let expected = basic("a", "b");
                assert_eq!(login(path, entry).unwrap(), expected);
            }
        });
    }

    #[test]
    fn what_needs_a_helper_or_a_token_exchange_is_left_out() {
        let content = r#"{
            "credsStore": "desktop",
            "credHelpers": {"a.example.com": "ecr-login"},
            "auths": {"a.example.com": {"auth": "YTpi"}, "b.example.com": {"identitytoken": "t"}}
        }"#;
        assert_eq!(entries(content), Vec::<String>::new());
    }

    #[test]
    fn an_entry_that_vanished_or_a_missing_file_is_no_login() {
        with_file("{}", |path| {
            assert_eq!(login(path, "a.example.com").unwrap(), Login::Anonymous);
            assert_eq!(login(&path.join("missing"), "a.example.com").unwrap(), Login::Anonymous);
        });
    }

    #[test]
    fn damage_is_named_without_repeating_what_stands_there() {
        for (content, message) in [
            (r#"{"auths": {"a.example.com": {"auth": "hunter2!"}}}"#, "not base64"),
            (
                r#"{"auths": {"a.example.com": {"auth": "aHVudGVyMg=="}}}"#,
                "no `user:password`",
            ),
            (
                r#"{"auths": {"a.example.com": "hunter2"}}"#,
                "is not Docker's config.json (line 1",
            ),
        ] {
            let error = with_file(content, |path| login(path, "a.example.com").unwrap_err().to_string());
            assert!(error.contains(message), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("aHVudGVyMg"), "{error}");
        }
    }
}
