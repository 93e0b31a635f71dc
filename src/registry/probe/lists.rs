//! Which lists a registry keeps.

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::verdict::{lacks_route, unexpected};
use crate::http::Reply;
use crate::model::{Digest, Knowledge, Prefix, Repository, RepositoryPath, media_type};
use crate::registry::access::{Access, Mode};
use crate::registry::exchange::Ask;
use crate::registry::{ErrorKind, HttpRegistries, RegistryError, catalog, classify};

impl HttpRegistries {
    /// Whether there is a referrers API. A registry that has one answers for any digest, but may say of a repository that
    /// it does not know just that; of a subject that `stands` there it must not.
    pub async fn probe_referrers(&self, repository: &Repository, subject: &Digest, stands: bool) -> Knowledge {
        let asked = async {
            let access = self.access(repository, Mode::Read)?;
            let ask = Ask::new(Method::GET, &access, access.url(&format!("referrers/{subject}")))
                .header(ACCEPT, HeaderValue::from_static(media_type::OCI_INDEX));
            self.ask(&ask).await
        };
        match asked.await {
            Err(error) => error.inability(),
            Ok(reply) => referrers(&reply, stands),
        }
    }

    /// Whether the registry lists its repositories; and the first below `prefix` on the list's first page.
    pub async fn probe_catalog(&self, prefix: &Prefix) -> (Knowledge, Option<Repository>) {
        let asked = async {
            let access = Access::catalog(prefix, self.settings.of_prefix(prefix), &self.limits)?;
            self.ask(&Ask::new(Method::GET, &access, access.url("_catalog"))).await
        };
        match asked.await {
            Err(error) => (error.inability(), None),
            Ok(reply) if reply.status == StatusCode::OK => match catalog::page(&reply) {
                Ok(names) => {
                    let found = names
                        .into_iter()
                        .filter_map(|name| name.parse::<RepositoryPath>().ok())
                        .map(|path| Repository::new(prefix.registry.clone(), path))
                        .find(|repository| prefix.contains(repository));
                    (Knowledge::probed(true, "it is shown to these credentials"), found)
                }
                Err(_) => (Knowledge::probed(false, "what it answers is no list"), None),
            },
            Ok(reply) if lacks_route(&reply) || reply.status == StatusCode::NOT_FOUND => {
                (Knowledge::probed(false, said(&reply)), None)
            }
            Ok(reply) => (unexpected(&reply), None),
        }
    }

    /// Whether the tag list of this repository says which digests the tags stand on.
    ///
    /// # Errors
    /// Where the list cannot be read.
    pub async fn probe_tag_digests(&self, repository: &Repository) -> Result<Knowledge, RegistryError> {
        let access = self.access(repository, Mode::Read)?;
        let reply = self
            .ask(&Ask::new(Method::GET, &access, access.url("tags/list")))
            .await?;
        if reply.status != StatusCode::OK {
            return Ok(Knowledge::unknown(said(&reply)));
        }
        let list: Option<Value> = serde_json::from_slice(&reply.bytes).ok();
        let carries = list
            .as_ref()
            .and_then(|list| list.get("manifest"))
            .is_some_and(Value::is_object);
        Ok(Knowledge::probed(
            carries,
            if carries {
                "`manifest` in the tag list"
            } else {
                "names only"
            },
        ))
    }
}

fn referrers(reply: &Reply, stands: bool) -> Knowledge {
    let is_index = || {
        serde_json::from_slice::<Value>(&reply.bytes).is_ok_and(|body| {
            body.get("schemaVersion").and_then(Value::as_u64) == Some(2) && body.get("manifests").is_some()
        })
    };
    match reply.status {
        StatusCode::OK if is_index() => Knowledge::probed(true, "it answers with an index"),
        StatusCode::OK => Knowledge::probed(false, "what it answers is no index"),
        _ if lacks_route(reply) => Knowledge::probed(false, said(reply)),
        _ if !stands && classify::is_absence(reply) && !reply.bytes.is_empty() => {
            Knowledge::unknown("the registry does not know the repository, and says nothing else")
        }
        StatusCode::NOT_FOUND => Knowledge::probed(false, said(reply)),
        _ => unexpected(reply),
    }
}

/// What a registry says, or that it is not the registry that says it.
fn said(reply: &Reply) -> String {
    let error = classify::failure(reply);
    match (error.kind, &error.code) {
        (ErrorKind::Malformed, None) => format!("nothing answers there ({})", reply.status.as_u16()),
        _ => error.short(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::test_server::{TestServer, answer};
    use crate::registry::test_support::{refusal, registries};

    #[tokio::test]
    async fn a_registry_without_the_api_is_told_from_one_that_does_not_know_the_repository() {
        let server = TestServer::start(|request| async move {
            let json = [("content-type", "application/json")];
            match request.path.split('/').nth(2).unwrap() {
                "with" => answer(200, &json, r#"{"schemaVersion":2,"manifests":[]}"#),
                "unknown" => refusal(404, "NAME_UNKNOWN"),
                "distribution" => answer(404, &[("content-type", "text/plain")], "404 page not found\n"),
                "amazon" => refusal(405, "UNSUPPORTED"),
                "page" => answer(200, &[("content-type", "text/html")], "<html>"),
                "denied" => refusal(403, "DENIED"),
                _ => answer(429, &[], ""),
            }
        })
        .await;
        let registries = registries(&server);
        for (name, expected) in [
            ("with", Some(true)),
            ("unknown", None),
            ("distribution", Some(false)),
            ("amazon", Some(false)),
            ("page", Some(false)),
            ("denied", None),
            ("busy", None),
        ] {
            let repository = format!("{}/{name}/app", server.address).parse().unwrap();
            let shown = registries.probe_referrers(&repository, &Digest::of(b""), false).await;
            assert_eq!(shown.ability.known(), expected, "{name}: {shown:?}");
        }
        let unknown = format!("{}/unknown/app", server.address).parse().unwrap();
        let shown = registries.probe_referrers(&unknown, &Digest::of(b""), true).await;
        assert_eq!(shown.ability.known(), Some(false), "it does not know what stands there");
    }

    #[tokio::test]
    async fn a_tag_list_with_digests_is_recognised() {
        let server = TestServer::start(|request| async move {
            if request.path.contains("google") {
                answer(200, &[], r#"{"tags":["v1"],"manifest":{"sha256:00":{"tag":["v1"]}}}"#)
            } else {
                answer(200, &[], r#"{"tags":["v1"]}"#)
            }
        })
        .await;
        let registries = registries(&server);
        for (name, expected) in [("google", true), ("other", false)] {
            let repository = format!("{}/{name}/app", server.address).parse().unwrap();
            let shown = registries.probe_tag_digests(&repository).await.unwrap();
            assert_eq!(shown.ability.known(), Some(expected), "{name}");
        }
    }

    #[tokio::test]
    async fn a_catalog_that_is_not_shown_is_none_that_is_missing() {
        let server = TestServer::start(|_| async { refusal(403, "DENIED") }).await;
        let prefix = server.address.to_string().parse().unwrap();
        let (shown, found) = registries(&server).probe_catalog(&prefix).await;
        assert_eq!((shown.ability.known(), found), (None, None));
    }
}
