use axum::response::Response;

use super::*;
use crate::http::test_server::{TestServer, answer};
use crate::registry::Registry as _;
use crate::registry::test_support::{options, refusal, registries, repository};

fn subject() -> Digest {
    Digest::of(b"subject")
}

/// An index of artifacts, each named by the text whose digest it has.
fn index(names: &[&str]) -> Response {
    index_with_link(names, None)
}

fn index_with_link(names: &[&str], next: Option<&str>) -> Response {
    let manifests: Vec<Value> = names
        .iter()
        .map(|name| {
            serde_json::json!({
                "mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(name.as_bytes()), "size": 7,
                "artifactType": "application/x", "annotations": {"name": name},
            })
        })
        .collect();
    let body = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests});
    let mut headers = vec![("content-type", media_type::OCI_INDEX)];
    let link = next.map(|next| format!("<{next}>; rel=next"));
    headers.extend(link.as_deref().map(|link| ("link", link)));
    answer(200, &headers, body.to_string())
}

fn absent() -> Response {
    refusal(404, "MANIFEST_UNKNOWN")
}

/// A registry whose API and fallback tag answer so.
async fn registry(api: fn(&str) -> Response, fallback: fn() -> Response) -> TestServer {
    TestServer::start(move |request| async move {
        if request.path == format!("/v2/team/app/referrers/{}", subject()) {
            api(&request.query)
        } else {
            assert_eq!(
                request.path,
                format!("/v2/team/app/manifests/{}", Tag::referrers_of(&subject()))
            );
            fallback()
        }
    })
    .await
}

async fn found(server: &TestServer) -> Result<Referrers, RegistryError> {
    registries(server).referrers(&repository(server), &subject()).await
}

fn names(referrers: &Referrers) -> Vec<&str> {
    referrers
        .descriptors
        .iter()
        .map(|descriptor| descriptor.annotations["name"].as_str())
        .collect()
}

#[tokio::test]
async fn the_api_and_the_fallback_index_make_one_list() {
    let server = registry(
        |query| match query {
            "" => index_with_link(&["a", "b"], Some("?page=2")),
            _ => index(&["c", "a"]),
        },
        || index(&["b", "d", "d"]),
    )
    .await;
    let referrers = found(&server).await.unwrap();
    assert_eq!(names(&referrers), ["a", "b", "c", "d"]);
    assert_eq!(
        referrers.from_api,
        ["a", "b", "c"].map(|name| Digest::of(name.as_bytes()))
    );
    assert_eq!(
        referrers.fallback.unwrap().media_type.as_deref(),
        Some(media_type::OCI_INDEX)
    );
}

#[tokio::test]
async fn registries_without_the_api_have_the_fallback_index() {
    let silent: [fn(&str) -> Response; 8] = [
        |_| answer(404, &[("content-type", "text/plain")], "404 page not found\n"),
        |_| answer(404, &[("content-type", "text/html")], "<html>"),
        |_| answer(404, &[], ""),
        |_| refusal(404, "NAME_UNKNOWN"),
        |_| refusal(405, "UNSUPPORTED"),
        |_| refusal(400, "MANIFEST_INVALID"),
        |_| answer(406, &[], ""),
        |_| answer(200, &[("content-type", "text/html; charset=utf-8")], "<html>"),
    ];
    for api in silent {
        let server = registry(api, || index(&["a"])).await;
        let referrers = found(&server).await.unwrap();
        assert_eq!((names(&referrers), referrers.from_api.len()), (vec!["a"], 0));
        let server = registry(api, absent).await;
        assert_eq!(found(&server).await.unwrap(), Referrers::default());
    }
}

#[tokio::test]
async fn where_the_api_leads_to_something_else_elsewhere_nobody_goes_and_the_fallback_index_tells() {
    const ELSEWHERE: &str = "http://127.0.0.1:9/-/v2/packages/container/package/app";
    let see_other = |_: &str| answer(303, &[("location", ELSEWHERE)], "");
    let server = registry(see_other, || index(&["a"])).await;
    assert_eq!(names(&found(&server).await.unwrap()), ["a"]);
    let moved = |_: &str| answer(307, &[("location", ELSEWHERE)], "");
    let server = registry(moved, || index(&["a"])).await;
    assert!(found(&server).await.is_err(), "the list itself may stand elsewhere");
}

#[tokio::test]
async fn an_error_is_never_an_empty_list() {
    let errors: [(fn() -> Response, ErrorKind); 6] = [
        (|| answer(429, &[], ""), ErrorKind::Throttled),
        (|| refusal(400, "TOOMANYREQUESTS"), ErrorKind::Throttled),
        (|| answer(500, &[], ""), ErrorKind::Server),
        (|| answer(503, &[], ""), ErrorKind::Server),
        (|| refusal(403, "DENIED"), ErrorKind::Denied),
        (|| refusal(404, "DENIED"), ErrorKind::Denied),
    ];
    for (error, kind) in errors {
        let fallback = TestServer::start(move |request| async move {
            if request.path.contains("referrers") {
                index(&[])
            } else {
                error()
            }
        })
        .await;
        assert_eq!(found(&fallback).await.unwrap_err().kind, kind);
        let api = TestServer::start(move |request| async move {
            if request.path.contains("referrers") {
                error()
            } else {
                absent()
            }
        })
        .await;
        assert_eq!(found(&api).await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn lists_that_cannot_be_read_are_errors() {
    let bodies: [fn() -> Response; 4] = [
        || answer(200, &[("content-type", media_type::OCI_INDEX)], "{"),
        || {
            answer(
                200,
                &[("content-type", media_type::OCI_INDEX)],
                r#"{"schemaVersion":1,"manifests":[]}"#,
            )
        },
        || {
            answer(
                200,
                &[("content-type", media_type::OCI_INDEX)],
                r#"{"schemaVersion":2,"manifests":[{"digest":"x"}]}"#,
            )
        },
        || answer(200, &[("content-type", "application/json")], r#"{"message":"hello"}"#),
    ];
    for body in bodies {
        let api = TestServer::start(move |request| async move {
            if request.path.contains("referrers") {
                body()
            } else {
                absent()
            }
        })
        .await;
        assert_eq!(found(&api).await.unwrap_err().kind, ErrorKind::Malformed);
        let fallback = TestServer::start(move |request| async move {
            if request.path.contains("referrers") {
                index(&[])
            } else {
                body()
            }
        })
        .await;
        let error = found(&fallback).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed);
        assert!(error.message.contains("fallback referrers index"), "{error}");
    }
}

#[tokio::test]
async fn an_image_in_the_place_of_the_fallback_index_lists_nothing() {
    let image = r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[]}"#;
    let server = TestServer::start(move |request| async move {
        if request.path.contains("referrers") {
            index(&[])
        } else {
            answer(200, &[("content-type", media_type::OCI_MANIFEST)], image)
        }
    })
    .await;
    let found = found(&server).await.unwrap();
    assert_eq!((found.descriptors, found.fallback), (Vec::new(), None));
    assert_eq!(found.misplaced, Some(NotReferrers::Image));
}

#[tokio::test]
async fn a_referrer_by_another_algorithm_does_not_hide_the_others() {
    let server = registry(
        |_| {
            let body = format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"x","digest":"sha512:{}","size":1}},{{"mediaType":"x","digest":"{}","size":1}}]}}"#,
                "0".repeat(128),
                subject()
            );
            answer(200, &[], body)
        },
        absent,
    )
    .await;
    assert_eq!(found(&server).await.unwrap().from_api, [subject()]);
}

#[tokio::test]
async fn more_referrers_than_allowed_are_an_error() {
    let server = registry(|_| index(&["a", "b", "c"]), absent).await;
    let mut options = options(&server);
    options.limits.descriptors = 2;
    let registries = HttpRegistries::new(options).unwrap();
    let error = registries
        .referrers(&repository(&server), &subject())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
}
