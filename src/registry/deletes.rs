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
    pub(super) async fn remove_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Removal, RegistryError> {
        let reply = self.ask_delete(repository, ManifestAt::Digest(digest)).await?;
        match reply.status {
            status if status.is_success() => Ok(Removal::Removed),
            _ if classify::is_absence(&reply) && !is_unsupported(&reply) => Ok(Removal::Absent),
            _ => Err(classify::failure(&reply)),
        }
    }

    /// A registry that deletes by digest only may take a tag for a digest that is wrong (400) or missing (404, though the
    /// tag stands: distribution before 3.0).
    pub(super) async fn remove_tag(&self, repository: &Repository, tag: &Tag) -> Result<Removal, RegistryError> {
        let reply = self.ask_delete(repository, ManifestAt::Tag(tag)).await?;
        let unsupported = |error: RegistryError| RegistryError {
            kind: ErrorKind::Unsupported,
            ..error
        };
        match reply.status {
            status if status.is_success() => Ok(Removal::Removed),
            StatusCode::BAD_REQUEST => Err(unsupported(classify::failure(&reply))),
            _ if classify::is_absence(&reply) && !is_unsupported(&reply) => {
                match self.manifest_digest(repository, ManifestAt::Tag(tag)).await? {
                    None => Ok(Removal::Absent),
                    Some(_) => Err(unsupported(classify::failure(&reply))),
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
}

fn is_unsupported(reply: &Reply) -> bool {
    classify::failure(reply).kind == ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::test_server::{TestServer, answer};
    use crate::registry::Registry as _;
    use crate::registry::test_support::{refusal, registries};

    fn outcome(result: Result<Removal, RegistryError>) -> Result<Removal, ErrorKind> {
        result.map_err(|error| error.kind)
    }

    #[tokio::test]
    async fn what_is_deleted_is_told_from_what_was_not_there_and_from_what_cannot_be() {
        let server = TestServer::start(|request| async move {
            let stands = request.method == "HEAD" && !request.path.contains("absent");
            if stands {
                let digest = Digest::of(b"x").to_string();
                return answer(200, &[("docker-content-digest", &digest)], "");
            }
            match request.path.split('/').nth(3).unwrap() {
                "gone" => answer(202, &[], ""),
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
        let (digest, tag) = (Digest::of(b"x"), "v1".parse().unwrap());
        for (name, by_digest, by_tag) in [
            ("gone", Ok(Removal::Removed), Ok(Removal::Removed)),
            ("absent", Ok(Removal::Absent), Ok(Removal::Absent)),
            ("by-digest-only", Err(ErrorKind::Refused), Err(ErrorKind::Unsupported)),
            ("off", Err(ErrorKind::Unsupported), Err(ErrorKind::Unsupported)),
            ("without", Err(ErrorKind::Unsupported), Err(ErrorKind::Unsupported)),
            ("old", Ok(Removal::Absent), Err(ErrorKind::Unsupported)),
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
}
