//! Docker's `config.json` and podman's `auth.json`, which have one format.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::HelperName;
use crate::model::{Prefix, null_or, null_or_map};
use crate::registry::{Credentials, IDENTITY_USER, Secret};

/// Larger files are neither Docker's nor podman's.
const LARGEST_FILE: u64 = 1 << 20;

/// What is used of it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::credentials) struct LoginFile {
    #[serde(default, deserialize_with = "null_or_map")]
    auths: BTreeMap<String, Auth>,
    #[serde(default, deserialize_with = "null_or_map")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_or")]
    creds_store: String,
}

#[derive(Deserialize)]
struct Auth {
    /// base64 of `user:password`.
    #[serde(default, deserialize_with = "null_or")]
    auth: String,
    #[serde(default, deserialize_with = "null_or")]
    username: String,
    #[serde(default, deserialize_with = "null_or")]
    password: String,
    #[serde(default, deserialize_with = "null_or")]
    identitytoken: String,
    #[serde(default, deserialize_with = "null_or")]
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

/// One way to a login, to be tried in its turn.
#[derive(Debug, PartialEq)]
pub(in crate::credentials) enum Way {
    /// Asked for the registry. Where it is the one named for the registry, it has the last word.
    Helper {
        helper: HelperName,
        last: bool,
    },
    Login(Credentials),
}

impl LoginFile {
    /// Reads it; nothing where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, String> {
        let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        let file = match File::open(path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            result => result.map_err(cannot)?,
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(format!("{} has more than {LARGEST_FILE} bytes", path.display()));
        }
        Self::parse(&bytes).map(Some).map_err(|(line, column)| {
            format!(
                "{}:{line}:{column}: not a config.json of Docker's or an auth.json of podman's; mend it, or give the registry \
                 credentials under [registries] in config.toml",
                path.display()
            )
        })
    }

    /// The error is its place, line and column: the parser's own message would quote what stands there.
    pub(in crate::credentials) fn parse(bytes: &[u8]) -> Result<Self, (usize, usize)> {
        // As Docker reads it: no logins.
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let read: Option<Self> = serde_json::from_slice(bytes).map_err(|error| (error.line(), error.column()))?;
        Ok(read.unwrap_or_default())
    }

    /// The ways to a login for `place`, as Docker and containers/image go them: the helper named for the registry alone;
    /// else the entry with the longest path, the credential store, the entry for the whole registry.
    pub(in crate::credentials) fn ways(&self, place: &Prefix) -> Result<Vec<Way>, String> {
        let whole = Prefix::of(place.registry.clone());
        let named = self
            .cred_helpers
            .iter()
            .find(|(key, _)| prefix(key).as_ref() == Some(&whole))
            .map(|(_, helper)| helper.as_str());
        if let Some(helper) = named.filter(|helper| !helper.is_empty()) {
            let helper = HelperName::try_from(helper.to_owned())?;
            return Ok(vec![Way::Helper { helper, last: true }]);
        }
        let mut entries: Vec<(Prefix, &String, &Auth)> = self
            .auths
            .iter()
            .filter(|(_, auth)| !auth.is_empty())
            .filter_map(|(key, auth)| Some((prefix(key)?, key, auth)))
            .filter(|(prefix, ..)| prefix.contains_prefix(place))
            .collect();
        entries.sort_by_key(|(prefix, ..)| std::cmp::Reverse(prefix.depth()));
        let login = |(_, key, auth): &(Prefix, &String, &Auth)| {
            let login = auth.login();
            login
                .map(Way::Login)
                .map_err(|reason| format!("the entry `{key}` cannot be used: {reason}"))
        };
        // One is enough: the first of them has a login.
        if let Some(entry) = entries.first().filter(|(prefix, ..)| *prefix != whole) {
            return Ok(vec![login(entry)?]);
        }
        let mut ways = Vec::new();
        // An empty name among the helpers means the file itself.
        if !self.creds_store.is_empty() && named.is_none() {
            let helper = HelperName::try_from(self.creds_store.clone())?;
            ways.push(Way::Helper { helper, last: false });
        }
        if let Some(entry) = entries.first() {
            ways.push(login(entry)?);
        }
        Ok(ways)
    }
}

impl Auth {
    /// As Docker leaves entries behind whose login is in the store.
    fn is_empty(&self) -> bool {
        [&self.auth, &self.username, &self.identitytoken, &self.registrytoken]
            .into_iter()
            .all(String::is_empty)
    }

    fn login(&self) -> Result<Credentials, String> {
        if !self.registrytoken.is_empty() {
            return Ok(Credentials::Token(Secret::new(self.registrytoken.as_str())));
        }
        let pair = self.pair()?;
        if !self.identitytoken.is_empty() {
            return Ok(Credentials::Identity {
                username: pair.map_or_else(|| IDENTITY_USER.to_owned(), |(username, _)| username),
                token: Secret::new(self.identitytoken.as_str()),
            });
        }
        match pair {
            Some((username, password)) => Ok(Credentials::Basic { username, password }),
            None => Err("it has a user name without a password".to_owned()),
        }
    }

    fn pair(&self) -> Result<Option<(String, Secret)>, String> {
        if !self.username.is_empty() && !self.password.is_empty() {
            return Ok(Some((self.username.clone(), Secret::new(self.password.as_str()))));
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
        Ok(Some((
            username.to_owned(),
            Secret::new(password.trim_end_matches('\0')),
        )))
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

    use proptest::prelude::*;

    use super::*;

    fn ways(content: &str, place: &str) -> Result<Vec<Way>, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, content).unwrap();
        LoginFile::read(&path)?.unwrap().ways(&place.parse().unwrap())
    }

    fn login(username: &str, password: &str) -> Way {
        Way::Login(Credentials::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        })
    }

    fn helper(name: &str, last: bool) -> Way {
        Way::Helper {
            helper: name.to_owned().try_into().unwrap(),
            last,
        }
    }

    #[test]
    fn logins_are_found_under_each_way_to_write_a_registry_and_by_the_longest_path() {
        // a:b, c:d, e:f
        let content = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YTpi"},
            "registry.example.com:5000": {"auth": "YTpi"},
            "https://old.example.com/v2/": {"auth": "YTpiAAA="},
            "example.com": {"auth": "YTpi"},
            "example.com/team": {"username": "c", "password": "d"},
            "example.com/team/app": {"auth": "ZTpm"},
            "nothing.example.com": {}
        }}"#;
        for (place, expected) in [
            ("docker.io/library/alpine", vec![login("a", "b")]),
            ("registry.example.com:5000/x", vec![login("a", "b")]),
            ("old.example.com/x", vec![login("a", "b")]),
            ("example.com/other", vec![login("a", "b")]),
            ("example.com/teams", vec![login("a", "b")]),
            ("example.com/team/x", vec![login("c", "d")]),
            ("example.com/team/app/x", vec![login("e", "f")]),
            ("nothing.example.com/x", vec![]),
            ("registry.example.com/x", vec![]),
        ] {
            assert_eq!(ways(content, place).unwrap(), expected, "{place}");
        }
    }

    #[test]
    fn a_helper_named_for_a_registry_has_the_last_word_and_the_store_the_first_one() {
        let content = r#"{
            "credsStore": "desktop",
            "credHelpers": {"a.example.com": "ecr-login", "https://index.docker.io/v1/": "pass", "f.example.com": ""},
            "auths": {
                "a.example.com": {"auth": "YTpi"}, "b.example.com": {}, "c.example.com": {"auth": "YTpi"},
                "c.example.com/team": {"auth": "ZTpm"}, "f.example.com": {"auth": "YTpi"}
            }
        }"#;
        for (place, expected) in [
            ("a.example.com/x", vec![helper("ecr-login", true)]),
            ("docker.io/library/alpine", vec![helper("pass", true)]),
            ("b.example.com/x", vec![helper("desktop", false)]),
            ("unheard.example.com/x", vec![helper("desktop", false)]),
            ("c.example.com/x", vec![helper("desktop", false), login("a", "b")]),
            ("c.example.com/team/x", vec![login("e", "f")]),
            ("f.example.com/x", vec![login("a", "b")]),
        ] {
            assert_eq!(ways(content, place).unwrap(), expected, "{place}");
        }
    }

    #[test]
    fn identity_and_registry_tokens_are_told_apart() {
        let content = r#"{"auths": {
            "a.example.com": {"identitytoken": "t", "auth": "MDAwOg=="},
            "b.example.com": {"identitytoken": "t"},
            "c.example.com": {"registrytoken": "t"}
        }}"#;
        let identity = |username: &str| {
            vec![Way::Login(Credentials::Identity {
                username: username.to_owned(),
                token: Secret::new("t"),
            })]
        };
        assert_eq!(ways(content, "a.example.com/x").unwrap(), identity("000"));
        assert_eq!(ways(content, "b.example.com/x").unwrap(), identity(IDENTITY_USER));
        let token = vec![Way::Login(Credentials::Token(Secret::new("t")))];
        assert_eq!(ways(content, "c.example.com/x").unwrap(), token);
    }

    #[test]
    fn an_empty_file_and_null_are_no_logins() {
        for content in [
            "",
            " \n",
            "null",
            "{}",
            r#"{"auths": null, "credHelpers": null, "credsStore": null}"#,
            r#"{"auths": {"a.example.com": null}}"#,
            r#"{"auths": {"a.example.com": {"auth": null, "identitytoken": null}}}"#,
        ] {
            assert_eq!(ways(content, "a.example.com/x").unwrap(), vec![], "{content}");
        }
    }

    #[test]
    fn damage_is_named_without_repeating_what_stands_there_and_where_it_matters_only() {
        for (content, message) in [
            (r#"{"auths": {"a.example.com": {"auth": "hunter2!"}}}"#, "not base64"),
            (
                r#"{"auths": {"a.example.com": {"auth": "aHVudGVyMg=="}}}"#,
                "no `user:password`",
            ),
            (
                r#"{"auths": {"a.example.com": {"username": "hunter2"}}}"#,
                "without a password",
            ),
            (
                r#"{"auths": {"a.example.com": "hunter2"}}"#,
                "config.json:1:37: not a config",
            ),
            (
                r#"{"credHelpers": {"a.example.com": "../x"}}"#,
                "is not the name of a credential helper",
            ),
        ] {
            let error = ways(content, "a.example.com/x").unwrap_err();
            assert!(error.contains(message), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("aHVudGVyMg"), "{error}");
        }
        let elsewhere = r#"{"auths": {"a.example.com": {"auth": "!"}, "b.example.com": {"auth": "YTpi"}}}"#;
        assert_eq!(ways(elsewhere, "b.example.com/x").unwrap(), [login("a", "b")]);
        assert!(LoginFile::read("/nonexistent/config.json".as_ref()).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic_and_what_is_stored_is_found(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            key in "[a-z:/.]{1,24}",
            username in "[a-z<>]{1,8}",
            password in "[ -~]{1,12}",
        ) {
            let place: Prefix = "registry.example.com/team/app".parse().unwrap();
            let _ = LoginFile::parse(&bytes).map(|file| file.ways(&place).is_ok());
            let auth = BASE64_STANDARD.encode(format!("{username}:{password}"));
            let content = serde_json::json!({ "auths": { key: {}, "registry.example.com/team": { "auth": auth } } });
            let file = LoginFile::parse(content.to_string().as_bytes()).unwrap();
            prop_assert_eq!(file.ways(&place).unwrap(), vec![login(&username, &password)]);
        }
    }
}
