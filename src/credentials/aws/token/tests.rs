//! Against servers that answer as Amazon documents.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::Response;

use super::*;
use crate::config::{Credential, Platform};
use crate::credentials::Sources;
use crate::credentials::helper::tests::environment;
use crate::credentials::service::tests::client;
use crate::http::test_server::{Received, TestServer, answer};

const PRIVATE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn token(password: &str, life: i64) -> Response {
    let token = BASE64_STANDARD.encode(format!("AWS:{password}"));
    let end = Timestamp::now().as_second() + life;
    let body = format!(
        r#"{{"authorizationData":[{{"authorizationToken":"{token}","expiresAt":{end}.123,"proxyEndpoint":"https://{PRIVATE}"}}]}}"#
    );
    answer(200, &[("content-type", MEDIA_TYPE)], body)
}

/// Everything that Amazon runs, at one address.
async fn amazon() -> TestServer {
    TestServer::start(|request| async move { respond(&request) }).await
}

fn respond(request: &Received) -> Response {
    let keys = r#""AccessKeyId":"ASIATEMPORARY","SecretAccessKey":"hunter2","Token":"session""#;
    match (request.method.as_str(), request.path.as_str()) {
        ("PUT", "/latest/api/token") => match request.header("x-aws-ec2-metadata-token-ttl-seconds") {
            Some(_) => answer(200, &[], "metadata-session"),
            None => answer(400, &[], ""),
        },
        ("GET", path) if path.starts_with("/latest/") => {
            if request.header("x-aws-ec2-metadata-token") != Some("metadata-session") {
                return answer(401, &[], "");
            }
            match path {
                "/latest/meta-data/iam/security-credentials/" => answer(200, &[], "release-role\n"),
                "/latest/meta-data/iam/security-credentials/release-role" => answer(
                    200,
                    &[],
                    format!(r#"{{"Code":"Success",{keys},"Expiration":"2030-01-01T00:00:00Z"}}"#),
                ),
                _ => answer(404, &[], ""),
            }
        }
        ("GET", "/agent") => match request.header("authorization") {
            Some("pod-token") => answer(200, &[], format!("{{{keys}}}")),
            _ => answer(401, &[], ""),
        },
        ("POST", "/") => match request.header("x-amz-target") {
            Some(_) => ecr(request),
            None => sts(request),
        },
        _ => answer(404, &[], ""),
    }
}

fn sts(request: &Received) -> Response {
    let form = String::from_utf8(request.body.to_vec()).unwrap();
    if !form
        .starts_with("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&")
        || !form.ends_with("&WebIdentityToken=cluster-token")
    {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code></Error></ErrorResponse>";
        return answer(400, &[("content-type", "text/xml")], body);
    }
    let body = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <AssumeRoleWithWebIdentityResult><Credentials><SessionToken>session</SessionToken>\
        <SecretAccessKey>hunter2</SecretAccessKey><Expiration>2030-01-01T00:00:00Z</Expiration>\
        <AccessKeyId>ASIATEMPORARY</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>\
        </AssumeRoleWithWebIdentityResponse>";
    answer(200, &[("content-type", "text/xml")], body)
}

fn ecr(request: &Received) -> Response {
    let shown = request.header("authorization").unwrap_or_default();
    let temporary =
        shown.contains("Credential=ASIATEMPORARY/") && request.header("x-amz-security-token") == Some("session");
    let long = shown.contains("Credential=AKIALONG/") && request.header("x-amz-security-token").is_none();
    let is_signed = shown.contains("x-amz-target") && shown.contains("Signature=") && request.body == "{}";
    if !is_signed || !(temporary || long) {
        return answer(
            400,
            &[],
            r#"{"__type":"UnrecognizedClientException","message":"hunter2"}"#,
        );
    }
    match request.header("x-amz-target") {
        Some("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken") if shown.contains("/eu-west-1/ecr/") => {
            token("private", 43_200)
        }
        Some("SpencerFrontendService.GetAuthorizationToken") if shown.contains("/us-east-1/ecr-public/") => {
            let token = BASE64_STANDARD.encode("AWS:public");
            answer(
                200,
                &[],
                format!(r#"{{"authorizationData":{{"authorizationToken":"{token}"}}}}"#),
            )
        }
        _ => answer(400, &[], r#"{"__type":"UnknownOperationException"}"#),
    }
}

async fn ask(server: &TestServer, registry: &str, variables: &[(&str, &str)]) -> Result<String, String> {
    let endpoint = server.url("/");
    let own = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
    ];
    let environment = environment("/".as_ref(), &[&own, variables].concat());
    let lease = login(
        &Services::new(client()),
        &environment,
        &registry.parse().unwrap(),
        Timestamp::now(),
    )
    .await?;
    match lease.credentials {
        Some(Credentials::Basic { username, password }) => Ok(format!("{username}:{}", password.expose())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_comes_with_each_kind_of_credentials() {
    let server = amazon().await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cluster, pod) = (file("cluster", "cluster-token\n"), file("pod", "pod-token"));
    let agent = server.url("/agent");
    for variables in [
        vec![("AWS_ACCESS_KEY_ID", "AKIALONG"), ("AWS_SECRET_ACCESS_KEY", "hunter2")],
        vec![
            ("AWS_ACCESS_KEY_ID", "ASIATEMPORARY"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_SESSION_TOKEN", "session"),
        ],
        vec![
            ("AWS_WEB_IDENTITY_TOKEN_FILE", cluster.as_str()),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ],
        vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.as_str()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", pod.as_str()),
        ],
        vec![],
    ] {
        let found = ask(&server, PRIVATE, &variables).await;
        assert_eq!(found.as_deref(), Ok("AWS:private"), "{variables:?}");
        let found = ask(&server, "public.ecr.aws", &variables).await;
        assert_eq!(found.as_deref(), Ok("AWS:public"), "{variables:?}");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_named_without_secrets() {
    let server = amazon().await;
    let folder = tempfile::TempDir::new().unwrap();
    let wrong = folder.path().join("wrong");
    fs::write(&wrong, "hunter2").unwrap();
    let agent = server.url("/agent");
    for (variables, message) in [
        (vec![("AWS_ACCESS_KEY_ID", "AKIALONG")], "AWS_SECRET_ACCESS_KEY is not"),
        (
            vec![("AWS_ACCESS_KEY_ID", "AKIAOTHER"), ("AWS_SECRET_ACCESS_KEY", "hunter2")],
            "Amazon ECR answers 400 Bad Request (UnrecognizedClientException)",
        ),
        (
            vec![
                ("AWS_WEB_IDENTITY_TOKEN_FILE", wrong.to_str().unwrap()),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
            ],
            "security token service answers 400 Bad Request (InvalidIdentityToken)",
        ),
        (
            vec![
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token"),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
            ],
            "/nonexistent/token cannot be read",
        ),
        (
            vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.as_str()),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hunter2"),
            ],
            "container credentials answers 401",
        ),
        (
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.1.2.3/credentials")],
            "leads to neither this machine nor Amazon's agents",
        ),
        (vec![("AWS_EC2_METADATA_DISABLED", "true")], "no credentials for Amazon"),
    ] {
        let error = ask(&server, PRIVATE, &variables).await.unwrap_err();
        assert!(error.contains(message), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_refused() {
    for (body, message) in [
        ("<html>hunter2</html>".to_owned(), "something other than the JSON"),
        (r#"{"authorizationData":[]}"#.to_owned(), "without a token"),
        (
            r#"{"authorizationData":[{"authorizationToken":"hunter2!"}]}"#.to_owned(),
            "is not base64",
        ),
        ("1".repeat(1 << 20), "more than the 262144 bytes"),
    ] {
        let server = TestServer::start(move |_| {
            let body = body.clone();
            async move { answer(200, &[], body) }
        })
        .await;
        let variables = [("AWS_ACCESS_KEY_ID", "AKIALONG"), ("AWS_SECRET_ACCESS_KEY", "x")];
        let error = ask(&server, PRIVATE, &variables).await.unwrap_err();
        assert!(error.contains(message) && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_password_is_kept_until_shortly_before_its_end_and_renewed_once_it_is_refused() {
    let given = Arc::new(AtomicUsize::new(0));
    let server = {
        let given = Arc::clone(&given);
        TestServer::start(move |_| {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            async move { token(&format!("p{number}"), 43_200) }
        })
        .await
    };
    let endpoint = server.url("/");
    let variables = [
        ("AWS_ENDPOINT_URL_ECR", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIALONG"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ];
    let sources = Sources::new(environment("/".as_ref(), &variables), client());
    let source = sources.of(&Credential::Ambient(Platform::Aws), false);
    let place = PRIVATE.parse().unwrap();
    let ask = async || match source.credentials(&place).await {
        Ok(Some(Credentials::Basic { password, .. })) => password.expose().to_owned(),
        other => panic!("{other:?}"),
    };
    let pass = async |seconds| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    assert_eq!((ask().await, ask().await), ("p1".to_owned(), "p1".to_owned()));
    pass(43_200 - 301).await;
    assert_eq!(ask().await, "p1");
    pass(10).await;
    assert_eq!(ask().await, "p2");
    pass(60).await;
    let second = source.credentials(&place).await.unwrap().unwrap();
    source.refused(&place, &second).await;
    assert_eq!(ask().await, "p3");
    // The same identity serves other prefixes of the registry.
    let other = sources.of(&Credential::Ambient(Platform::Aws), false);
    let other_place = format!("{PRIVATE}/team").parse().unwrap();
    assert!(other.credentials(&other_place).await.is_ok());
    assert_eq!(given.load(Ordering::SeqCst), 3);
}
