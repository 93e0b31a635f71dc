//! Credentials that change, and identity tokens.

use super::*;

#[tokio::test]
async fn credentials_are_asked_for_each_time_so_that_rotation_is_seen() {
    let server = TestServer::start(|request| async move {
        match request.header("authorization") {
            // robot:second
            Some("Basic cm9ib3Q6c2Vjb25k") => answer(200, &[], "{}"),
            _ => challenge(&request, "Basic realm=x"),
        }
    })
    .await;
    let current = Arc::new(Mutex::new(Ok(basic("first"))));
    let source = {
        let current = Arc::clone(&current);
        move || current.lock().unwrap().clone()
    };
    let mut options = options(&server);
    options.prefixes[0].read = Some(Arc::new(source));
    let registries = HttpRegistries::new(options).unwrap();
    let (repository, tag) = (repository(&server), tag());
    let at = ManifestAt::Tag(&tag);
    let error = registries.manifest(&repository, at).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    *current.lock().unwrap() = Err("the file is gone".to_owned());
    let error = registries.manifest(&repository, at).await.unwrap_err();
    assert!(error.message.ends_with("cannot be read: the file is gone"), "{error}");
    *current.lock().unwrap() = Ok(basic("second"));
    registries.manifest(&repository, at).await.unwrap();
    // The first was asked without, then with the password; the third straight with the new one.
    assert_eq!(server.received().len(), 3);
}

/// Gives `p1` until it is refused, then `p2`, and so on.
#[derive(Default)]
struct Rotating {
    refused: AtomicUsize,
    identity: bool,
}

impl Rotating {
    fn current(&self) -> Credentials {
        let secret = Secret::new(format!("p{}", self.refused.load(Ordering::SeqCst) + 1));
        let username = "robot".to_owned();
        if self.identity {
            Credentials::Identity {
                username,
                token: secret,
            }
        } else {
            Credentials::Basic {
                username,
                password: secret,
            }
        }
    }
}

impl CredentialSource for Rotating {
    fn credentials<'a>(&'a self, _: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(async { Ok(Some(self.current())) })
    }

    fn refused<'a>(&'a self, _: &'a Prefix, credentials: &'a Credentials) -> RefusedFuture<'a> {
        Box::pin(async move {
            if *credentials == self.current() {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
        })
    }
}

fn with_source(server: &TestServer, source: &Arc<Rotating>) -> HttpRegistries {
    let mut options = options(server);
    options.prefixes[0].read = Some(Arc::clone(source) as Arc<dyn CredentialSource>);
    HttpRegistries::new(options).unwrap()
}

#[tokio::test]
async fn a_password_that_the_registry_refuses_is_renewed_once_for_all() {
    let server = TestServer::start(|request| async move {
        match request.header("authorization") {
            // robot:p2
            Some("Basic cm9ib3Q6cDI=") => answer(200, &[], "{}"),
            _ => challenge(&request, "Basic realm=x"),
        }
    })
    .await;
    let source = Arc::new(Rotating::default());
    let (registries, repository, tag) = (with_source(&server, &source), repository(&server), tag());
    let answers = join_all((0..8).map(|_| registries.manifest(&repository, ManifestAt::Tag(&tag)))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(source.refused.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_password_that_the_token_server_refuses_is_renewed_once_for_all() {
    let server = TestServer::start(|request| async move {
        match (request.path.as_str(), request.header("authorization")) {
            ("/token", Some("Basic cm9ib3Q6cDI=")) => answer(200, &[], r#"{"token":"t"}"#),
            ("/token", _) => answer(401, &[], ""),
            (_, Some("Bearer t")) => answer(200, &[], "{}"),
            _ => challenge(&request, r#"Bearer realm="{realm}""#),
        }
    })
    .await;
    let source = Arc::new(Rotating::default());
    let (registries, repository, tag) = (with_source(&server, &source), repository(&server), tag());
    let answers = join_all((0..8).map(|_| registries.manifest(&repository, ManifestAt::Tag(&tag)))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(source.refused.load(Ordering::SeqCst), 1);
    assert_eq!(server.count("GET /token"), 2);
}

#[tokio::test]
async fn a_password_that_stays_wrong_is_not_tried_for_ever() {
    let server = TestServer::start(|request| async move { challenge(&request, "Basic realm=x") }).await;
    let source = Arc::new(Rotating::default());
    let registries = with_source(&server, &source);
    let error = registries
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(server.received().len() <= 3, "{:?}", server.lines());
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post_and_shown_as_a_password_where_that_is_unknown() {
    for post in [200, 404, 405] {
        let server = TestServer::start(move |request| async move {
            match (request.line().as_str(), request.header("authorization")) {
                ("POST /token", None) if post == 200 => {
                    let form = String::from_utf8(request.body.to_vec()).unwrap();
                    let expected = "grant_type=refresh_token&service=the+registry&client_id=landfall\
                                    &scope=repository%3Ateam%2Fapp%3Apull&refresh_token=p1";
                    let status = if form == expected { 200 } else { 400 };
                    answer(status, &[], r#"{"access_token":"t","refresh_token":"new"}"#)
                }
                ("POST /token", _) => answer(post, &[], "no such thing"),
                ("GET /token", Some("Basic cm9ib3Q6cDE=")) => answer(200, &[], r#"{"token":"t"}"#),
                (_, Some("Bearer t")) => answer(200, &[], "{}"),
                _ => challenge(&request, r#"Bearer realm="{realm}",service="the registry""#),
            }
        })
        .await;
        let source = Arc::new(Rotating {
            identity: true,
            ..Rotating::default()
        });
        let found = with_source(&server, &source)
            .manifest(&repository(&server), ManifestAt::Tag(&tag()))
            .await;
        assert!(found.is_ok(), "{post}: {found:?}");
        assert_eq!(server.count("GET /token"), usize::from(post != 200));
    }
}

#[tokio::test]
async fn an_identity_token_is_never_sent_to_the_registry_by_surprise() {
    let server = TestServer::start(|request| async move {
        match request.line().as_str() {
            "POST /token" => answer(400, &[], r#"{"error":"invalid_grant","error_description":"p1"}"#),
            _ => challenge(&request, r#"Bearer realm="{realm}""#),
        }
    })
    .await;
    let source = Arc::new(Rotating {
        identity: true,
        ..Rotating::default()
    });
    let error = with_source(&server, &source)
        .manifest(&repository(&server), ManifestAt::Tag(&tag()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(!error.to_string().contains("p1"), "{error}");
    let manifests = server.received();
    assert!(
        manifests
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}
