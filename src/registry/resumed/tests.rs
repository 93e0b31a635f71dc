use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::response::Response;

use super::*;
use crate::http::test_server::{Received, TestServer, answer};
use crate::registry::test_support::{blob, refusal, registries, repository};
use crate::registry::{Registry as _, RegistryError};

const BYTES: &[u8] = b"the bytes of a layer";

/// A body that says it is `length` long and breaks after these bytes.
fn broken(bytes: &'static [u8], length: usize, status: u16, headers: &[(&str, &str)]) -> Response {
    // An error ends the connection; before that the bytes have to be on their way.
    let body = stream::unfold(0, move |step| async move {
        match step {
            0 => Some((Ok(Bytes::from_static(bytes)), 1)),
            _ => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                Some((Err(std::io::Error::other("cut")), 2))
            }
        }
    });
    let length = length.to_string();
    let mut headers = headers.to_vec();
    headers.push(("content-length", &length));
    answer(status, &headers, Body::from_stream(body))
}

async fn read(server: &TestServer) -> Result<Vec<u8>, RegistryError> {
    let registries = registries(server);
    let mut content = registries.blob(&repository(server), &blob(BYTES)).await?.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = content.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

async fn served(rest: impl Fn(&Received) -> Response + Clone + Send + Sync + 'static) -> TestServer {
    TestServer::start(move |request| {
        let rest = rest.clone();
        async move {
            match request.header("range") {
                None => broken(&BYTES[..9], BYTES.len(), 200, &[("etag", "\"tagged\"")]),
                Some(_) => rest(&request),
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_blob_is_read_on_from_where_it_broke() {
    let server = served(|request| {
        assert_eq!(request.header("if-range"), Some("\"tagged\""));
        match request.header("range") {
            Some("bytes=9-19") => broken(&BYTES[9..12], 11, 206, &[("content-range", "bytes 9-19/20")]),
            Some("bytes=12-19") => answer(206, &[("content-range", "bytes 12-19/*")], &BYTES[12..]),
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert_eq!(read(&server).await.unwrap(), BYTES);
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_server_without_ranges_is_listened_to_from_the_beginning() {
    let server = served(|_| answer(200, &[], BYTES)).await;
    assert_eq!(read(&server).await.unwrap(), BYTES);
    // Cut wherever, the bytes are hashed as one.
    let chunked = served(|_| {
        let pieces = BYTES
            .chunks(4)
            .map(|piece| Ok::<_, Infallible>(Bytes::from_static(piece)));
        answer(200, &[], Body::from_stream(stream::iter(pieces)))
    })
    .await;
    assert_eq!(read(&chunked).await.unwrap(), BYTES);
}

#[tokio::test]
async fn where_a_range_is_refused_the_whole_is_asked_for() {
    let plain = Arc::new(AtomicUsize::new(0));
    let server = TestServer::start(move |request| {
        let again = request.header("range").is_none() && plain.fetch_add(1, Ordering::Relaxed) > 0;
        async move {
            match request.header("range") {
                Some(_) => refusal(416, "RANGE_INVALID"),
                None if again => answer(200, &[], BYTES),
                None => broken(&BYTES[..9], BYTES.len(), 200, &[]),
            }
        }
    })
    .await;
    assert_eq!(read(&server).await.unwrap(), BYTES);
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn other_bytes_than_those_asked_for_are_refused() {
    for range in [
        "bytes 0-19/20",
        "bytes 9-19/30",
        "bytes 8-18/20",
        "bytes 9-25/*",
        "",
        "9-19/20",
    ] {
        let server = served(move |_| answer(206, &[("content-range", range)], &BYTES[9..])).await;
        assert_eq!(
            read(&server).await.unwrap_err().kind,
            ErrorKind::DigestMismatch,
            "{range}"
        );
    }
    let changed = served(|_| answer(206, &[("content-range", "bytes 9-19/20")], "OF A LAYERX")).await;
    assert_eq!(read(&changed).await.unwrap_err().kind, ErrorKind::DigestMismatch);
    let shorter = served(|_| answer(200, &[], "short")).await;
    assert_eq!(read(&shorter).await.unwrap_err().kind, ErrorKind::DigestMismatch);
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_on_ends_with_what_broke_it() {
    for status in [404, 416, 500] {
        let server = served(move |_| refusal(status, "BLOB_UNKNOWN")).await;
        assert_eq!(
            read(&server).await.unwrap_err().kind,
            ErrorKind::Interrupted,
            "{status}"
        );
    }
    let server = served(|_| broken(&BYTES[..3], BYTES.len(), 200, &[])).await;
    assert_eq!(read(&server).await.unwrap_err().kind, ErrorKind::Interrupted);
    assert_eq!(server.received().len(), 1 + usize::try_from(ATTEMPTS).unwrap());
}

#[test]
fn a_content_range_must_go_to_the_end_of_the_same_blob() {
    assert!(continues("bytes 5-9/10", 5, 10));
    assert!(continues("bytes 5-7/*", 5, 10));
    for wrong in [
        "bytes 4-9/10",
        "bytes 5-9/11",
        "bytes 5-10/10",
        "bytes */10",
        "items 5-9/10",
        "bytes 5-9",
    ] {
        assert!(!continues(wrong, 5, 10), "{wrong}");
    }
}
