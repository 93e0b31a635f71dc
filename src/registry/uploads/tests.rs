use bytes::Bytes;
use futures_util::stream;

use super::*;
use crate::http::test_server::{TestServer, answer};
use crate::model::Digest;
use crate::registry::WritableRegistry as _;
use crate::registry::test_support::{blob, refusal, registries, repository, with_password};
use url::Url;

const BYTES: &[u8] = b"the bytes of a layer";

fn content() -> BlobStream {
    Box::pin(stream::iter(BYTES.chunks(7).map(|piece| Ok(Bytes::from_static(piece)))))
}

/// A registry that opens an upload at `location` (`{host}` is its own) and answers the PUT with `status`.
async fn registry(location: &'static str, status: u16) -> TestServer {
    TestServer::start(move |request| async move {
        match request.method.as_str() {
            "POST" => {
                let location = location.replace("{host}", request.header("host").unwrap());
                answer(202, &[("location", &location)], "")
            }
            _ => answer(status, &[("docker-content-digest", &Digest::of(BYTES).to_string())], ""),
        }
    })
    .await
}

#[tokio::test]
async fn a_blob_is_sent_once_to_where_the_registry_says() {
    for location in [
        "/v2/team/app/blobs/uploads/1?_state=a%2Bb&x=",
        "1?_state=a%2Bb&x=",
        "http://{host}/v2/team/app/blobs/uploads/1?_state=a%2Bb&x=",
    ] {
        let server = registry(location, 201).await;
        registries(&server)
            .put_blob(&repository(&server), &blob(BYTES), content())
            .await
            .unwrap();
        assert_eq!(
            server.lines(),
            ["POST /v2/team/app/blobs/uploads/", "PUT /v2/team/app/blobs/uploads/1"]
        );
        let put = server.received().remove(1);
        let digest = Digest::of(BYTES).to_string().replace(':', "%3A");
        assert_eq!(put.query, format!("_state=a%2Bb&x=&digest={digest}"));
        assert_eq!(&put.body[..], BYTES);
        assert_eq!(put.header("content-length"), Some("20"));
        assert_eq!(put.header("content-type"), Some("application/octet-stream"));
    }
}

#[tokio::test]
async fn an_upload_elsewhere_gets_no_credentials_and_no_other_network() {
    let storage = TestServer::start(|_| async { answer(201, &[], "") }).await;
    let target = storage.url("/upload");
    let server = TestServer::start(move |request| {
        let target = target.clone();
        async move {
            match request.header("authorization") {
                None => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
                Some(_) => answer(202, &[("location", &target)], ""),
            }
        }
    })
    .await;
    let known = with_password(&server, "p");
    known
        .put_blob(&repository(&server), &blob(BYTES), content())
        .await
        .unwrap();
    assert_eq!(storage.received()[0].header("authorization"), None);
    for location in [
        "http://169.254.169.254/upload",
        "ftp://{host}/upload",
        "http://user:p@10.0.0.1/upload",
    ] {
        let server = registry(location, 201).await;
        let error = registries(&server)
            .put_blob(&repository(&server), &blob(BYTES), content())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotAllowed, "{location}: {error}");
    }
}

#[tokio::test]
async fn refused_uploads_keep_their_meaning() {
    for (status, kind) in [
        (400, ErrorKind::Refused),
        (403, ErrorKind::Denied),
        (503, ErrorKind::Server),
        (202, ErrorKind::Malformed),
    ] {
        let server = registry("/upload", status).await;
        let error = registries(&server)
            .put_blob(&repository(&server), &blob(BYTES), content())
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(server.count("PUT /upload"), 1, "nothing is sent twice");
    }
    let unknown = TestServer::start(|_| async { refusal(404, "NAME_UNKNOWN") }).await;
    let error = registries(&unknown)
        .put_blob(&repository(&unknown), &blob(BYTES), content())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (ErrorKind::Refused, Some("NAME_UNKNOWN"))
    );
    let silent = TestServer::start(|_| async { answer(202, &[], "") }).await;
    let error = registries(&silent)
        .put_blob(&repository(&silent), &blob(BYTES), content())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn the_sources_error_is_the_uploads_error() {
    let server = registry("/upload", 201).await;
    let broken = RegistryError::new(
        ErrorKind::Throttled,
        &Method::GET,
        &Url::parse("http://source/").unwrap(),
        "slow down",
    );
    let broken_content: BlobStream = Box::pin(stream::iter([Ok(Bytes::from_static(BYTES)), Err(broken)]));
    let bigger = Descriptor {
        size: 100,
        ..blob(BYTES)
    };
    let (registries, repository) = (registries(&server), repository(&server));
    let error = registries
        .put_blob(&repository, &bigger, broken_content)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "GET http://source/: slow down");
    let smaller = Descriptor { size: 5, ..blob(BYTES) };
    let error = registries.put_blob(&repository, &smaller, content()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::DigestMismatch);
}

#[tokio::test]
async fn a_mount_that_only_opens_an_upload_is_continued_by_the_upload() {
    let server = registry("/upload?session=1", 201).await;
    let (registries, repository) = (registries(&server), repository(&server));
    let from = "base/os".parse().unwrap();
    assert_eq!(
        registries.mount_blob(&repository, &from, &blob(BYTES)).await.unwrap(),
        Mount::NotMounted
    );
    registries.put_blob(&repository, &blob(BYTES), content()).await.unwrap();
    registries.put_blob(&repository, &blob(BYTES), content()).await.unwrap();
    let digest = Digest::of(BYTES).to_string().replace(':', "%3A");
    assert_eq!(server.received()[0].query, format!("mount={digest}&from=base%2Fos"));
    assert_eq!(
        server.count("POST /v2/team/app/blobs/uploads/"),
        2,
        "the second upload opens its own"
    );
    assert_eq!(server.count("PUT /upload"), 2);
}

#[tokio::test]
async fn mounts_tell_done_from_not_done_from_unknown() {
    let server = TestServer::start(|request| async move {
        match request.path.split('/').nth(3).unwrap() {
            "done" => answer(201, &[], ""),
            "wrong" => answer(201, &[("docker-content-digest", &Digest::of(b"other").to_string())], ""),
            "absent" => refusal(404, "BLOB_UNKNOWN"),
            "forbidden" => refusal(403, "DENIED"),
            "busy" => answer(429, &[], ""),
            _ => answer(500, &[], ""),
        }
    })
    .await;
    let registries = registries(&server);
    for (name, expected) in [
        ("done", Ok(Mount::Mounted)),
        ("absent", Ok(Mount::NotMounted)),
        ("forbidden", Ok(Mount::NotMounted)),
        ("wrong", Err(ErrorKind::DigestMismatch)),
        ("busy", Err(ErrorKind::Throttled)),
        ("down", Err(ErrorKind::Server)),
    ] {
        let repository = format!("{}/team/{name}", server.address).parse().unwrap();
        let found = registries
            .mount_blob(&repository, &"base/os".parse().unwrap(), &blob(BYTES))
            .await;
        assert_eq!(found.map_err(|error| error.kind), expected, "{name}");
    }
}
