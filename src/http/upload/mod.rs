//! Sending a body as it comes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::header::CONTENT_LENGTH;
use tokio::time::{Instant, sleep_until};

use super::answer::Answer;
use super::budget::Lane;
use super::client::HttpClient;
use super::error::{HttpError, HttpErrorKind};
use super::least_rate::Pace;
use super::options::Timeouts;
use super::request::Request;

/// What of a body the system may take over before the other side has got anything of it, and the bytes a second of a line
/// that is given time to carry them.
const BUFFERED: u64 = 4 << 20;
const SLOW_LINE: u64 = 16 << 10;

/// Why an upload did not bring an answer.
#[derive(Debug)]
pub enum UploadError<E> {
    Http(HttpError),
    /// The content itself failed; the error is its own.
    Content(E),
    /// The content has another length than was announced.
    Length {
        announced: u64,
        found: u64,
    },
}

impl HttpClient {
    /// Sends `content`, which must be `length` bytes, as the body of `request`. It is sent once and never repeated.
    /// There is no time limit for the whole: bytes must keep moving, and the answer must come after the last. Whoever
    /// calls this has a place to upload from ([`Self::reserve`]).
    pub async fn upload<S, E>(&self, request: &Request<'_>, length: u64, content: S) -> Result<Answer, UploadError<E>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
        E: Send + 'static,
    {
        let url = &request.url;
        let client = self
            .connectors
            .client(&request.method, url, request.home)
            .await
            .map_err(UploadError::Http)?;
        let place = self.place(request, url, Lane::Part).await.map_err(UploadError::Http)?;
        let mut message = self.message(request, url);
        message.headers_mut().insert(CONTENT_LENGTH, length.into());
        let progress = Arc::new(Mutex::new(Progress {
            last: Instant::now(),
            sent: 0,
            length,
            pace: Pace::new(self.options().timeouts.least_rate),
            failure: None,
        }));
        if length > 0 {
            *message.body_mut() = Some(reqwest::Body::wrap_stream(Metered {
                content,
                given: None,
                progress: Arc::clone(&progress),
            }));
        }
        let started = Instant::now();
        let sent = tokio::select! {
            sent = client.execute(message) => sent.map_err(|error| HttpError::from_reqwest(error, &request.method, url)),
            message = stalled(&progress, self.options().timeouts) => {
                Err(HttpError::new(HttpErrorKind::TimedOut, &request.method, url, message))
            }
        };
        let failure = lock(&progress).failure.take();
        match failure {
            Some(Failure::Content(error)) => Err(UploadError::Content(error)),
            Some(Failure::Crawls(message)) => {
                let message = format!("the upload crawls: {message}");
                let error = HttpError::new(HttpErrorKind::TimedOut, &request.method, url, message);
                Err(UploadError::Http(error))
            }
            Some(Failure::Length(found)) => Err(UploadError::Length {
                announced: length,
                found,
            }),
            None => self
                .answered(&request.method, url, started, sent, place)
                .map_err(UploadError::Http),
        }
    }
}

struct Progress<E> {
    last: Instant,
    sent: u64,
    length: u64,
    pace: Pace,
    failure: Option<Failure<E>>,
}

enum Failure<E> {
    Content(E),
    Length(u64),
    Crawls(String),
}

fn lock<E>(progress: &Mutex<Progress<E>>) -> std::sync::MutexGuard<'_, Progress<E>> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends when nothing has moved for too long, and says what was waited for.
async fn stalled<E>(progress: &Mutex<Progress<E>>, timeouts: Timeouts) -> &'static str {
    loop {
        let (deadline, message) = {
            let progress = lock(progress);
            let (patience, message): (Duration, _) = if progress.sent == progress.length {
                // Sent is what the system has taken over: the last of it may be on its way for a while.
                let under_way = progress.length.min(BUFFERED) / SLOW_LINE;
                let patience = timeouts.commit + Duration::from_secs(under_way);
                (patience, "no answer in time to the complete upload")
            } else {
                (timeouts.idle, "the upload stopped in the middle")
            };
            (progress.last + patience, message)
        };
        if deadline <= Instant::now() {
            return message;
        }
        sleep_until(deadline).await;
    }
}

/// Content on its way: counts what passes, keeps its error for the caller.
struct Metered<S, E> {
    content: S,
    /// The last piece's size, and when it was given to the connection, which has not asked for another yet.
    given: Option<(Instant, u64)>,
    progress: Arc<Mutex<Progress<E>>>,
}

/// Tells the connection to break off; the reason is in [`Progress`].
#[derive(Debug, thiserror::Error)]
#[error("the content of an upload failed")]
struct BrokenOff;

impl<S, E> Stream for Metered<S, E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<Bytes, BrokenOff>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some((given, size)) = self.given.take() {
            let mut progress = lock(&self.progress);
            if !progress.pace.is_enough(given.elapsed(), size) {
                progress.failure = Some(Failure::Crawls(progress.pace.message()));
                return Poll::Ready(Some(Err(BrokenOff)));
            }
        }
        let item = std::task::ready!(Pin::new(&mut self.content).poll_next(context));
        let this = &mut *self;
        let mut progress = lock(&this.progress);
        progress.last = Instant::now();
        let failure = match item {
            Some(Ok(piece)) => {
                progress.sent += piece.len() as u64;
                this.given = Some((progress.last, piece.len() as u64));
                if progress.sent <= progress.length {
                    return Poll::Ready(Some(Ok(piece)));
                }
                Failure::Length(progress.sent)
            }
            None if progress.sent == progress.length => return Poll::Ready(None),
            None => Failure::Length(progress.sent),
            Some(Err(error)) => Failure::Content(error),
        };
        progress.failure = Some(failure);
        Poll::Ready(Some(Err(BrokenOff)))
    }
}

#[cfg(test)]
mod tests;
