//! Deleting manifests and tags, where registries have it.

use reqwest::{Method, StatusCode};

use super::access::Mode;
use super::classify;
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::Ask;
use super::protocol::{ManifestAt, Removal};
use crate::http::Reply;
use crate::model::{Digest, Repository, Tag};

impl HttpRegistries {
    /// Deletes a manifest and looks: that it is gone, or was not there, is said only where the registry serves it no more.
    pub(super) async fn remove_manifest_for_good(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Removal, RegistryError> {
        let removal = self.remove_manifest(repository, digest).await?;
        self.ensure_gone(repository, ManifestAt::Digest(digest)).await?;
        Ok(removal)
    }

    /// Deletes a tag, likewise.
    pub(super) async fn remove_tag_for_good(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Removal, RegistryError> {
        let removal = self.remove_tag(repository, tag).await?;
        if removal == Removal::Removed {
            self.ensure_gone(repository, ManifestAt::Tag(tag)).await?;
        }
        Ok(removal)
    }

    /// What the registry says to the deletion of a manifest.
    pub(super) async fn remove_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Removal, RegistryError> {
        let reply = self.ask_delete(repository, ManifestAt::Digest(digest)).await?;
        match reply.status {
            status if status.is_success() => removed(&reply),
            _ if classify::is_absence(&reply) && !is_unsupported(&reply) => Ok(Removal::Absent),
            _ => Err(classify::failure(&reply)),
        }
    }

    /// What the registry says to the deletion of a tag. One that deletes by digest only may take a tag for a digest that
    /// is wrong (400) or missing (404, though the tag stands: distribution before 3.0).
    pub(super) async fn remove_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        let reply = self.ask_delete(repository, ManifestAt::Tag(tag)).await?;
        let unsupported = |error: RegistryError| RegistryError {
            kind: ErrorKind::Unsupported,
            ..error
        };
        match reply.status {
            status if status.is_success() => removed(&reply),
            StatusCode::BAD_REQUEST => Err(unsupported(classify::failure(&reply))),
            _ if classify::is_absence(&reply) && !is_unsupported(&reply) => {
                if self.stands(repository, ManifestAt::Tag(tag)).await? {
                    Err(unsupported(classify::failure(&reply)))
                } else {
                    Ok(Removal::Absent)
                }
            }
            _ => Err(classify::failure(&reply)),
        }
    }

    async fn ask_delete(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<Reply, RegistryError> {
        let access = self.access(repository, Mode::Write)?.and_delete();
        let url = access.url(&format!("manifests/{at}"));
        self.ask(&Ask::new(Method::DELETE, &access, url)).await
    }

    /// Whether something can be had there. HEAD alone would not do: registries answer it for tags whose manifest is gone.
    async fn stands(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<bool, RegistryError> {
        if self.manifest_digest(repository, at).await?.is_none() {
            return Ok(false);
        }
        match self.get_manifest(repository, at).await {
            // What landfall does not read (Docker schema 1) stands all the same.
            Err(error) if error.kind == ErrorKind::Unsupported => Ok(true),
            found => Ok(found?.is_some()),
        }
    }

    /// An error here leaves it open what came of the deletion, whatever kind it was.
    async fn ensure_gone(&self, repository: &Repository, at: ManifestAt<'_>) -> Result<(), RegistryError> {
        let message = match self.stands(repository, at).await {
            Ok(false) => return Ok(()),
            Ok(true) => "the registry says that it is gone, and serves it still".to_owned(),
            Err(error) => format!("the registry says that it is gone, and looking whether it is fails: {error}"),
        };
        let access = self.access(repository, Mode::Write)?;
        let url = access.url(&format!("manifests/{at}"));
        Err(RegistryError::new(ErrorKind::Malformed, &Method::DELETE, &url, message))
    }
}

/// A success is one only where a registry says so: a page to sign in at has status 200 too.
fn removed(reply: &Reply) -> Result<Removal, RegistryError> {
    if classify::is_html(reply) {
        let message = "a web page answers, not a registry";
        return Err(classify::error(reply, ErrorKind::Malformed, message));
    }
    Ok(Removal::Removed)
}

fn is_unsupported(reply: &Reply) -> bool {
    classify::failure(reply).kind == ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use axum::response::Response;

    use super::*;
    use crate::http::test_server::{Received, TestServer, answer};
    use crate::registry::WritableRegistry as _;
    use crate::registry::test_support::{refusal, registries, repository};

    const MANIFEST: &str = "{}";

    /// HEAD and GET find a manifest.
    fn standing(request: &Received) -> Response {
        let digest = Digest::of(MANIFEST.as_bytes()).to_string();
        let body = if request.method == "GET" { MANIFEST } else { "" };
        answer(200, &[("docker-content-digest", &digest)], body)
    }

    fn outcome(result: Result<Removal, RegistryError>) -> Result<Removal, ErrorKind> {
        result.map_err(|error| error.kind)
    }

    #[tokio::test]
    async fn what_is_deleted_is_told_from_what_was_not_there_and_from_what_cannot_be() {
        let server = TestServer::start(|request| async move {
            let name = request.path.split('/').nth(3).unwrap();
            if request.method != "DELETE" {
                return match name {
                    "gone" | "absent" => refusal(404, "MANIFEST_UNKNOWN"),
                    "unseen" => answer(503, &[], ""),
                    _ => standing(&request),
                };
            }
            match name {
                "gone" | "still" | "unseen" => answer(202, &[], ""),
                "page" => answer(200, &[("content-type", "text/html")], "<html>Please sign in.</html>"),
                "absent" => refusal(404, "MANIFEST_UNKNOWN"),
                "by-digest-only" => refusal(400, "DIGEST_INVALID"),
                "off" => refusal(405, "UNSUPPORTED"),
                "without" => refusal(404, "UNSUPPORTED"),
                "old" => refusal(404, "MANIFEST_UNKNOWN"),
                "busy" => answer(429, &[], ""),
                _ => refusal(403, "DENIED"),
            }
        })
        .await;
        let registries = registries(&server);
        let (digest, tag) = (Digest::of(MANIFEST.as_bytes()), "v1".parse().unwrap());
        for (name, by_digest, by_tag) in [
            ("gone", Ok(Removal::Removed), Ok(Removal::Removed)),
            ("still", Err(ErrorKind::Malformed), Err(ErrorKind::Malformed)),
            ("unseen", Err(ErrorKind::Malformed), Err(ErrorKind::Malformed)),
            ("page", Err(ErrorKind::Malformed), Err(ErrorKind::Malformed)),
            ("absent", Ok(Removal::Absent), Ok(Removal::Absent)),
            ("by-digest-only", Err(ErrorKind::Refused), Err(ErrorKind::Unsupported)),
            ("off", Err(ErrorKind::Unsupported), Err(ErrorKind::Unsupported)),
            ("without", Err(ErrorKind::Unsupported), Err(ErrorKind::Unsupported)),
            ("old", Err(ErrorKind::Malformed), Err(ErrorKind::Unsupported)),
            ("busy", Err(ErrorKind::Throttled), Err(ErrorKind::Throttled)),
            ("forbidden", Err(ErrorKind::Denied), Err(ErrorKind::Denied)),
        ] {
            let repository = format!("{}/team/{name}", server.address).parse().unwrap();
            assert_eq!(
                outcome(registries.delete_manifest(&repository, &digest).await),
                by_digest,
                "{name}"
            );
            assert_eq!(
                outcome(registries.delete_tag(&repository, &tag).await),
                by_tag,
                "{name}"
            );
        }
        let deletes: Vec<String> = server
            .lines()
            .into_iter()
            .filter(|line| line.starts_with("DELETE"))
            .collect();
        let digests = deletes.iter().filter(|line| line.contains("sha256:")).count();
        assert_eq!(
            digests * 2,
            deletes.len(),
            "a tag is never removed by deleting its digest: {deletes:?}"
        );
    }

    #[tokio::test]
    async fn a_tag_that_only_head_finds_was_not_there() {
        let server = TestServer::start(|request| async move {
            match request.method.as_str() {
                "HEAD" => standing(&request),
                _ => refusal(404, "MANIFEST_UNKNOWN"),
            }
        })
        .await;
        let outcome = registries(&server)
            .delete_tag(&repository(&server), &"v1".parse().unwrap())
            .await;
        assert_eq!(outcome.unwrap(), Removal::Absent);
    }
}
