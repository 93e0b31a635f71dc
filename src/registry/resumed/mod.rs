//! Reading a blob on where its connection broke.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, StatusCode};
use tokio::time::sleep;

use super::access::Mode;
use super::classify;
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::Ask;
use super::protocol::BlobStream;
use crate::http::Answer;
use crate::model::{Descriptor, Repository};

/// How often in a row a blob is opened again without much more of it having come.
const ATTEMPTS: u32 = 3;
/// As much more is much.
const MUCH: u64 = 1 << 20;

struct Resumed {
    registries: HttpRegistries,
    repository: Repository,
    blob: Descriptor,
    content: BoxStream<'static, Result<Bytes, RegistryError>>,
    /// What the answer was tagged with: of another content the rest is of no use.
    tag: Option<HeaderValue>,
    received: u64,
    attempts: u32,
    /// What had come when `attempts` was counted from.
    counted_at: u64,
    /// The registry does not serve ranges of it.
    whole: bool,
}

/// The bytes of an answer that serves `blob` from its beginning; where they break off, the rest is asked for by range
/// (RFC 9110, section 14). What comes out is one run of bytes, to be held against the digest as such.
pub(super) fn resumed(
    registries: &HttpRegistries,
    repository: &Repository,
    blob: &Descriptor,
    answer: Answer,
) -> BlobStream {
    let state = Resumed {
        registries: registries.clone(),
        repository: repository.clone(),
        blob: blob.clone(),
        // A weak one does not vouch for bytes.
        tag: answer
            .headers
            .get(ETAG)
            .filter(|tag| tag.as_bytes().starts_with(b"\""))
            .cloned(),
        content: answer.stream().map_err(RegistryError::from).boxed(),
        received: 0,
        attempts: 0,
        counted_at: 0,
        whole: false,
    };
    Box::pin(stream::try_unfold(state, |mut state| async {
        Ok(state.next().await?.map(|piece| (piece, state)))
    }))
}

impl Resumed {
    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            let error = match self.content.next().await {
                None => return Ok(None),
                Some(Ok(piece)) => {
                    self.received += piece.len() as u64;
                    return Ok(Some(piece));
                }
                Some(Err(error)) => error,
            };
            let broken = matches!(error.kind, ErrorKind::Interrupted | ErrorKind::TimedOut);
            if !broken || self.received >= self.blob.size {
                return Err(error);
            }
            if self.received >= self.counted_at + MUCH {
                self.attempts = 0;
                self.counted_at = self.received;
            }
            self.attempts += 1;
            if self.attempts > ATTEMPTS {
                return Err(error);
            }
            // Gives its place back before another is asked for.
            self.content = stream::empty().boxed();
            let pause = self.registries.http.options().retries.pause;
            sleep(pause.mul_f64(rand::random_range(0.0..2.0))).await;
            let mut again = self.open_again().await;
            if let Err(refused) = &again
                && refused.status == Some(StatusCode::RANGE_NOT_SATISFIABLE.as_u16())
                && !std::mem::replace(&mut self.whole, true)
            {
                again = self.open_again().await;
            }
            match again {
                Ok(content) => {
                    tracing::debug!(repository = %self.repository, digest = %self.blob.digest, at = self.received, "a blob is read on");
                    self.content = content;
                }
                Err(refused) if refused.kind == ErrorKind::DigestMismatch => return Err(refused),
                Err(refused) => {
                    tracing::debug!(repository = %self.repository, digest = %self.blob.digest, error = %refused, "a blob cannot be read on");
                    return Err(error);
                }
            }
        }
    }

    async fn open_again(&mut self) -> Result<BoxStream<'static, Result<Bytes, RegistryError>>, RegistryError> {
        let access = self.registries.access(&self.repository, Mode::Read)?;
        let url = access.url(&format!("blobs/{}", self.blob.digest));
        let mut ask = Ask::new(Method::GET, &access, url).download();
        // Its end is known, and named: some storage refuses a range that is left open.
        let range = format!("bytes={}-{}", self.received, self.blob.size - 1);
        if let Ok(range) = HeaderValue::from_str(&range)
            && !self.whole
        {
            ask = ask.header(RANGE, range);
            if let Some(tag) = &self.tag {
                ask = ask.header(IF_RANGE, tag.clone());
            }
        }
        let opened = self.registries.open(&ask).await?;
        let answer = opened.answer;
        let mismatch = |message: String| RegistryError {
            status: Some(answer.status.as_u16()),
            ..RegistryError::new(ErrorKind::DigestMismatch, &answer.method, &answer.url, message)
        };
        let skipped = match answer.status {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.header(CONTENT_RANGE).unwrap_or_default();
                if !continues(range, self.received, self.blob.size) {
                    return Err(mismatch(format!(
                        "the registry was asked for the bytes from {} of {} and serves `{range}`",
                        self.received, self.blob.size
                    )));
                }
                0
            }
            // Ranges are the server's choice: it serves everything again.
            StatusCode::OK => {
                if answer.announced_length().is_some_and(|length| length != self.blob.size) {
                    return Err(mismatch("the blob has another length than a moment ago".to_owned()));
                }
                self.received
            }
            _ => return Err(classify::failure(&answer.read(access.limits.answer).await?)),
        };
        Ok(skip(answer.stream().map_err(RegistryError::from).boxed(), skipped))
    }
}

/// Whether a `Content-Range` is of the bytes from `start` to the end of `size`.
fn continues(range: &str, start: u64, size: u64) -> bool {
    let parse = || -> Option<(u64, u64, &str)> {
        let (span, whole) = range.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = span.split_once('-')?;
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?, whole.trim()))
    };
    parse().is_some_and(|(first, last, whole)| {
        first == start && last < size && (whole == "*" || whole.parse() == Ok(size))
    })
}

/// `content` without its first `count` bytes.
fn skip(
    content: BoxStream<'static, Result<Bytes, RegistryError>>,
    count: u64,
) -> BoxStream<'static, Result<Bytes, RegistryError>> {
    let mut left = count;
    content
        .try_filter_map(move |mut piece| {
            let gone = left.min(piece.len() as u64);
            left -= gone;
            let rest = piece.split_off(usize::try_from(gone).unwrap_or(usize::MAX));
            std::future::ready(Ok((!rest.is_empty()).then_some(rest)))
        })
        .boxed()
}

#[cfg(test)]
mod tests;
