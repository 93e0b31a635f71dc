use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use super::*;
use crate::http::RetryPolicy;
use crate::http::test_server::{Received, TestServer, answer};
use crate::model::Digest;
use crate::registry::protocol::BlobStream;
use crate::registry::test_support::{blob, options, refusal, registries, repository};
use crate::registry::{UploadManner, WritableRegistry as _};

const BYTES: &[u8] = b"the bytes of a layer";
const OPEN: &str = "POST /v2/team/app/blobs/uploads/";

fn content() -> BlobStream {
    Box::pin(stream::iter(BYTES.chunks(7).map(|piece| Ok(Bytes::from_static(piece)))))
}

/// A registry with one session at `/upload`, which each request after the first moves on: `?step=N`.
#[derive(Clone, Default)]
struct Session {
    stored: Arc<Mutex<Vec<u8>>>,
    step: Arc<Mutex<usize>>,
}

impl Session {
    fn bytes(&self) -> Vec<u8> {
        self.stored.lock().unwrap().clone()
    }

    /// Keeps the body, if it begins where the session stands.
    fn take(&self, request: &Received, most: usize) -> bool {
        let mut stored = self.stored.lock().unwrap();
        let range = request.header("content-range").unwrap_or("0-");
        let start: usize = range.split('-').next().unwrap().parse().unwrap();
        if start != stored.len() {
            return false;
        }
        stored.extend_from_slice(&request.body[..request.body.len().min(most)]);
        true
    }

    fn state(&self, status: u16) -> Response {
        let mut step = self.step.lock().unwrap();
        *step += 1;
        let range = format!("0-{}", self.bytes().len().saturating_sub(1));
        let location = format!("/upload?step={step}");
        answer(status, &[("range", &range), ("location", &location)], "")
    }

    fn commit(&self) -> Response {
        let digest = Digest::of(&self.bytes());
        answer(if digest == Digest::of(BYTES) { 201 } else { 400 }, &[], "")
    }

    /// What a registry without faults answers.
    fn sound(&self, request: &Received) -> Response {
        match request.method.as_str() {
            "POST" => {
                self.stored.lock().unwrap().clear();
                self.state(202)
            }
            "PATCH" if self.take(request, usize::MAX) => self.state(202),
            "PATCH" => self.state(416),
            "GET" => self.state(204),
            "PUT" => {
                self.take(request, usize::MAX);
                self.commit()
            }
            _ => refusal(404, "BLOB_UNKNOWN"),
        }
    }
}

/// Uploads to a registry that answers as `respond` says; gives what came of it and what it was asked.
async fn upload<F>(manner: Option<UploadManner>, respond: F) -> (Result<(), RegistryError>, Vec<Received>)
where
    F: Fn(usize, &Session, &Received) -> Option<Response> + Clone + Send + Sync + 'static,
{
    let session = Session::default();
    let count = Arc::new(Mutex::new(0));
    let server = TestServer::start(move |request| {
        let (session, count, respond) = (session.clone(), Arc::clone(&count), respond.clone());
        async move {
            let number = {
                let mut count = count.lock().unwrap();
                *count += 1;
                *count
            };
            match respond(number, &session, &request) {
                Some(response) => response,
                None => session.sound(&request),
            }
        }
    })
    .await;
    let mut options = options(&server);
    options.prefixes[0].upload = manner;
    let registries = HttpRegistries::new(options).unwrap();
    let result = registries.put_blob(&repository(&server), &blob(BYTES), content()).await;
    (result, server.received())
}

fn lines(received: &[Received]) -> Vec<String> {
    received.iter().map(Received::line).collect()
}

#[tokio::test]
async fn chunks_follow_each_other_to_where_each_answer_says() {
    let (result, received) = upload(Some(UploadManner::Chunked), |_, _, _| None).await;
    result.unwrap();
    assert_eq!(lines(&received), [OPEN, "PATCH /upload", "PUT /upload"]);
    assert_eq!(received[1].query, "step=1");
    assert_eq!(received[1].header("content-range"), Some("0-19"));
    assert_eq!(received[1].header("content-length"), Some("20"));
    assert_eq!(&received[1].body[..], BYTES);
    assert!(received[2].query.starts_with("step=2&digest=sha256%3A"));
    assert!(received[2].body.is_empty());
}

#[tokio::test]
async fn a_request_that_is_too_large_is_sent_in_chunks_and_so_is_the_next_of_its_size() {
    for status in [413, 405, 501, 411] {
        let refuse = move |request: &Received| {
            (request.method == "PUT" && !request.body.is_empty()).then(|| answer(status, &[], ""))
        };
        let session = Session::default();
        let server = TestServer::start(move |request| {
            let session = session.clone();
            async move { refuse(&request).unwrap_or_else(|| session.sound(&request)) }
        })
        .await;
        let (registries, repository) = (registries(&server), repository(&server));
        registries.put_blob(&repository, &blob(BYTES), content()).await.unwrap();
        assert_eq!(server.lines()[2..], [OPEN, "PATCH /upload", "PUT /upload"]);
        let before = server.lines().len();
        registries.put_blob(&repository, &blob(BYTES), content()).await.unwrap();
        assert_eq!(server.lines()[before..], [OPEN, "PATCH /upload", "PUT /upload"]);
    }
}

#[tokio::test]
async fn whoever_wants_it_in_one_request_gets_it_in_one_or_not_at_all() {
    let (result, received) = upload(Some(UploadManner::Monolithic), |_, _, request| {
        (request.method == "PUT").then(|| answer(413, &[], ""))
    })
    .await;
    assert_eq!(result.unwrap_err().status, Some(413));
    assert_eq!(lines(&received), [OPEN, "PUT /upload"]);
}

#[tokio::test]
async fn an_upload_that_fails_midway_goes_on_where_the_registry_stands() {
    // The registry keeps seven bytes and fails.
    let (result, received) = upload(None, |_, session, request| {
        (request.method == "PUT" && session.bytes().is_empty()).then(|| {
            session.take(request, 7);
            answer(502, &[], "")
        })
    })
    .await;
    result.unwrap();
    // All had been sent, so that the answer alone might have been lost.
    assert_eq!(
        lines(&received),
        [
            OPEN,
            "PUT /upload",
            &format!("HEAD /v2/team/app/blobs/{}", Digest::of(BYTES)),
            "GET /upload",
            "PATCH /upload",
            "PUT /upload"
        ]
    );
    assert_eq!(received[4].header("content-range"), Some("7-19"));
    assert_eq!(&received[4].body[..], &BYTES[7..]);
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_found_to_stand() {
    let (result, received) = upload(None, |_, session, request| match request.method.as_str() {
        "PUT" => {
            session.take(request, usize::MAX);
            Some(answer(504, &[], ""))
        }
        "HEAD" => Some(answer(200, &[("content-length", "20")], "")),
        _ => None,
    })
    .await;
    result.unwrap();
    assert_eq!(received.len(), 3);
}

#[tokio::test]
async fn a_chunk_in_the_wrong_place_has_the_offset_read_again() {
    let (result, received) = upload(Some(UploadManner::Chunked), |number, session, request| {
        // The first chunk was half taken before, by whoever answers 416 now.
        (number == 2).then(|| {
            session.take(request, 10);
            session.state(416)
        })
    })
    .await;
    result.unwrap();
    assert_eq!(received.last().unwrap().method, "PUT");
    let chunks: Vec<_> = received.iter().filter(|request| request.method == "PATCH").collect();
    assert_eq!(chunks[1].header("content-range"), Some("10-19"));
}

#[tokio::test]
async fn a_registry_that_took_less_of_a_chunk_gets_the_rest() {
    let (result, received) = upload(Some(UploadManner::Chunked), |number, session, request| {
        (number == 2).then(|| {
            session.take(request, 5);
            session.state(202)
        })
    })
    .await;
    result.unwrap();
    let ranges: Vec<_> = received
        .iter()
        .filter_map(|request| request.header("content-range"))
        .collect();
    assert_eq!(ranges, ["0-19", "5-19"]);
}

#[tokio::test]
async fn a_registry_that_has_more_than_was_sent_is_not_believed() {
    let (result, _) = upload(Some(UploadManner::Chunked), |number, _, _| {
        (number == 2).then(|| answer(202, &[("range", "0-99")], ""))
    })
    .await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn a_session_that_is_lost_is_begun_again_once() {
    for manner in [UploadManner::Chunked, UploadManner::Monolithic] {
        let (result, received) = upload(Some(manner), |number, _, _| {
            (number == 2).then(|| refusal(404, "BLOB_UPLOAD_UNKNOWN"))
        })
        .await;
        result.unwrap();
        assert_eq!(received.iter().filter(|request| request.line() == OPEN).count(), 2);
        let (result, received) = upload(Some(manner), |_, _, request| {
            (request.method != "POST").then(|| refusal(404, "BLOB_UPLOAD_UNKNOWN"))
        })
        .await;
        assert_eq!(result.unwrap_err().code.as_deref(), Some("BLOB_UPLOAD_UNKNOWN"));
        assert_eq!(received.len(), 4);
    }
}

#[tokio::test]
async fn a_chunk_that_was_refused_for_the_time_being_is_sent_again() {
    let (result, received) = upload(Some(UploadManner::Chunked), |number, _, _| {
        (number == 2).then(|| answer(429, &[], ""))
    })
    .await;
    result.unwrap();
    assert_eq!(
        lines(&received),
        [OPEN, "PATCH /upload", "PATCH /upload", "PUT /upload"]
    );
}

#[tokio::test]
async fn an_upload_that_gets_nowhere_ends() {
    let (result, received) = upload(None, |_, _, request| {
        (request.method == "PUT" || request.method == "PATCH").then(|| answer(500, &[], ""))
    })
    .await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::Server);
    assert!(received.len() < 20, "{:?}", lines(&received));
}

#[tokio::test]
async fn chunks_are_no_smaller_than_the_registry_takes() {
    let (result, _) = upload(Some(UploadManner::Chunked), |number, _, _| {
        (number == 1).then(|| {
            answer(
                202,
                &[("location", "/upload"), ("oci-chunk-min-length", "9999999999")],
                "",
            )
        })
    })
    .await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::Unsupported);
    // More than one chunk, the first as large as the registry wants it.
    let size = usize::try_from(CHUNK).unwrap() + (3 << 20);
    let bytes = Bytes::from(vec![7_u8; size]);
    let server = TestServer::start(|request| async move {
        match request.method.as_str() {
            "POST" => answer(202, &[("location", "/upload"), ("oci-chunk-min-length", "9437184")], ""),
            "PATCH" => answer(202, &[("location", "/upload")], ""),
            _ => answer(201, &[], ""),
        }
    })
    .await;
    let mut options = options(&server);
    options.prefixes[0].upload = Some(UploadManner::Chunked);
    let content: BlobStream = Box::pin(stream::iter([Ok(bytes.clone())]));
    let registries = HttpRegistries::new(options).unwrap();
    registries
        .put_blob(&repository(&server), &blob(&bytes), content)
        .await
        .unwrap();
    let lengths: Vec<usize> = server.received().iter().map(|request| request.body.len()).collect();
    assert_eq!(lengths, [0, 9 << 20, 2 << 20, 0]);
}

#[tokio::test]
async fn an_empty_blob_is_stored_in_either_manner() {
    for manner in [UploadManner::Chunked, UploadManner::Monolithic] {
        let server = TestServer::start(|request| async move {
            let created = request.method == "PUT";
            answer(if created { 201 } else { 202 }, &[("location", "/upload")], "")
        })
        .await;
        let mut options = options(&server);
        options.prefixes[0].upload = Some(manner);
        let registries = HttpRegistries::new(options).unwrap();
        registries
            .put_blob(&repository(&server), &blob(b""), Box::pin(stream::empty()))
            .await
            .unwrap();
        assert_eq!(server.lines(), [OPEN, "PUT /upload"]);
        assert_eq!(server.received()[1].header("content-length"), Some("0"));
    }
}

#[tokio::test]
async fn a_size_that_lies_either_way_is_an_error_and_nothing_is_committed() {
    for manner in [UploadManner::Chunked, UploadManner::Monolithic] {
        for size in [19, 21] {
            let server = TestServer::start(|_| async { answer(202, &[("location", "/upload")], "") }).await;
            let mut options = options(&server);
            options.prefixes[0].upload = Some(manner);
            let registries = HttpRegistries::new(options).unwrap();
            let lie = Descriptor { size, ..blob(BYTES) };
            let error = registries
                .put_blob(&repository(&server), &lie, content())
                .await
                .unwrap_err();
            assert_eq!(error.kind, ErrorKind::DigestMismatch, "{error}");
            let committed = server
                .received()
                .iter()
                .any(|request| request.method == "PUT" && request.body.len() == 20);
            assert!(!committed);
        }
    }
}

#[tokio::test]
async fn an_ending_may_be_slow_and_not_endless() {
    let server = TestServer::start(|request| async move {
        match request.method.as_str() {
            "PUT" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                answer(201, &[], "")
            }
            "POST" => answer(202, &[("location", "/upload")], ""),
            _ => refusal(404, "BLOB_UNKNOWN"),
        }
    })
    .await;
    for (commit, stored) in [(Duration::from_secs(5), true), (Duration::from_millis(50), false)] {
        let mut options = options(&server);
        options.client.timeouts.head = Duration::from_millis(100);
        options.client.timeouts.commit = commit;
        options.client.timeouts.idle = commit;
        options.client.retries = RetryPolicy {
            attempts: 0,
            ..options.client.retries
        };
        let registries = HttpRegistries::new(options).unwrap();
        let result = registries.put_blob(&repository(&server), &blob(BYTES), content()).await;
        assert_eq!(result.is_ok(), stored, "{result:?}");
    }
}
