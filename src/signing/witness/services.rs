//! The log and the authority of one signer.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::sync::OnceCell;
use url::Url;

use super::{WitnessError, log, timestamp};
use crate::http::{Follow, Home, HttpClient, Request, Retries, Trust};
use crate::model::{Digest, Signer};
use crate::trust::{PublicKey, TrustRoots, Witness, bundle};

/// A log entry with its proof, or a timestamp with its certificates.
const LARGEST_ANSWER: usize = 1 << 20;

/// Who bears witness for a signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSource {
    /// A Rekor v2 log.
    pub log: Option<Url>,
    /// An RFC 3161 authority.
    pub timestamp: Option<Url>,
    /// The trust root that their answers are held against.
    pub trusted_root: PathBuf,
}

/// Asks them. What they answer is used once it verifies.
pub struct Witnesses {
    source: WitnessSource,
    http: Arc<HttpClient>,
    roots: OnceCell<TrustRoots>,
}

impl Witnesses {
    #[must_use]
    pub fn new(source: WitnessSource, http: Arc<HttpClient>) -> Self {
        Self {
            source,
            http,
            roots: OnceCell::new(),
        }
    }

    /// Has this signature over the statement about `image` witnessed.
    ///
    /// # Errors
    /// A witness that does not answer, or says something that does not hold.
    pub async fn of(
        &self,
        signer: &Signer,
        image: &Digest,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<Witness, WitnessError> {
        let key = PublicKey::from_pem(signer.key.pem.as_bytes()).map_err(WitnessError::PublicKey)?;
        let message = bundle::message_to_sign(statement);
        let roots = self.roots.get_or_try_init(async || self.read_roots()).await?;
        let logged = async {
            let Some(url) = &self.source.log else { return Ok(None) };
            let body = log::request(&key, &message, signature)?.to_string();
            let entries = joined(url, log::PATH);
            self.ask(&entries, "application/json", "application/json", body.into())
                .await
                .map(Some)
        };
        let stamped = async {
            let Some(url) = &self.source.timestamp else {
                return Ok(None);
            };
            let body = timestamp::request(signature);
            self.ask(
                url,
                "application/timestamp-query",
                "application/timestamp-reply",
                body.into(),
            )
            .await
            .map(Some)
        };
        let (entry, token) = futures_util::try_join!(logged, stamped)?;
        let witness = Witness::read(entry.as_deref(), token.as_deref()).map_err(WitnessError::Lied)?;
        bundle::verify_witness(&key, image, statement, signature, &witness, roots).map_err(WitnessError::Lied)?;
        Ok(witness)
    }

    /// Reads the trust root; nobody is asked.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn check(&self) -> Result<(), WitnessError> {
        self.roots.get_or_try_init(async || self.read_roots()).await.map(drop)
    }

    fn read_roots(&self) -> Result<TrustRoots, WitnessError> {
        let path = &self.source.trusted_root;
        let bytes = std::fs::read(path).map_err(|error| WitnessError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        TrustRoots::from_json(&bytes).map_err(|error| WitnessError::TrustRoot {
            path: path.clone(),
            error,
        })
    }

    /// One question. It may be asked again: a second entry or timestamp harms nobody, and is not used.
    async fn ask(
        &self,
        url: &Url,
        sends: &'static str,
        accepts: &'static str,
        body: Bytes,
    ) -> Result<Bytes, WitnessError> {
        let home = Home {
            url: url.clone(),
            trust: Trust::default(),
        };
        let service = || crate::http::redacted(url);
        let mut request = Request::new(Method::POST, url.clone(), &home);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(sends));
        request.headers.insert(ACCEPT, HeaderValue::from_static(accepts));
        request.body = body;
        request.follow = Follow::None;
        let mut retries = Retries::new(&self.http.options().retries);
        loop {
            let answer = self.http.fetch(&request, LARGEST_ANSWER, &mut Retries::none()).await;
            let passing = match &answer {
                Err(error) => error.is_transient(),
                Ok(reply) => reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS,
            };
            if passing && retries.again().await {
                continue;
            }
            let reply = answer.map_err(|error| WitnessError::Service {
                service: service(),
                reason: error.to_string(),
            })?;
            if reply.status.is_success() {
                return Ok(reply.bytes);
            }
            return Err(WitnessError::Refused {
                service: service(),
                status: reply.status.as_u16(),
            });
        }
    }
}

fn joined(url: &Url, path: &str) -> Url {
    let mut joined = url.clone();
    joined.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
    joined
}

impl std::fmt::Debug for Witnesses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_below_the_logs_url() {
        for url in ["https://log.example.com", "https://log.example.com/"] {
            let joined = joined(&url.parse().unwrap(), log::PATH);
            assert_eq!(joined.as_str(), "https://log.example.com/api/v2/log/entries");
        }
        let below = joined(&"https://example.com/log/".parse().unwrap(), log::PATH);
        assert_eq!(below.as_str(), "https://example.com/log/api/v2/log/entries");
    }
}
