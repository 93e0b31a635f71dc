//! Settings of registries, by prefix.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Credential;
use super::file::{RegistryKeys, Upload};
use crate::model::{Prefix, Registry, Repository};

/// What holds for the repositories below a prefix. Each setting is taken from the longest prefix that makes it, so
/// that `plain-http` for a whole registry also holds where a part of it has credentials of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrySettings {
    pub prefix: Prefix,
    /// For reading; without one, those for writing serve.
    pub read: Option<Credential>,
    /// For writing; without one, writes are anonymous.
    pub write: Option<Credential>,
    /// Certificate authorities in PEM form that count beside the system's.
    pub ca: Option<PathBuf>,
    pub plain_http: bool,
    /// The name of the budget that it shares with others.
    pub budget: Option<String>,
    pub upload: Option<Upload>,
}

/// All settings, each whole: whoever has the longest prefix of a repository needs no other. Docker's logins serve
/// where no entry that holds the repository has credentials.
pub(super) fn resolve(
    keys: &BTreeMap<Prefix, RegistryKeys>,
    docker: &[(Prefix, Credential)],
    folder: &Path,
) -> Vec<RegistrySettings> {
    let mut prefixes: Vec<&Prefix> = keys.keys().chain(docker.iter().map(|(prefix, _)| prefix)).collect();
    prefixes.sort_by(|a, b| a.depth().cmp(&b.depth()).then_with(|| a.cmp(b)));
    prefixes.dedup();
    let mut resolved: Vec<RegistrySettings> = Vec::new();
    for prefix in prefixes {
        // Shorter prefixes come first, so that the last one that holds this one is the longest.
        let parent = resolved
            .iter()
            .rev()
            .find(|settings| settings.prefix.contains_prefix(prefix));
        let own = keys.get(prefix);
        let own_credentials = own.is_some_and(|own| own.read.is_some() || own.write.is_some());
        let stored = docker
            .iter()
            .find(|(known, _)| known == prefix)
            .map(|(_, credential)| credential.clone());
        let inherited = parent.is_some_and(|parent| is_configured(parent.read.as_ref().or(parent.write.as_ref())));
        let (read, write) = match own {
            Some(own) if own_credentials => {
                let based = |credential: &Option<Credential>| credential.as_ref().map(|found| found.based_at(folder));
                (based(&own.read), based(&own.write))
            }
            _ if stored.is_some() && !inherited => (stored.clone(), stored),
            _ => parent.map_or((None, None), |parent| (parent.read.clone(), parent.write.clone())),
        };
        let own_ca = own.and_then(|own| own.ca.as_ref()).map(|ca| folder.join(ca));
        resolved.push(RegistrySettings {
            prefix: prefix.clone(),
            read,
            write,
            ca: own_ca.or_else(|| parent.and_then(|parent| parent.ca.clone())),
            plain_http: own
                .and_then(|own| own.plain_http)
                .unwrap_or_else(|| parent.is_some_and(|parent| parent.plain_http)),
            budget: own
                .and_then(|own| own.budget.clone())
                .or_else(|| parent.and_then(|parent| parent.budget.clone())),
            upload: own
                .and_then(|own| own.upload)
                .or_else(|| parent.and_then(|parent| parent.upload)),
        });
    }
    resolved
}

fn is_configured(credential: Option<&Credential>) -> bool {
    !matches!(credential, None | Some(Credential::Docker { .. }))
}

/// Has everything at this registry be reached by HTTP without TLS, with the credentials that it has anyway.
pub(super) fn without_tls(settings: &mut Vec<RegistrySettings>, registry: &Registry) {
    settings
        .iter_mut()
        .filter(|known| known.prefix.registry == *registry)
        .for_each(|known| known.plain_http = true);
    let whole = Prefix::of(registry.clone());
    if settings.iter().all(|known| known.prefix != whole) {
        let whole = RegistrySettings {
            prefix: whole,
            read: None,
            write: None,
            ca: None,
            plain_http: true,
            budget: None,
            upload: None,
        };
        // Shorter prefixes come first.
        settings.insert(0, whole);
    }
}

/// The settings of the longest prefix that holds `repository`.
pub(super) fn find<'a>(settings: &'a [RegistrySettings], repository: &Repository) -> Option<&'a RegistrySettings> {
    settings
        .iter()
        .rev()
        .find(|settings| settings.prefix.contains(repository))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;
    use crate::config::testing::parse;

    fn user(credential: Option<&Credential>) -> Option<&str> {
        match credential? {
            Credential::Basic { username, .. } => Some(username),
            Credential::Docker { entry, .. } => Some(entry),
            Credential::Anonymous => Some("anonymous"),
            Credential::Token(_) => Some("token"),
        }
    }

    fn of<'a>(settings: &'a [RegistrySettings], repository: &str) -> &'a RegistrySettings {
        find(settings, &repository.parse().unwrap()).unwrap()
    }

    #[test]
    fn each_setting_comes_from_the_longest_prefix_that_makes_it() {
        let config = parse(
            r#"
            [registries."localhost:5000"]
            plain-http = true
            read = { username = "reader", password-env = "P" }
            [registries."localhost:5000/team"]
            ca = "certs/ca.pem"
            [registries."localhost:5000/team/a"]
            write = { username = "writer", password-file = "secrets/writer" }
            [registries."localhost:5000/team/a/tls"]
            plain-http = false
            "#,
        )
        .unwrap();
        let settings = &config.registries;
        let team = of(settings, "localhost:5000/team/b");
        assert_eq!((user(team.read.as_ref()), team.write.as_ref()), (Some("reader"), None));
        assert!(team.plain_http);
        assert_eq!(team.ca.as_deref(), Some(Path::new("/etc/landfall/certs/ca.pem")));
        let a = of(settings, "localhost:5000/team/a");
        // Credentials are one setting: an entry that has any has all of them.
        assert_eq!((user(a.read.as_ref()), user(a.write.as_ref())), (None, Some("writer")));
        assert!(a.plain_http && a.ca.is_some());
        assert!(!of(settings, "localhost:5000/team/a/tls/x").plain_http);
        assert!(of(settings, "localhost:5000/teams").ca.is_none());
        match &a.write {
            Some(Credential::Basic { password, .. }) => {
                assert_eq!(*password, SecretSource::File("/etc/landfall/secrets/writer".into()));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dockers_logins_serve_only_where_nothing_is_configured() {
        let docker = |text: &str| {
            let credential = Credential::Docker {
                file: "/d".into(),
                entry: text.to_owned(),
            };
            (text.parse().unwrap(), credential)
        };
        let keys = |text: &str| -> BTreeMap<Prefix, RegistryKeys> { toml::from_str(text).unwrap() };
        let stored = [
            docker("a.example.com"),
            docker("a.example.com/team"),
            docker("b.example.com"),
        ];
        let settings = resolve(
            &keys("'a.example.com'.read.anonymous = true\n'b.example.com'.plain-http = true"),
            &stored,
            Path::new("/"),
        );
        // Anonymous is a decision: Docker's login for a part of the registry does not undo it.
        assert_eq!(
            user(of(&settings, "a.example.com/team/x").read.as_ref()),
            Some("anonymous")
        );
        let b = of(&settings, "b.example.com/x");
        assert_eq!(user(b.read.as_ref()), Some("b.example.com"));
        assert_eq!(user(b.write.as_ref()), Some("b.example.com"));
        assert!(b.plain_http);
    }

    #[test]
    fn a_registry_without_tls_keeps_its_credentials() {
        let mut config = parse("[registries.'localhost:5000/team']\nread.anonymous = true").unwrap();
        config.without_tls(&"localhost:5000".parse().unwrap());
        let settings = &config.registries;
        assert!(of(settings, "localhost:5000/x").plain_http);
        let team = of(settings, "localhost:5000/team/x");
        assert!(team.plain_http && team.read.is_some());
        assert!(find(settings, &"localhost:5001/x".parse().unwrap()).is_none());
    }

    #[test]
    fn a_registry_written_in_two_ways_is_one() {
        let error = parse("[registries.'Example.com']\n[registries.'example.com:443']\n").unwrap_err();
        assert!(error.to_string().contains("`example.com` stands here twice"), "{error}");
    }
}
