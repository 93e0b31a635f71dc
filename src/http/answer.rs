//! What came back, and reading it within limits.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, timeout};
use url::Url;

use super::budget::Place;
use super::error::{HttpError, HttpErrorKind};
use super::least_rate::Pace;
use super::options::Timeouts;

/// An answer whose body is still to come. It holds its place in the budget until it is read or dropped.
#[derive(Debug)]
pub struct Answer {
    pub method: Method,
    /// Where the answer came from in the end.
    pub url: Url,
    /// A redirect led away from the host that was asked.
    pub elsewhere: bool,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub(super) response: reqwest::Response,
    pub(super) timeouts: Timeouts,
    pub(super) pace: Pace,
    pub(super) place: Place,
}

/// An answer with its body, which is empty for HEAD.
#[derive(Debug, Clone)]
pub struct Reply {
    pub method: Method,
    pub url: Url,
    pub elsewhere: bool,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

/// A header's value, where it is there and is text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

impl Answer {
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The length that the head announces; for HEAD that of the body there would be.
    #[must_use]
    pub fn announced_length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH)?.parse().ok()
    }

    /// Whether the server wants the request later, having done nothing. A 503 may come from behind whatever did it.
    pub(super) fn is_refused(&self) -> bool {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::SERVICE_UNAVAILABLE => {
                matches!(self.method, Method::GET | Method::HEAD) && self.headers.contains_key(RETRY_AFTER)
            }
            _ => false,
        }
    }

    /// Whether a gateway says that its registry is not there just now, and names no time to come back.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        ) && !self.headers.contains_key(RETRY_AFTER)
    }

    /// Reads the whole body, of at most `limit` bytes, within the time for bodies.
    pub async fn read(mut self, limit: usize) -> Result<Reply, HttpError> {
        let patience = self.timeouts.body;
        let too_large = |this: &Self| {
            this.error(
                HttpErrorKind::TooLarge,
                format!("the answer has more than the {limit} bytes allowed"),
            )
        };
        let whole = async {
            let mut body = BytesMut::new();
            if self.method != Method::HEAD {
                if self.announced_length().is_some_and(|length| length > limit as u64) {
                    return Err(too_large(&self));
                }
                while let Some(piece) = self.piece().await? {
                    if piece.len() > limit - body.len() {
                        return Err(too_large(&self));
                    }
                    body.extend_from_slice(&piece);
                }
            }
            Ok(body.freeze())
        };
        let bytes = match timeout(patience, whole).await {
            Ok(read) => read?,
            Err(_) => return Err(self.error(HttpErrorKind::TimedOut, "the answer did not end in time")),
        };
        Ok(Reply {
            method: self.method,
            url: self.url,
            elsewhere: self.elsewhere,
            status: self.status,
            headers: self.headers,
            bytes,
        })
    }

    /// The body as it comes. Nothing bounds it but the time between its pieces, and the least rate.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, HttpError>> + Send + 'static {
        stream::try_unfold(self, |mut answer| async {
            Ok(answer.piece().await?.map(|piece| (piece, answer)))
        })
    }

    /// Reads a short body away, so that the connection can be used again.
    pub(super) async fn discard(self) {
        let _ = self.read(64 << 10).await;
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        let asked = Instant::now();
        match timeout(self.timeouts.idle, self.response.chunk()).await {
            Ok(Ok(Some(piece))) if !self.pace.is_enough(asked.elapsed(), piece.len() as u64) => {
                let message = format!("the answer crawls: {}", self.pace.message());
                Err(self.error(HttpErrorKind::TimedOut, message))
            }
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(HttpError::from_reqwest(error, &self.method, &self.url)),
            Err(_) => Err(self.error(HttpErrorKind::TimedOut, "the answer stopped in the middle")),
        }
    }

    fn error(&self, kind: HttpErrorKind, message: impl Into<String>) -> HttpError {
        HttpError::new(kind, &self.method, &self.url, message)
    }
}

impl Reply {
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The media type without parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let value = self.header(CONTENT_TYPE)?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}
