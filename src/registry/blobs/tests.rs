use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::*;
use crate::http::test_server::{TestServer, answer, raw_server};
use crate::registry::Registry as _;
use crate::registry::test_support::{blob, options, refusal, registries, repository};

const BYTES: &[u8] = b"the bytes of a layer";

/// Everything of a blob, or the error that ends it.
async fn read(
    registries: &HttpRegistries,
    repository: &Repository,
    blob: &Descriptor,
) -> Result<Option<Bytes>, RegistryError> {
    let Some(mut stream) = registries.blob(repository, blob).await? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(Some(bytes.into()))
}

#[tokio::test]
async fn a_blob_is_read_from_wherever_the_registry_sends_us() {
    let storage = TestServer::start(|_| async { answer(200, &[], BYTES) }).await;
    let target = storage.url("/bucket/blob?signature=x");
    let server = TestServer::start(move |request| {
        let target = target.clone();
        async move {
            if request.path.contains("direct") {
                answer(200, &[], BYTES)
            } else {
                answer(307, &[("location", &target)], "")
            }
        }
    })
    .await;
    let registries = registries(&server);
    let direct = format!("{}/direct", server.address).parse().unwrap();
    for repository in [&direct, &repository(&server)] {
        assert!(registries.has_blob(repository, &blob(BYTES)).await.unwrap());
        assert_eq!(
            read(&registries, repository, &blob(BYTES)).await.unwrap().unwrap(),
            BYTES
        );
    }
    assert_eq!(storage.lines(), ["HEAD /bucket/blob", "GET /bucket/blob"]);
}

#[tokio::test]
async fn storage_that_takes_get_alone_does_not_make_a_blob_unreadable() {
    let storage = TestServer::start(|request| async move {
        if request.method == "HEAD" {
            answer(403, &[("content-type", "application/xml")], "")
        } else {
            answer(200, &[], BYTES)
        }
    })
    .await;
    let target = storage.url("/bucket/blob?signature=x");
    let server = TestServer::start(move |_| {
        let target = target.clone();
        async move { answer(307, &[("location", &target)], "") }
    })
    .await;
    let registries = registries(&server);
    assert!(registries.has_blob(&repository(&server), &blob(BYTES)).await.unwrap());
    assert_eq!(storage.lines(), ["HEAD /bucket/blob", "GET /bucket/blob"]);
    // Some registries forbid HEAD, and serve what is asked for.
    let get_alone = TestServer::start(|request| async move {
        if request.method == "HEAD" {
            answer(403, &[], "")
        } else {
            answer(200, &[], BYTES)
        }
    })
    .await;
    let registries = self::registries(&get_alone);
    assert!(
        registries
            .has_blob(&repository(&get_alone), &blob(BYTES))
            .await
            .unwrap()
    );
    // Where GET is refused too, that is one.
    let refusing = TestServer::start(|_| async { answer(403, &[], "") }).await;
    let registries = self::registries(&refusing);
    let refused = registries.has_blob(&repository(&refusing), &blob(BYTES)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Denied);
}

#[tokio::test]
async fn other_bytes_than_the_digest_names_are_an_error() {
    let server = TestServer::start(|request| async move {
        let chunked =
            |bytes: &'static [u8]| Body::from_stream(stream::iter([Ok::<_, std::convert::Infallible>(bytes)]));
        match request.path.split('/').nth(3).unwrap() {
            "wrong" => answer(200, &[], b"THE BYTES OF A LAYER".as_slice()),
            "longer" => answer(200, &[], b"the bytes of a layer and more".as_slice()),
            "short-chunked" => answer(200, &[], chunked(b"the bytes")),
            _ => answer(200, &[], chunked(b"the bytes of a layer and more")),
        }
    })
    .await;
    let registries = registries(&server);
    for name in ["wrong", "longer", "short-chunked", "longer-chunked"] {
        let repository = format!("{}/team/{name}", server.address).parse().unwrap();
        let error = read(&registries, &repository, &blob(BYTES)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::DigestMismatch, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_blob_of_another_size_is_not_the_one_that_was_asked_for() {
    let server = TestServer::start(|request| async move {
        match (request.path.split('/').nth(3).unwrap(), request.method.as_str()) {
            ("longer", _) => answer(200, &[], b"the bytes of a layer and more".as_slice()),
            ("encoded", _) => answer(200, &[("content-encoding", "gzip")], b"xyz".as_slice()),
            ("silent", "HEAD") => answer(200, &[("content-length", "0")], ""),
            _ => answer(200, &[], BYTES),
        }
    })
    .await;
    let registries = registries(&server);
    for (name, held) in [("longer", false), ("encoded", true), ("silent", true)] {
        let repository = format!("{}/team/{name}", server.address).parse().unwrap();
        let found = registries.has_blob(&repository, &blob(BYTES)).await;
        assert_eq!(found.unwrap(), held, "{name}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_ends_the_stream_with_an_error() {
    let address = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nthe bytes").await;
    let server = TestServer::start(|_| async { answer(200, &[], "") }).await;
    let mut options = options(&server);
    options.prefixes[0].prefix = address.to_string().parse().unwrap();
    let registries = HttpRegistries::new(options).unwrap();
    let repository = format!("{address}/team/app").parse().unwrap();
    let error = read(&registries, &repository, &blob(BYTES)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
}

#[tokio::test]
async fn an_absent_blob_is_told_from_an_answer_that_says_nothing() {
    let server = TestServer::start(|request| async move {
        match (request.path.split('/').nth(3).unwrap(), request.method.as_str()) {
            ("absent", _) => refusal(404, "BLOB_UNKNOWN"),
            ("page", _) => answer(404, &[("content-type", "text/html")], "<html>"),
            ("get-only", "GET") => answer(200, &[], BYTES),
            ("get-only", _) => answer(405, &[], ""),
            _ => answer(403, &[], ""),
        }
    })
    .await;
    let registries = registries(&server);
    let named = |name: &str| -> Repository { format!("{}/team/{name}", server.address).parse().unwrap() };
    assert!(!registries.has_blob(&named("absent"), &blob(BYTES)).await.unwrap());
    assert_eq!(read(&registries, &named("absent"), &blob(BYTES)).await.unwrap(), None);
    assert!(registries.has_blob(&named("get-only"), &blob(BYTES)).await.unwrap());
    for (name, kind) in [("page", ErrorKind::Malformed), ("forbidden", ErrorKind::Denied)] {
        assert_eq!(
            registries.has_blob(&named(name), &blob(BYTES)).await.unwrap_err().kind,
            kind,
            "{name}"
        );
        assert_eq!(
            read(&registries, &named(name), &blob(BYTES)).await.unwrap_err().kind,
            kind,
            "{name}"
        );
    }
}

#[tokio::test]
async fn storage_that_has_lost_a_blob_does_not_make_it_absent() {
    let storage =
        TestServer::start(|_| async { answer(404, &[("content-type", "application/xml")], "<Error/>") }).await;
    let target = storage.url("/bucket/blob");
    let server = TestServer::start(move |_| {
        let target = target.clone();
        async move { answer(307, &[("location", &target)], "") }
    })
    .await;
    let (registries, repository) = (registries(&server), repository(&server));
    assert!(registries.has_blob(&repository, &blob(BYTES)).await.is_err());
    assert!(registries.blob(&repository, &blob(BYTES)).await.is_err());
}
