//! Getting one blob's bytes across, whatever happens on the way.

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, sleep};
use url::Url;

use super::access::Access;
use super::chunking::{CHUNK, LARGEST_CHUNK, SMALLEST_CHUNK};
use super::classify::{self, error};
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::discreet;
use super::rewindable::Rewindable;
use super::upload_session::{location, received, smallest_chunk};
use super::uploads::{open_session, same_digest};
use crate::http::{HttpErrorKind, Lane, Reply, Request, Retries, UploadError};
use crate::model::{Descriptor, Repository};

/// How often in a row an upload is taken up again without having got any further.
const ATTEMPTS: u32 = 3;

/// An upload whose session is open.
pub(super) struct Transmission<'a> {
    registries: &'a HttpRegistries,
    access: &'a Access<'a>,
    repository: &'a Repository,
    blob: &'a Descriptor,
    content: &'a Rewindable,
    location: Url,
    chunked: bool,
    chunk: u64,
    /// The least that the registry takes as a chunk, but for the last.
    smallest: u64,
    /// What the registry is known to have.
    stored: u64,
    began: Instant,
    /// Times in a row that it was taken up again without having got further.
    attempts: u32,
    begun_again: bool,
    authorized_again: bool,
}

/// Why an upload stands still.
enum Trouble {
    /// For good.
    Failed(RegistryError),
    /// The registry did nothing, and wants it sent again: it was busy, or wants newer credentials.
    NotTaken(RegistryError),
    /// Nobody knows how far it got.
    Cut(RegistryError),
    /// The registry knows nothing of the session.
    Lost(RegistryError),
    /// Too much for one request.
    TooMuch(RegistryError),
}

/// Whether the blob stands.
enum Progress {
    Stored,
    Open,
}

impl<'a> Transmission<'a> {
    pub(super) fn new(
        registries: &'a HttpRegistries,
        access: &'a Access<'a>,
        (repository, blob): (&'a Repository, &'a Descriptor),
        content: &'a Rewindable,
        location: Url,
        chunked: bool,
    ) -> Self {
        Self {
            registries,
            access,
            repository,
            blob,
            content,
            location,
            chunked,
            chunk: CHUNK,
            smallest: SMALLEST_CHUNK,
            stored: 0,
            began: Instant::now(),
            attempts: 0,
            begun_again: false,
            authorized_again: false,
        }
    }

    /// Minds what the answer that opened the session says of chunks.
    pub(super) fn opened_by(&mut self, reply: &Reply) -> Result<(), RegistryError> {
        let Some(smallest) = smallest_chunk(reply) else {
            return Ok(());
        };
        if smallest > LARGEST_CHUNK {
            return Err(error(
                reply,
                ErrorKind::Unsupported,
                format!(
                    "the registry wants chunks of {smallest} bytes at least; landfall sends {LARGEST_CHUNK} at most"
                ),
            ));
        }
        self.smallest = smallest.max(1);
        self.chunk = self.chunk.max(smallest);
        self.content.keep_at_least(self.chunk);
        Ok(())
    }

    pub(super) async fn run(mut self) -> Result<(), RegistryError> {
        loop {
            let sent = if self.chunked {
                self.send_chunks().await
            } else {
                self.send_whole().await
            };
            let Err(trouble) = sent else { return Ok(()) };
            if let Progress::Stored = self.recover(trouble).await? {
                return Ok(());
            }
        }
    }

    async fn send_whole(&mut self) -> Result<(), Trouble> {
        let reply = self.put(self.blob.size).await?;
        self.judge_commit(&reply)
    }

    async fn send_chunks(&mut self) -> Result<(), Trouble> {
        while self.stored < self.blob.size {
            let length = self.chunk.min(self.blob.size - self.stored);
            let range = format!("{}-{}", self.stored, self.stored + length - 1);
            let mut headers = octets();
            if let Ok(range) = HeaderValue::from_str(&range) {
                headers.insert(CONTENT_RANGE, range);
            }
            let reply = self.send(Method::PATCH, self.location.clone(), headers, length).await?;
            if !reply.status.is_success() {
                return Err(trouble(&reply));
            }
            self.continue_at(&reply).map_err(Trouble::Failed)?;
            let sent = self.stored + length;
            let has = received(&reply).unwrap_or(sent);
            if has > sent || !self.content.seek(has) {
                let message = format!("the registry says that it has {has} bytes where {sent} were sent");
                return Err(Trouble::Failed(error(&reply, ErrorKind::Malformed, message)));
            }
            self.advance(has);
            if has < sent {
                return Err(Trouble::Cut(error(
                    &reply,
                    ErrorKind::Malformed,
                    format!("the registry took {has} bytes where {sent} were sent"),
                )));
            }
        }
        let reply = self.put(0).await?;
        self.judge_commit(&reply)
    }

    /// The request that ends the upload, with the last `length` bytes.
    async fn put(&mut self, length: u64) -> Result<Reply, Trouble> {
        let mut url = self.location.clone();
        url.query_pairs_mut()
            .append_pair("digest", &self.blob.digest.to_string());
        self.send(Method::PUT, url, octets(), length).await
    }

    fn judge_commit(&self, reply: &Reply) -> Result<(), Trouble> {
        match reply.status {
            StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT => {
                same_digest(reply, self.blob).map_err(Trouble::Failed)
            }
            _ => Err(trouble(reply)),
        }
    }

    /// Finds out how things stand and sees to it that sending can go on, if it can.
    async fn recover(&mut self, trouble: Trouble) -> Result<Progress, RegistryError> {
        match trouble {
            Trouble::Failed(error) => Err(error),
            Trouble::NotTaken(error) => {
                self.count_attempt(&error)?;
                if self.content.seek(self.stored) {
                    Ok(Progress::Open)
                } else {
                    self.resume(error).await
                }
            }
            Trouble::Cut(error) => {
                self.count_attempt(&error)?;
                self.resume(error).await
            }
            Trouble::Lost(error) => self.begin_again(error).await,
            Trouble::TooMuch(error) if self.chunked => {
                self.chunk = (self.chunk / 2).max(self.smallest);
                self.count_attempt(&error)?;
                if self.content.seek(self.stored) {
                    Ok(Progress::Open)
                } else {
                    Err(error)
                }
            }
            Trouble::TooMuch(error) if self.access.setting.upload.is_none() => {
                tracing::debug!(repository = %self.repository, %error, "from now on in chunks");
                self.registries
                    .chunking
                    .refused(&self.repository.registry, self.blob.size);
                self.chunked = true;
                self.begin_again(error).await
            }
            Trouble::TooMuch(error) => Err(error),
        }
    }

    fn count_attempt(&mut self, error: &RegistryError) -> Result<(), RegistryError> {
        self.attempts += 1;
        tracing::debug!(repository = %self.repository, digest = %self.blob.digest, %error, "an upload stands still");
        // An upload that gets a little further each time it is taken up would never end.
        let timeouts = &self.registries.http.options().timeouts;
        let patience = 2 * timeouts.commit + timeouts.least_rate.time_for(self.blob.size);
        if self.attempts > ATTEMPTS || self.began.elapsed() > patience {
            return Err(error.clone());
        }
        Ok(())
    }

    fn advance(&mut self, stored: u64) {
        if stored > self.stored {
            self.attempts = 0;
            self.authorized_again = false;
        }
        self.stored = stored;
    }

    /// Asks how much has arrived, and goes on from there in chunks. `cause` is what is told if that leads nowhere.
    async fn resume(&mut self, cause: RegistryError) -> Result<Progress, RegistryError> {
        let pause = self.registries.http.options().retries.pause;
        sleep(pause.mul_f64(rand::random_range(0.0..2.0))).await;
        // With everything sent, the answer alone may have been lost.
        if self.content.position() >= self.blob.size && self.stands().await {
            return Ok(Progress::Stored);
        }
        let reply = match self.send(Method::GET, self.location.clone(), HeaderMap::new(), 0).await {
            Ok(reply) => reply,
            Err(Trouble::Failed(_) | Trouble::TooMuch(_)) => return Err(cause),
            // Counted, and asked again.
            Err(_) => return Ok(Progress::Open),
        };
        if reply.status == StatusCode::NOT_FOUND {
            return self.begin_again(cause).await;
        }
        let Some(has) = received(&reply).filter(|_| reply.status.is_success()) else {
            return Err(cause);
        };
        if self.content.seek(has) {
            if reply.headers.contains_key(LOCATION) {
                self.continue_at(&reply)?;
            }
            tracing::debug!(repository = %self.repository, digest = %self.blob.digest, has, "an upload goes on");
            self.chunked = true;
            self.content.keep_at_least(self.chunk);
            self.advance(has);
            return Ok(Progress::Open);
        }
        self.begin_again(cause).await
    }

    /// Opens another session, once, if the content can still be sent from its beginning.
    async fn begin_again(&mut self, cause: RegistryError) -> Result<Progress, RegistryError> {
        if self.begun_again || !self.content.seek(0) {
            return Err(cause);
        }
        self.begun_again = true;
        self.stored = 0;
        let reply = open_session(self.registries, self.access).await?;
        self.location = location(&reply, self.access)?;
        self.opened_by(&reply)?;
        Ok(Progress::Open)
    }

    async fn stands(&self) -> bool {
        matches!(self.registries.head_blob(self.repository, self.blob).await, Ok(true))
    }

    fn continue_at(&mut self, reply: &Reply) -> Result<(), RegistryError> {
        if reply.headers.contains_key(LOCATION) {
            self.location = location(reply, self.access)?;
        }
        Ok(())
    }

    /// Sends a request of this upload, with the next `length` bytes of its content.
    async fn send(&mut self, method: Method, url: Url, headers: HeaderMap, length: u64) -> Result<Reply, Trouble> {
        let http = &self.registries.http;
        let authorization = if url.origin() == self.access.home.url.origin() {
            let found = self.registries.auth.authorization(http, self.access).await;
            Some(found.map_err(Trouble::Failed)?)
        } else {
            None
        };
        let mut request = Request::new(method, url, &self.access.home);
        request.headers = headers;
        request.authorization = authorization.as_ref().and_then(|shown| shown.header.clone());
        request.lane = Lane::Part;
        request.line = self.access.line();
        request.budget = self.access.setting.budget;
        let limit = self.access.limits.answer;
        let reply = if length > 0 {
            let answer = http.upload(&request, length, self.content.part(length)).await;
            let answer = answer.map_err(|error| self.upload_trouble(error, &request))?;
            answer.read(limit).await
        } else {
            let mut retries = Retries::of_refusals(&http.options().retries);
            http.fetch(&request, limit, &mut retries).await
        };
        let mut reply = reply.map_err(|error| http_trouble(error.kind, error.into()))?;
        if let Some(authorization) = authorization {
            reply = discreet(reply, &authorization).map_err(Trouble::Failed)?;
            if reply.status == StatusCode::UNAUTHORIZED {
                self.registries.auth.discard(&authorization).await;
                if !std::mem::replace(&mut self.authorized_again, true) {
                    return Err(Trouble::NotTaken(classify::failure(&reply)));
                }
            }
        }
        Ok(reply)
    }

    fn upload_trouble(&self, error: UploadError<RegistryError>, request: &Request<'_>) -> Trouble {
        match error {
            UploadError::Content(error) => Trouble::Failed(error),
            UploadError::Http(error) => http_trouble(error.kind, error.into()),
            UploadError::Length { .. } => {
                let (found, size) = (self.content.position(), self.blob.size);
                let message = format!("the blob to be stored has {found} bytes, its descriptor says {size}");
                let error = RegistryError::new(ErrorKind::DigestMismatch, &request.method, &request.url, message);
                Trouble::Failed(error)
            }
        }
    }
}

fn octets() -> HeaderMap {
    let octets = HeaderValue::from_static("application/octet-stream");
    [(CONTENT_TYPE, octets)].into_iter().collect()
}

fn http_trouble(kind: HttpErrorKind, error: RegistryError) -> Trouble {
    match kind {
        HttpErrorKind::Interrupted | HttpErrorKind::TimedOut | HttpErrorKind::Unreachable => Trouble::Cut(error),
        _ => Trouble::Failed(error),
    }
}

/// What an answer that is no success means for the upload.
fn trouble(reply: &Reply) -> Trouble {
    let error = classify::failure(reply);
    match reply.status.as_u16() {
        429 => Trouble::NotTaken(error),
        404 => Trouble::Lost(error),
        416 | 500 | 502.. => Trouble::Cut(error),
        405 | 411 | 413 | 501 => Trouble::TooMuch(error),
        _ if error.kind == ErrorKind::Throttled => Trouble::NotTaken(error),
        _ if error.kind == ErrorKind::Unsupported => Trouble::TooMuch(error),
        _ => Trouble::Failed(error),
    }
}

#[cfg(test)]
mod tests;
