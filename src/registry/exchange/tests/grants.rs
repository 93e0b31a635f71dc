//! What tokens allow, and who is whom.

use super::*;

#[tokio::test]
async fn a_token_that_is_too_narrow_is_widened_by_what_the_registry_asks_for() {
    for status in [401, 403] {
        let server = TestServer::start(move |request| async move {
            let narrow =
                r#"Bearer realm="{realm}",scope="repository:team/app:metadata_read",error="insufficient_scope""#;
            match (request.path.as_str(), request.header("authorization")) {
                ("/token", _) if request.query.contains("metadata_read") => answer(200, &[], r#"{"token":"wide"}"#),
                ("/token", _) => answer(200, &[], r#"{"token":"narrow"}"#),
                (_, Some("Bearer wide")) => answer(200, &[], r#"{"name":"team/app","tags":[]}"#),
                (_, Some(_)) => {
                    let text = narrow.replace("{realm}", &format!("http://{}/token", request.header("host").unwrap()));
                    answer(status, &[("www-authenticate", &text)], "")
                }
                _ => challenge(&request, r#"Bearer realm="{realm}""#),
            }
        })
        .await;
        let (registries, repository) = (with_password(&server, "p"), repository(&server));
        let tags = registries.tags(&repository).await;
        assert!(tags.is_ok(), "{status}: {tags:?}");
    }
}

#[tokio::test]
async fn a_token_server_that_grants_less_is_named() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/token" => answer(200, &[], r#"{"token":"narrow"}"#),
            _ => challenge(
                &request,
                r#"Bearer realm="{realm}",scope="repository:team/app:pull",error="insufficient_scope""#,
            ),
        }
    })
    .await;
    let error = with_password(&server, "p")
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(
        error
            .message
            .ends_with("wants a token for `repository:team/app:pull`, and the token server grants less"),
        "{error}"
    );
}

#[tokio::test]
async fn who_decided_to_be_anonymous_shows_nothing_to_read() {
    let server = TestServer::start(|request| async move { challenge(&request, "Basic realm=x") }).await;
    let mut options = options(&server);
    options.prefixes[0].read = Some(Arc::new(Anonymous));
    options.prefixes[0].write = Some(Arc::new(basic("p")));
    options.stored = Some(Arc::new(basic("stored")));
    let registries = HttpRegistries::new(options).unwrap();
    let error = registries
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert!(error.message.contains("none are configured"), "{error}");
    let received = server.received();
    assert!(received.iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn a_stored_login_serves_where_nothing_is_configured() {
    let server = TestServer::start(|request| async move {
        match request.header("authorization") {
            Some("Basic cm9ib3Q6cA==") => answer(200, &[], "{}"),
            _ => challenge(&request, "Basic realm=x"),
        }
    })
    .await;
    for (password, expected) in [("p", true), ("wrong", false)] {
        let mut options = options(&server);
        options.stored = Some(Arc::new(basic(password)));
        let registries = HttpRegistries::new(options).unwrap();
        let found = registries.manifest(&repository(&server), ManifestAt::Tag(&tag())).await;
        match found {
            Ok(_) => assert!(expected),
            Err(error) => assert!(!expected && error.message.contains("the stored login for"), "{error}"),
        }
    }
}
