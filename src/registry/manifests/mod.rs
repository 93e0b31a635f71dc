//! Manifests, by tag and by digest, and the registry's own `/v2/`.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};

use super::access::{Access, Mode};
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::Ask;
use super::protocol::{FetchedManifest, ManifestAt, Pushed, Replaced};
use crate::http::{Lane, Reply};
use crate::model::{Digest, DigestError, Repository, Tag, media_type};

/// "The digest of the uploaded or stored content" (OCI distribution specification, "Pulling manifests").
const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The registry keeps the referrers list of the manifest's subject (OCI distribution specification, "Pushing Manifests
/// with Subject").
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl HttpRegistries {
    /// A registry may keep its `/v2/` from strangers and still let them pull: a challenge is an answer too, where we
    /// have no credentials to answer it with.
    pub(super) async fn answers(&self, repository: &Repository) -> Result<(), RegistryError> {
        let access = self.access(repository, Mode::Read)?.without_scopes();
        let ask = Ask::new(Method::GET, &access, access.home.url.clone());
        match self.ask(&ask).await {
            Ok(reply) if reply.status == StatusCode::OK && !classify::is_html(&reply) => Ok(()),
            Ok(reply) if reply.status == StatusCode::OK => Err(error(
                &reply,
                ErrorKind::Malformed,
                "a web page, not a registry, answers at `/v2/`",
            )),
            Ok(reply) => Err(classify::failure(&reply)),
            Err(error) if error.kind == ErrorKind::Denied && !access.has_credentials() => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn get_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<FetchedManifest>, RegistryError> {
        let reply = self.ask_manifest(Method::GET, repository, at).await?;
        if reply.status != StatusCode::OK {
            return if classify::is_absence(&reply) {
                Ok(None)
            } else {
                Err(classify::failure(&reply))
            };
        }
        let media_type = reply.header(CONTENT_TYPE).map(str::to_owned);
        // Their Docker-Content-Digest is not that of the bytes: the signatures are left out of it.
        if matches!(
            reply.media_type().as_deref(),
            Some(media_type::DOCKER_SCHEMA1 | media_type::DOCKER_SCHEMA1_SIGNED)
        ) {
            return Err(error(
                &reply,
                ErrorKind::Unsupported,
                "Docker schema 1 manifests are refused: rebuild or convert the image at its source",
            ));
        }
        if reply
            .header(CONTENT_ENCODING)
            .is_some_and(|encoding| encoding != "identity")
        {
            return Err(error(
                &reply,
                ErrorKind::Malformed,
                "the manifest comes compressed, which nobody asked for",
            ));
        }
        let digest = Digest::of(&reply.bytes);
        if let ManifestAt::Digest(wanted) = at
            && digest != *wanted
        {
            return Err(error(
                &reply,
                ErrorKind::DigestMismatch,
                format!("the manifest served has the digest {digest}"),
            ));
        }
        if let Some(claimed) = content_digest(&reply)?
            && claimed != digest
        {
            return Err(error(
                &reply,
                ErrorKind::DigestMismatch,
                format!("the manifest served has the digest {digest}, its header says {claimed}"),
            ));
        }
        Ok(Some(FetchedManifest {
            digest,
            media_type,
            bytes: reply.bytes,
        }))
    }

    /// Where HEAD does not tell (no digest, not allowed, a 404 that no registry gave), GET does; and where HEAD says that
    /// a tag is not there, GET decides: some registries (Nexus, for one) deny to HEAD what they serve and list, and a tag
    /// that is taken for absent is written to.
    pub(super) async fn manifest_digest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Option<Digest>, RegistryError> {
        let reply = self.ask_manifest(Method::HEAD, repository, at).await?;
        let digest = match reply.status {
            StatusCode::OK => content_digest(&reply)?,
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => None,
            _ if classify::is_absence(&reply) && matches!(at, ManifestAt::Digest(_)) => return Ok(None),
            _ if classify::is_absence(&reply) || classify::is_doubtful(&reply) => None,
            _ => return Err(classify::failure(&reply)),
        };
        match (digest, at) {
            (Some(digest), ManifestAt::Digest(wanted)) if digest != *wanted => Err(error(
                &reply,
                ErrorKind::DigestMismatch,
                format!("the registry says it has {digest} there"),
            )),
            (Some(digest), _) => Ok(Some(digest)),
            (None, _) => Ok(self.get_manifest(repository, at).await?.map(|manifest| manifest.digest)),
        }
    }

    async fn ask_manifest(
        &self,
        method: Method,
        repository: &Repository,
        at: ManifestAt<'_>,
    ) -> Result<Reply, RegistryError> {
        let access = self.access(repository, Mode::Read)?;
        let url = access.url(&format!("manifests/{at}"));
        let ask = Ask::new(method, &access, url)
            .header(ACCEPT, HeaderValue::from_static(media_type::ACCEPT))
            .limit(self.limits.manifest);
        self.ask(&ask).await
    }

    pub(super) async fn push_manifest(
        &self,
        repository: &Repository,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Pushed, RegistryError> {
        let access = self.access(repository, Mode::Write)?;
        self.push_manifest_in(&access, at, media_type, bytes, Lane::Write).await
    }

    /// The look and the write take one turn: whatever else is sent there waits neither before the one nor between the two.
    pub(super) async fn replace_shared(
        &self,
        repository: &Repository,
        tag: &Tag,
        standing: Option<&FetchedManifest>,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Replaced, RegistryError> {
        let access = self.access(repository, Mode::Write)?;
        // A token takes a while, and so comes before the look.
        self.auth.authorization(&self.http, &access).await?;
        let budget = access.setting.budget;
        let _turn = self
            .http
            .reserve(&access.home, budget, Lane::Turn, access.line())
            .await?;
        let at = ManifestAt::Tag(tag);
        match self.get_manifest(repository, at).await {
            Err(error) => return Ok(Replaced::Unread(error)),
            Ok(now) if now.as_ref() != standing => return Ok(Replaced::Changed),
            Ok(_) => {}
        }
        self.push_manifest_in(&access, at, media_type, bytes, Lane::Follow)
            .await
            .map(Replaced::Stored)
    }

    async fn push_manifest_in(
        &self,
        access: &Access<'_>,
        at: ManifestAt<'_>,
        media_type: &str,
        bytes: Bytes,
        lane: Lane,
    ) -> Result<Pushed, RegistryError> {
        let url = access.url(&format!("manifests/{at}"));
        let refuse = |kind: ErrorKind, message: String| RegistryError::new(kind, &Method::PUT, &url, message);
        let digest = Digest::of(&bytes);
        match at {
            ManifestAt::Digest(wanted) if digest != *wanted => {
                return Err(refuse(
                    ErrorKind::DigestMismatch,
                    format!("the manifest to be stored has the digest {digest}"),
                ));
            }
            _ => {}
        }
        let content_type = HeaderValue::from_str(media_type).map_err(|_| {
            refuse(
                ErrorKind::Refused,
                "the manifest's media type is none that HTTP can carry".to_owned(),
            )
        })?;
        let mut ask = Ask::new(Method::PUT, access, url.clone())
            .header(CONTENT_TYPE, content_type)
            .body(bytes)
            .lane(lane);
        if matches!(at, ManifestAt::Tag(tag) if tag.is_shared()) {
            // What was merged is old by the time a registry that is busy wants to be asked again.
            ask = ask.once();
        }
        let reply = self.ask(&ask).await?;
        if !matches!(
            reply.status,
            StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED
        ) {
            return Err(classify::failure(&reply));
        }
        if let Some(stored) = content_digest(&reply)?
            && stored != digest
        {
            return Err(error(
                &reply,
                ErrorKind::DigestMismatch,
                format!("the registry stored {stored} where {digest} was sent"),
            ));
        }
        Ok(Pushed {
            subject_acknowledged: reply.headers.contains_key(OCI_SUBJECT),
        })
    }
}

/// The digest that an answer's header claims; `None` where it claims none, or one by an algorithm that landfall does not
/// compute.
pub(super) fn content_digest(reply: &Reply) -> Result<Option<Digest>, RegistryError> {
    let Some(value) = reply.headers.get(DOCKER_CONTENT_DIGEST) else {
        return Ok(None);
    };
    match value.to_str().unwrap_or_default().trim().parse() {
        Ok(digest) => Ok(Some(digest)),
        Err(DigestError::Algorithm(_)) => Ok(None),
        Err(_) => Err(error(
            reply,
            ErrorKind::Malformed,
            "the header Docker-Content-Digest holds no digest",
        )),
    }
}

#[cfg(test)]
mod tests;
