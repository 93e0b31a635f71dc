//! What registries show to those without credentials.

use super::*;

#[tokio::test]
async fn what_is_hidden_from_strangers_is_not_absent() {
    let server = TestServer::start(|request| async move {
        match (request.path.as_str(), request.header("authorization")) {
            (_, Some("Basic cm9ib3Q6cA==")) => answer(200, &[], "{}"),
            ("/v2/", _) => challenge(&request, "Basic realm=x"),
            _ => refusal(404, "NAME_UNKNOWN"),
        }
    })
    .await;
    let (repository, tag) = (repository(&server), tag());
    let known = with_password(&server, "p");
    assert!(
        known
            .manifest(&repository, ManifestAt::Tag(&tag))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        known
            .manifest(&repository, ManifestAt::Tag(&tag))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        server.lines(),
        [
            &format!("GET {MANIFEST}"),
            "GET /v2/",
            &format!("GET {MANIFEST}"),
            &format!("GET {MANIFEST}")
        ]
    );
    let stranger = registries(&server);
    assert!(
        stranger
            .manifest(&repository, ManifestAt::Tag(&tag))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn an_open_registry_is_asked_once_whether_it_is_open() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/v2/" => answer(200, &[], "{}"),
            _ => refusal(404, "MANIFEST_UNKNOWN"),
        }
    })
    .await;
    let (registries, repository, tag) = (with_password(&server, "p"), repository(&server), tag());
    for _ in 0..2 {
        assert!(
            registries
                .manifest(&repository, ManifestAt::Tag(&tag))
                .await
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(server.count("GET /v2/"), 1);
}

#[tokio::test]
async fn harbor_offers_basic_to_whoever_shows_a_stale_token() {
    let server = TestServer::start(|request| async move {
        match (request.path.as_str(), request.header("authorization")) {
            ("/token", _) => answer(200, &[], r#"{"token":"stale"}"#),
            (_, None) => challenge(&request, r#"Bearer realm="{realm}""#),
            (_, Some("Basic cm9ib3Q6cA==")) => answer(200, &[], "{}"),
            _ => challenge(&request, r#"Basic realm="harbor""#),
        }
    })
    .await;
    let (repository, tag) = (repository(&server), tag());
    let known = with_password(&server, "p");
    assert!(
        known
            .manifest(&repository, ManifestAt::Tag(&tag))
            .await
            .unwrap()
            .is_some()
    );
    let anonymous = registries(&server);
    let error = anonymous
        .manifest(&repository, ManifestAt::Tag(&tag))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
}
