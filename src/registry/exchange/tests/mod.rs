//! Authentication as registries see it.

mod grants;
mod renewal;
mod strangers;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Response;
use futures_util::future::join_all;

use super::*;
use crate::http::Concurrency;
use crate::http::test_server::{Received, TestServer, answer};
use crate::model::{Prefix, Tag};
use crate::registry::test_support::{basic, blob, options, refusal, registries, repository, with_password};
use crate::registry::{
    Anonymous, CredentialSource, Credentials, CredentialsFuture, ManifestAt, RefusedFuture, Registry as _, Secret,
    WritableRegistry as _,
};

const MANIFEST: &str = "/v2/team/app/manifests/v1";

fn tag() -> Tag {
    "v1".parse().unwrap()
}

fn challenge(request: &Received, text: &str) -> Response {
    let host = request.header("host").unwrap();
    let text = text.replace("{realm}", &format!("http://{host}/token"));
    answer(
        401,
        &[("www-authenticate", &text), ("content-type", "application/json")],
        "",
    )
}

/// A registry with tokens: `/token` gives `t1`, `t2`, … ; the registry takes what `accepts` says.
async fn bearer_registry(accepts: impl Fn(&str) -> bool + Clone + Send + Sync + 'static) -> TestServer {
    let issued = Arc::new(AtomicUsize::new(0));
    TestServer::start(move |request| {
        let (issued, accepts) = (Arc::clone(&issued), accepts.clone());
        async move {
            if request.path == "/token" {
                let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
                // Others have the time to come and wait.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return answer(200, &[], format!(r#"{{"token":"t{number}","expires_in":300}}"#));
            }
            let shown = request
                .header("authorization")
                .and_then(|text| text.strip_prefix("Bearer "));
            if shown.is_some_and(accepts) {
                answer(200, &[], "{}")
            } else {
                challenge(
                    &request,
                    r#"Bearer realm="{realm}",service="the registry",scope="repository:team/app:pull""#,
                )
            }
        }
    })
    .await
}

#[tokio::test]
async fn eight_cold_questions_at_once_fetch_one_token() {
    let server = bearer_registry(|_| true).await;
    let (registries, repository, tag) = (registries(&server), repository(&server), tag());
    let answers = join_all((0..8).map(|_| registries.manifest(&repository, ManifestAt::Tag(&tag)))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(server.count("GET /token"), 1);
    let token = server
        .received()
        .into_iter()
        .find(|request| request.path == "/token")
        .unwrap();
    assert_eq!(token.query, "service=the+registry&scope=repository%3Ateam%2Fapp%3Apull");
    assert_eq!(token.header("authorization"), None);
}

#[tokio::test]
async fn a_token_fits_into_a_budget_of_one_request() {
    let server = bearer_registry(|_| true).await;
    let mut options = options(&server);
    options.client.concurrency = Concurrency {
        requests: 1,
        ..Concurrency::default()
    };
    let registries = HttpRegistries::new(options).unwrap();
    let (repository, tag) = (repository(&server), tag());
    let answers = join_all((0..4).map(|_| registries.manifest(&repository, ManifestAt::Tag(&tag)))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_known_registry_is_asked_with_a_token_at_once() {
    let server = bearer_registry(|_| true).await;
    let (registries, tag) = (registries(&server), tag());
    let other = format!("{}/team/other", server.address).parse().unwrap();
    for repository in [repository(&server), other] {
        registries.manifest(&repository, ManifestAt::Tag(&tag)).await.unwrap();
    }
    assert_eq!(
        server.lines(),
        [
            format!("GET {MANIFEST}"),
            "GET /token".to_owned(),
            format!("GET {MANIFEST}"),
            "GET /token".to_owned(),
            "GET /v2/team/other/manifests/v1".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let server = bearer_registry(|token| token != "t1").await;
    let (known, tag) = (registries(&server), tag());
    let repository = repository(&server);
    // The token that a stranger gets is stale at once: one more is fetched for the next question, not for this one.
    let error = known.manifest(&repository, ManifestAt::Tag(&tag)).await.unwrap_err();
    assert_eq!((error.kind, error.status), (ErrorKind::Denied, Some(401)));
    assert_eq!(server.count("GET /token"), 1);
    assert!(
        known
            .manifest(&repository, ManifestAt::Tag(&tag))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(server.count("GET /token"), 2);
}

#[tokio::test]
async fn a_token_that_is_revoked_while_in_use_is_replaced_at_once() {
    let revoked = Arc::new(AtomicUsize::new(0));
    let server = {
        let revoked = Arc::clone(&revoked);
        bearer_registry(move |token| token != format!("t{}", revoked.load(Ordering::SeqCst))).await
    };
    let (registries, repository, tag) = (registries(&server), repository(&server), tag());
    registries.manifest(&repository, ManifestAt::Tag(&tag)).await.unwrap();
    revoked.store(1, Ordering::SeqCst);
    let answers = join_all((0..8).map(|_| registries.manifest(&repository, ManifestAt::Tag(&tag)))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(server.count("GET /token"), 2);
}

#[tokio::test]
async fn an_expired_token_is_fetched_anew_without_asking_the_registry_first() {
    let server = bearer_registry(|_| true).await;
    let (registries, repository, tag) = (registries(&server), repository(&server), tag());
    registries.manifest(&repository, ManifestAt::Tag(&tag)).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(280)).await;
    tokio::time::resume();
    registries.manifest(&repository, ManifestAt::Tag(&tag)).await.unwrap();
    assert_eq!(server.count("GET /token"), 2);
    assert_eq!(server.count(&format!("GET {MANIFEST}")), 3);
}

#[tokio::test]
async fn who_waits_for_a_token_shares_its_failure() {
    let server = TestServer::start(|request| async move {
        if request.path == "/token" {
            tokio::time::sleep(Duration::from_millis(50)).await;
            return answer(401, &[], r#"{"details":"incorrect username or password hunter2"}"#);
        }
        challenge(&request, r#"Bearer realm="{realm}""#)
    })
    .await;
    let (registries, repository, tag) = (with_password(&server, "hunter2"), repository(&server), tag());
    let answers = join_all((0..8).map(|_| registries.manifest(&repository, ManifestAt::Tag(&tag)))).await;
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(
            error
                .message
                .contains("the token server refuses the read credentials of `127.0.0.1"),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert!(server.count("GET /token") < 8, "{:?}", server.lines());
}

#[tokio::test]
async fn bearer_is_chosen_where_both_are_offered() {
    let server = TestServer::start(|request| async move {
        match (request.path.as_str(), request.header("authorization")) {
            ("/token", Some("Basic cm9ib3Q6cA==")) => answer(200, &[], r#"{"access_token":"t"}"#),
            (_, Some("Bearer t")) => answer(200, &[], "{}"),
            _ => {
                let bearer = format!(r#"Bearer realm="http://{}/token""#, request.header("host").unwrap());
                answer(
                    401,
                    &[("www-authenticate", "Basic realm=\"x\""), ("www-authenticate", &bearer)],
                    "",
                )
            }
        }
    })
    .await;
    let registries = with_password(&server, "p");
    assert!(
        registries
            .manifest(&repository(&server), ManifestAt::Tag(&tag()))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn what_a_token_server_cannot_do_says_nothing_of_the_registry() {
    let server = TestServer::start(|request| async move {
        if request.path == "/token" {
            return answer(405, &[], r#"{"errors":[{"code":"UNSUPPORTED"}]}"#);
        }
        challenge(&request, r#"Bearer realm="{realm}""#)
    })
    .await;
    let (registries, repository, tag) = (with_password(&server, "hunter2"), repository(&server), tag());
    let error = registries.delete_tag(&repository, &tag).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed, "{error}");
}

#[tokio::test]
async fn a_configured_token_is_sent_with_every_question() {
    let server = TestServer::start(|request| async move {
        match request.header("authorization") {
            Some("Bearer configured") => answer(200, &[], "{}"),
            _ => challenge(&request, r#"Bearer realm="{realm}""#),
        }
    })
    .await;
    for (token, allowed) in [("configured", true), ("stale", false)] {
        let mut options = options(&server);
        options.prefixes[0].read = Some(Arc::new(Credentials::Token(Secret::new(token))));
        let registries = HttpRegistries::new(options).unwrap();
        let result = registries.manifest(&repository(&server), ManifestAt::Tag(&tag())).await;
        assert_eq!(result.is_ok(), allowed, "{result:?}");
    }
    assert_eq!(server.count("GET /token"), 0);
}

#[tokio::test]
async fn realms_that_are_less_safe_than_the_registry_get_nothing() {
    for realm in [
        "http://169.254.169.254/token",
        "http://10.1.2.3/token",
        "https://[fe80::1]/token",
        "ftp://example.com/token",
        "https://user@example.com/token",
        "/token",
    ] {
        let server =
            TestServer::start(move |request| async move { challenge(&request, &format!(r#"Bearer realm="{realm}""#)) })
                .await;
        let registries = with_password(&server, "p");
        let error = registries
            .manifest(&repository(&server), ManifestAt::Tag(&tag()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotAllowed, "{error}");
        assert_eq!(server.received().len(), 1);
        if realm.contains("10.1.2.3") {
            assert!(error.message.ends_with(r#"private-hosts = ["10.1.2.3"]"#), "{error}");
        }
    }
}

#[tokio::test]
async fn a_realm_that_redirects_gets_no_credentials_and_gives_no_token() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/token" => answer(307, &[("location", "/elsewhere")], ""),
            _ => challenge(&request, r#"Bearer realm="{realm}""#),
        }
    })
    .await;
    let registries = with_password(&server, "p");
    let error = registries
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert_eq!(server.count("GET /elsewhere"), 0);
}

#[tokio::test]
async fn only_the_registry_itself_may_ask_for_credentials() {
    let storage = TestServer::start(|request| async move { challenge(&request, "Basic realm=x") }).await;
    let target = storage.url("/blob");
    let server = TestServer::start(move |_| {
        let target = target.clone();
        async move { answer(307, &[("location", &target)], "") }
    })
    .await;
    let registries = with_password(&server, "p");
    let error = registries
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("redirects"), "{error}");
    assert!(
        storage
            .received()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[tokio::test]
async fn writes_ask_for_push_and_mounts_for_the_other_repository_too() {
    let server = bearer_registry(|_| true).await;
    let (registries, repository) = (registries(&server), repository(&server));
    let blob = crate::registry::test_support::blob(b"x");
    let _ = registries
        .mount_blob(&repository, &"base/os".parse().unwrap(), &blob)
        .await;
    let _ = registries
        .put_manifest(&repository, ManifestAt::Tag(&tag()), "application/json", "{}".into())
        .await;
    let scopes: Vec<String> = server
        .received()
        .iter()
        .filter(|request| request.path == "/token")
        .map(|request| {
            request
                .query
                .replace("%3A", ":")
                .replace("%2F", "/")
                .replace("%2C", ",")
        })
        .collect();
    assert_eq!(
        scopes,
        [
            "service=the+registry&scope=repository:base/os:pull&scope=repository:team/app:pull,push",
            "service=the+registry&scope=repository:team/app:pull,push",
        ]
    );
}

#[tokio::test]
async fn nobody_goes_where_the_path_would_show_what_was_sent() {
    let server = TestServer::start(|request| async move {
        match (request.header("authorization"), request.method.as_str()) {
            (None, _) => challenge(&request, "Basic realm=x"),
            (Some(_), "GET") => answer(307, &[("location", "/to/hun%22ter%262/there")], ""),
            (Some(_), _) => answer(202, &[("location", "/uploads/hun%22ter%262")], ""),
        }
    })
    .await;
    let (registries, place) = (with_password(&server, "hun\"ter&2"), repository(&server));
    let read = registries.manifest(&place, ManifestAt::Tag(&tag())).await.unwrap_err();
    let content = Box::pin(futures_util::stream::iter([Ok("x".into())]));
    let write = registries.put_blob(&place, &blob(b"x"), content).await.unwrap_err();
    for error in [read, write] {
        assert_eq!(error.kind, ErrorKind::NotAllowed, "{error}");
        assert!(!error.to_string().contains("ter"), "{error}");
    }
}

#[tokio::test]
async fn what_a_server_echoes_of_our_secrets_is_not_shown() {
    const PASSWORD: &str = "hun\"ter&2ü";
    let server = TestServer::start(|request| async move {
        match request.header("authorization") {
            None => challenge(&request, "Basic realm=x"),
            Some(shown) => {
                let message = format!("you sent {shown} that is robot:{PASSWORD}");
                let body = serde_json::json!({ "errors": [{ "code": "BAD", "message": message }] });
                answer(400, &[], body.to_string())
            }
        }
    })
    .await;
    let registries = with_password(&server, PASSWORD);
    let error = registries
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("you sent Basic (secret) that is robot:(secret)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_ping_takes_a_challenge_for_an_answer_where_there_is_nothing_to_show() {
    let closed = TestServer::start(|request| async move { challenge(&request, "Basic realm=x") }).await;
    registries(&closed).ping(&repository(&closed)).await.unwrap();
    assert_eq!(
        with_password(&closed, "p")
            .ping(&repository(&closed))
            .await
            .unwrap_err()
            .kind,
        ErrorKind::Denied
    );
    let page = TestServer::start(|_| async { answer(200, &[("content-type", "text/html")], "<html>") }).await;
    assert_eq!(
        registries(&page).ping(&repository(&page)).await.unwrap_err().kind,
        ErrorKind::Malformed
    );
    let busy = TestServer::start(|_| async { answer(429, &[("retry-after", "7")], "") }).await;
    let error = registries(&busy).ping(&repository(&busy)).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry_after),
        (ErrorKind::Throttled, Some(Duration::from_secs(7)))
    );
}
