use std::time::Duration;

use super::*;
use crate::http::test_server::{TestServer, answer};
use crate::model::Tag;
use crate::registry::test_support::{options, refusal, registries, repository};
use crate::registry::{Registry as _, WritableRegistry as _};

const BODY: &str = r#"{"schemaVersion":2,  "config":{}}"#;

fn tag() -> Tag {
    "v1".parse().unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> ErrorKind {
    result.unwrap_err().kind
}

#[tokio::test]
async fn a_manifest_is_returned_byte_for_byte() {
    let digest = Digest::of(BODY.as_bytes());
    let server = TestServer::start(move |_| async move {
        answer(
            200,
            &[
                (
                    "content-type",
                    "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
                ),
                ("docker-content-digest", &digest.to_string()),
            ],
            BODY,
        )
    })
    .await;
    let (registries, repository) = (registries(&server), repository(&server));
    for at in [ManifestAt::Tag(&tag()), ManifestAt::Digest(&digest)] {
        let manifest = registries.manifest(&repository, at).await.unwrap().unwrap();
        assert_eq!((manifest.digest, &manifest.bytes[..]), (digest, BODY.as_bytes()));
        assert_eq!(
            manifest.media_type.as_deref(),
            Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8")
        );
        assert_eq!(registries.head_manifest(&repository, at).await.unwrap(), Some(digest));
    }
    for request in server.received() {
        assert_eq!(request.header("accept"), Some(media_type::ACCEPT));
    }
    assert_eq!(server.lines()[3], format!("HEAD /v2/team/app/manifests/{digest}"));
}

#[tokio::test]
async fn a_registry_that_lies_about_a_digest_is_found_out() {
    let other = Digest::of(b"other");
    let plain = TestServer::start(|_| async { answer(200, &[], BODY) }).await;
    let result = registries(&plain)
        .manifest(&repository(&plain), ManifestAt::Digest(&other))
        .await;
    assert_eq!(kind(result), ErrorKind::DigestMismatch);
    let lying =
        TestServer::start(move |_| async move { answer(200, &[("docker-content-digest", &other.to_string())], BODY) })
            .await;
    let (registries, repository) = (registries(&lying), repository(&lying));
    assert_eq!(
        kind(registries.manifest(&repository, ManifestAt::Tag(&tag())).await),
        ErrorKind::DigestMismatch
    );
    let wanted = Digest::of(BODY.as_bytes());
    let at = ManifestAt::Digest(&wanted);
    assert_eq!(
        kind(registries.head_manifest(&repository, at).await),
        ErrorKind::DigestMismatch
    );
}

#[tokio::test]
async fn digests_by_other_algorithms_prove_nothing_and_other_texts_are_malformed() {
    for (header, expected) in [
        (format!("sha512:{}", "0".repeat(128)), None),
        ("latest".to_owned(), Some(ErrorKind::Malformed)),
    ] {
        let server = TestServer::start(move |_| {
            let header = header.clone();
            async move { answer(200, &[("docker-content-digest", &header)], BODY) }
        })
        .await;
        let (registries, repository) = (registries(&server), repository(&server));
        let found = registries.head_manifest(&repository, ManifestAt::Tag(&tag())).await;
        match expected {
            None => assert_eq!(found.unwrap(), Some(Digest::of(BODY.as_bytes()))),
            Some(expected) => assert_eq!(kind(found), expected),
        }
    }
}

#[tokio::test]
async fn a_tag_that_head_denies_and_get_serves_stands() {
    let server = TestServer::start(|request| async move {
        match (request.method.as_str(), request.path.ends_with("/v1")) {
            ("GET", true) => answer(200, &[], BODY),
            _ => refusal(404, "MANIFEST_UNKNOWN"),
        }
    })
    .await;
    let (registries, repository) = (registries(&server), repository(&server));
    let standing = registries.head_manifest(&repository, ManifestAt::Tag(&tag())).await;
    assert_eq!(standing.unwrap(), Some(Digest::of(BODY.as_bytes())));
    let other: Tag = "v2".parse().unwrap();
    let absent = registries.head_manifest(&repository, ManifestAt::Tag(&other)).await;
    assert_eq!(absent.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_registrys_answer_is_no_absence() {
    let server = TestServer::start(|request| async move {
        match request.path.rsplit('/').next().unwrap() {
            "page" => answer(404, &[("content-type", "text/html")], "<html>"),
            "route" => answer(404, &[("content-type", "text/plain")], "404 page not found\n"),
            "denied" => refusal(404, "DENIED"),
            "gone" => answer(404, &[], ""),
            "harbor" => refusal(404, "NOT_FOUND"),
            _ => refusal(404, "MANIFEST_UNKNOWN"),
        }
    })
    .await;
    let (registries, repository) = (registries(&server), repository(&server));
    for (name, expected) in [
        ("page", Some(ErrorKind::Malformed)),
        ("route", Some(ErrorKind::Malformed)),
        ("denied", Some(ErrorKind::Denied)),
        ("gone", None),
        ("harbor", None),
        ("v1", None),
    ] {
        let tag = name.parse().unwrap();
        let found = registries.manifest(&repository, ManifestAt::Tag(&tag)).await;
        assert_eq!(
            found.as_ref().err().map(|error| error.kind),
            expected,
            "{name}: {found:?}"
        );
        assert!(found.is_err() || found.unwrap().is_none());
    }
    // HEAD of a page is asked again by GET.
    let tag = "page".parse().unwrap();
    assert_eq!(
        kind(registries.head_manifest(&repository, ManifestAt::Tag(&tag)).await),
        ErrorKind::Malformed
    );
}

#[tokio::test]
async fn other_answers_keep_their_meaning() {
    let server = TestServer::start(|request| async move {
        match request.path.rsplit('/').next().unwrap() {
            "throttled" => answer(429, &[("retry-after", "3")], ""),
            "server" => refusal(500, "UNKNOWN"),
            "denied" => refusal(403, "DENIED"),
            "odd" => answer(204, &[], ""),
            "old" => answer(200, &[("content-type", media_type::DOCKER_SCHEMA1_SIGNED)], "{}"),
            _ => answer(200, &[("content-encoding", "gzip")], "{}"),
        }
    })
    .await;
    let (registries, repository) = (registries(&server), repository(&server));
    for (name, expected) in [
        ("throttled", ErrorKind::Throttled),
        ("server", ErrorKind::Server),
        ("denied", ErrorKind::Denied),
        ("odd", ErrorKind::Malformed),
        ("old", ErrorKind::Unsupported),
        ("compressed", ErrorKind::Malformed),
    ] {
        let tag = name.parse().unwrap();
        let error = registries
            .manifest(&repository, ManifestAt::Tag(&tag))
            .await
            .unwrap_err();
        assert_eq!(error.kind, expected, "{error}");
        let wait = (name == "throttled").then_some(Duration::from_secs(3));
        assert_eq!(error.retry_after, wait, "{error}");
    }
}

#[tokio::test]
async fn a_manifest_over_the_limit_is_not_read() {
    let server = TestServer::start(|_| async { answer(200, &[], vec![b' '; 2000]) }).await;
    let mut options = options(&server);
    options.limits.manifest = 1000;
    let registries = HttpRegistries::new(options).unwrap();
    let error = registries
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
}

#[tokio::test]
async fn head_without_a_digest_falls_back_to_get() {
    let server = TestServer::start(|request| async move {
        match request.method.as_str() {
            "HEAD" if request.path.ends_with("v2") => answer(405, &[], ""),
            _ => answer(200, &[], BODY),
        }
    })
    .await;
    for name in ["v1", "v2"] {
        let tag = name.parse().unwrap();
        let found = registries(&server)
            .head_manifest(&repository(&server), ManifestAt::Tag(&tag))
            .await
            .unwrap();
        assert_eq!(found, Some(Digest::of(BODY.as_bytes())));
    }
}

#[tokio::test]
async fn a_manifest_is_stored_byte_for_byte() {
    let server = TestServer::start(|request| async move {
        match request.path.rsplit('/').next().unwrap() {
            "subject" => answer(201, &[("oci-subject", "sha256:x")], ""),
            "other" => answer(201, &[("docker-content-digest", &Digest::of(b"other").to_string())], ""),
            "child" => refusal(400, "MANIFEST_BLOB_UNKNOWN"),
            "invalid" => refusal(400, "MANIFEST_INVALID"),
            "moved" => answer(307, &[("location", "/")], ""),
            _ => answer(201, &[], ""),
        }
    })
    .await;
    let (registries, repository) = (registries(&server), repository(&server));
    let put = async |tag: &str| {
        let tag = tag.parse().unwrap();
        registries
            .put_manifest(
                &repository,
                ManifestAt::Tag(&tag),
                media_type::OCI_MANIFEST,
                BODY.into(),
            )
            .await
    };
    assert!(!put("v1").await.unwrap().subject_acknowledged);
    let received = server.received();
    assert_eq!(received[0].line(), "PUT /v2/team/app/manifests/v1");
    assert_eq!(&received[0].body[..], BODY.as_bytes());
    assert_eq!(received[0].header("content-type"), Some(media_type::OCI_MANIFEST));
    assert!(put("subject").await.unwrap().subject_acknowledged);
    for (name, expected) in [
        ("other", ErrorKind::DigestMismatch),
        ("child", ErrorKind::Missing),
        ("invalid", ErrorKind::Refused),
        ("moved", ErrorKind::Malformed),
    ] {
        assert_eq!(kind(put(name).await), expected, "{name}");
    }
    assert_eq!(server.received().len(), 6, "nothing was sent twice");
}

#[tokio::test]
async fn a_shared_tag_is_not_written_again_without_another_look() {
    let server = TestServer::start(|_| async { answer(429, &[], "") }).await;
    let mut options = options(&server);
    options.client.retries.refusals = 2;
    let registries = HttpRegistries::new(options).unwrap();
    let repository = repository(&server);
    let image = Digest::of(b"image");
    for (tag, times) in [(Tag::cosign(&image, "sig"), 1), (Tag::cosign(&image, "sbom"), 3)] {
        let written = registries.put_manifest(
            &repository,
            ManifestAt::Tag(&tag),
            "application/vnd.oci.image.manifest.v1+json",
            Bytes::from_static(b"{}"),
        );
        assert_eq!(written.await.unwrap_err().kind, ErrorKind::Throttled);
        let line = format!("PUT /v2/team/app/manifests/{tag}");
        assert_eq!(server.count(&line), times, "{tag}");
    }
}

#[tokio::test]
async fn what_many_write_is_looked_at_right_before_it_is_written() {
    let server = TestServer::start(move |request| async move {
        match request.line().split(' ').next() {
            Some("GET") if request.path.contains(".sig") => answer(500, &[], ""),
            Some("GET") => answer(200, &[("content-type", media_type::OCI_INDEX)], BODY),
            _ => answer(201, &[], ""),
        }
    })
    .await;
    let (registries, repository) = (registries(&server), repository(&server));
    let image = Digest::of(b"image");
    let [tag, unread] = [Tag::referrers_of(&image), Tag::cosign(&image, "sig")];
    let standing = registries.manifest(&repository, ManifestAt::Tag(&tag)).await.unwrap();
    let replace = async |tag: &Tag, standing: Option<&FetchedManifest>| {
        let body = Bytes::from_static(b"{}");
        let replaced = registries.replace_manifest(&repository, tag, standing, media_type::OCI_INDEX, body);
        replaced.await.unwrap()
    };
    assert!(matches!(replace(&tag, standing.as_ref()).await, Replaced::Stored(_)));
    assert!(matches!(replace(&tag, None).await, Replaced::Changed));
    assert!(matches!(replace(&unread, None).await, Replaced::Unread(_)));
    let [get, put] = ["GET", "PUT"].map(|method| format!("{method} /v2/team/app/manifests/{tag}"));
    assert_eq!(server.lines()[..4], [get.clone(), get.clone(), put, get]);
    assert_eq!(server.count(&format!("PUT /v2/team/app/manifests/{unread}")), 0);
}

#[tokio::test]
async fn bytes_that_are_not_what_their_digest_says_are_not_sent() {
    let server = TestServer::start(|_| async { answer(201, &[], "") }).await;
    let other = Digest::of(b"other");
    let at = ManifestAt::Digest(&other);
    let result = registries(&server)
        .put_manifest(&repository(&server), at, media_type::OCI_MANIFEST, BODY.into())
        .await;
    assert_eq!(kind(result), ErrorKind::DigestMismatch);
    assert!(server.received().is_empty());
}
