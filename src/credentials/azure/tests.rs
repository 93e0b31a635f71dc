//! Against servers that answer as Azure documents.

use std::fs;

use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::*;
use crate::credentials::helper::tests::environment;
use crate::credentials::service::tests::client;
use crate::http::test_server::{Received, TestServer, answer};

/// Entra, the metadata service and a registry at one address; the registry's tokens live for an hour.
async fn azure() -> TestServer {
    TestServer::start(|request| async move { respond(&request) }).await
}

fn respond(request: &Received) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let query: Vec<(String, String)> = url::form_urlencoded::parse(request.query.as_bytes())
        .into_owned()
        .collect();
    let find = |fields: &[(String, String)], name: &str| {
        let found = fields.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let field = |name: &str| find(&form, name);
    let entra = || {
        answer(
            200,
            &[],
            r#"{"access_token":"entra","expires_in":"3599","token_type":"Bearer"}"#,
        )
    };
    match request.path.as_str() {
        "/tenant-1/oauth2/v2.0/token" => {
            let is_asked = field("grant_type") == "client_credentials"
                && field("client_id") == "client-1"
                && field("scope") == "https://containerregistry.azure.net/.default";
            let is_proved = field("client_secret") == "app-secret"
                || field("client_assertion") == "cluster-token"
                    && field("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            if is_asked && is_proved {
                entra()
            } else {
                answer(401, &[], r#"{"error":"invalid_client","error_description":"hunter2"}"#)
            }
        }
        "/metadata/identity/oauth2/token" => {
            let is_right = request.header("metadata") == Some("true")
                && find(&query, "api-version") == "2018-02-01"
                && find(&query, "resource") == AUDIENCE;
            if is_right {
                entra()
            } else {
                answer(400, &[], r#"{"error":"invalid_request"}"#)
            }
        }
        "/msi/token" => {
            let is_right = request.header("x-identity-header") == Some("app-header")
                && find(&query, "api-version") == "2019-08-01"
                && find(&query, "client_id") == "client-1";
            if is_right { entra() } else { answer(401, &[], "") }
        }
        "/oauth2/exchange" => {
            let is_right = field("grant_type") == "access_token"
                && field("service") == request.header("host").unwrap()
                && field("access_token") == "entra";
            if !is_right {
                return answer(401, &[], r#"{"errors":[{"code":"UNAUTHORIZED","message":"hunter2"}]}"#);
            }
            let end = Timestamp::now().as_second() + 3600;
            let claims = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{end}}}"#));
            answer(200, &[], format!(r#"{{"refresh_token":"h.{claims}.s"}}"#))
        }
        _ => answer(404, &[], ""),
    }
}

async fn ask(server: &TestServer, variables: &[(&str, &str)]) -> Result<Lease, String> {
    let base = server.url("/");
    let own = [
        ("AZURE_AUTHORITY_HOST", base.as_str()),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", &base),
    ];
    let environment = environment("/".as_ref(), &[&own, variables].concat());
    let registry = server.address.to_string().parse().unwrap();
    login(
        &Services::new(client()),
        &environment,
        &registry,
        true,
        Timestamp::now(),
    )
    .await
}

#[tokio::test]
async fn each_kind_of_identity_is_exchanged_for_the_registrys_refresh_token() {
    let server = azure().await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "cluster-token").unwrap();
    let application = [("AZURE_CLIENT_ID", "client-1"), ("AZURE_TENANT_ID", "tenant-1")];
    let msi = server.url("/msi/token");
    for variables in [
        [application[0], application[1], ("AZURE_CLIENT_SECRET", "app-secret")].to_vec(),
        [
            application[0],
            application[1],
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
        ]
        .to_vec(),
        [
            application[0],
            ("IDENTITY_ENDPOINT", &msi),
            ("IDENTITY_HEADER", "app-header"),
        ]
        .to_vec(),
        vec![],
    ] {
        let lease = ask(&server, &variables).await.unwrap();
        assert!((3590..=3600).contains(&lease.life.as_secs()), "{:?}", lease.life);
        match lease.credentials {
            Some(Credentials::Identity { username, token }) => {
                assert_eq!(username, NOBODY);
                assert!(token.expose().starts_with("h."));
            }
            other => panic!("{other:?}"),
        }
    }
    let tenants = server.received();
    let exchange = tenants
        .iter()
        .find(|request| request.path == "/oauth2/exchange")
        .unwrap();
    assert!(String::from_utf8_lossy(&exchange.body).contains("&tenant=tenant-1&"));
}

#[tokio::test]
async fn what_goes_wrong_is_named_without_secrets() {
    let server = azure().await;
    let application = [("AZURE_CLIENT_ID", "client-1"), ("AZURE_TENANT_ID", "tenant-1")];
    let with = |name, value| [application[0], application[1], (name, value)];
    for (variables, message) in [
        (
            with("AZURE_CLIENT_SECRET", "hunter2").to_vec(),
            "Microsoft Entra answers 401 Unauthorized (invalid_client)",
        ),
        (
            with("AZURE_FEDERATED_TOKEN_FILE", "/nonexistent/token").to_vec(),
            "/nonexistent/token cannot be read",
        ),
        (
            vec![("IDENTITY_ENDPOINT", "http://1.1.1.1/"), ("IDENTITY_HEADER", "hunter2")],
            "IDENTITY_ENDPOINT leads to `1.1.1.1` without TLS",
        ),
    ] {
        let error = ask(&server, &variables).await.err().unwrap();
        assert!(error.contains(message) && !error.contains("hunter2"), "{error}");
    }
    for (body, message) in [
        ("<html>hunter2".to_owned(), "something other than the JSON"),
        (r#"{"refresh_token":""}"#.to_owned(), "something other than the JSON"),
        ("1".repeat(1 << 20), "more than the 262144 bytes"),
    ] {
        let server = TestServer::start(move |_| {
            let body = body.clone();
            async move { answer(200, &[], body) }
        })
        .await;
        let error = ask(&server, &[]).await.err().unwrap();
        assert!(error.contains(message) && !error.contains("hunter2"), "{error}");
    }
}
