//! Against servers that answer as Google documents.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use super::*;
use crate::config::{Credential, Platform};
use crate::credentials::Sources;
use crate::credentials::helper::tests::environment;
use crate::credentials::service::tests::client;
use crate::http::test_server::{Received, TestServer, answer};

const KEY: &str = include_str!("../../../../testdata/credentials/service-account.key");

async fn google() -> TestServer {
    TestServer::start(|request| async move { respond(&request) }).await
}

fn respond(request: &Received) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let field = |name: &str| {
        let found = form.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let token = |token: &str| {
        answer(
            200,
            &[("metadata-flavor", "Google")],
            format!(r#"{{"access_token":"{token}","expires_in":3599,"token_type":"Bearer"}}"#),
        )
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/computeMetadata/v1/instance/service-accounts/default/token") => {
            match request.header("metadata-flavor") {
                Some("Google") => token("of-the-machine"),
                _ => answer(403, &[], "missing Metadata-Flavor"),
            }
        }
        ("POST", "/token") if field("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let claims = field("assertion").split('.').nth(1).unwrap();
            let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
            let host = request.header("host").unwrap();
            let is_right = claims["iss"] == "release@acme.iam.gserviceaccount.com"
                && claims["aud"] == format!("http://{host}/token")
                && claims["scope"] == SCOPE
                && claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() == 3600;
            if is_right {
                token("of-the-account")
            } else {
                answer(400, &[], r#"{"error":"invalid_grant"}"#)
            }
        }
        ("POST", "/token") if field("grant_type") == "refresh_token" => {
            let is_right = [field("client_id"), field("client_secret"), field("refresh_token")] == ["id", "cs", "rt"];
            if is_right {
                token("of-the-person")
            } else {
                answer(400, &[], r#"{"error":"invalid_grant"}"#)
            }
        }
        ("POST", "/sts") => {
            let is_right = field("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
                && field("requested_token_type") == "urn:ietf:params:oauth:token-type:access_token"
                && field("audience")
                    == "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"
                && field("subject_token_type") == "urn:ietf:params:oauth:token-type:jwt"
                && field("subject_token") == "from-elsewhere"
                && field("scope") == SCOPE;
            if is_right {
                token("federated")
            } else {
                answer(400, &[], r#"{"error":"invalid_request"}"#)
            }
        }
        ("POST", "/impersonate") => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let is_right = request.header("authorization") == Some("Bearer federated")
                && body == json!({ "scope": [SCOPE], "lifetime": "1800s" });
            if !is_right {
                return answer(
                    403,
                    &[],
                    r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"hunter2"}}"#,
                );
            }
            let end = Timestamp::now() + Duration::from_secs(1800);
            answer(
                200,
                &[],
                json!({ "accessToken": "impersonated", "expireTime": end.to_string() }).to_string(),
            )
        }
        ("GET", "/subject") if request.header("x-secret") == Some("s") => {
            answer(200, &[], r#"{"value":"from-elsewhere"}"#)
        }
        _ => answer(404, &[], ""),
    }
}

fn password(lease: Lease) -> (String, Duration) {
    match lease.credentials {
        Some(Credentials::Basic { username, password }) if username == "oauth2accesstoken" => {
            (password.expose().to_owned(), lease.life)
        }
        other => panic!("{other:?}"),
    }
}

async fn ask(home: &Path, variables: &[(&str, &str)]) -> Result<(String, Duration), String> {
    let environment = environment(home, variables);
    login(&Services::new(client()), &environment, Timestamp::now())
        .await
        .map(password)
}

async fn ask_with(content: &Value) -> Result<(String, Duration), String> {
    let home = tempfile::TempDir::new().unwrap();
    let path = home.path().join("credentials.json");
    fs::write(&path, content.to_string()).unwrap();
    ask(
        home.path(),
        &[("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().unwrap())],
    )
    .await
}

#[tokio::test]
async fn the_machines_token_comes_from_its_metadata_service() {
    let server = google().await;
    let host = server.address.to_string();
    let (token, life) = ask("/nonexistent".as_ref(), &[("GCE_METADATA_HOST", &host)])
        .await
        .unwrap();
    assert_eq!((token.as_str(), life.as_secs()), ("of-the-machine", 3599));
    let other = TestServer::start(|_| async { answer(200, &[], r#"{"access_token":"x","expires_in":1}"#) }).await;
    let host = other.address.to_string();
    let error = ask("/nonexistent".as_ref(), &[("GCE_METADATA_HOST", &host)])
        .await
        .unwrap_err();
    assert!(error.contains("is something else"), "{error}");
    let error = ask(
        "/nonexistent".as_ref(),
        &[("GCE_METADATA_HOST", "metadata.example.com")],
    )
    .await
    .unwrap_err();
    assert!(error.contains("without TLS"), "{error}");
}

#[tokio::test]
async fn a_service_accounts_key_signs_for_a_token() {
    let server = google().await;
    let file = json!({
        "type": "service_account", "client_email": "release@acme.iam.gserviceaccount.com", "private_key": KEY,
        "private_key_id": "k1", "token_uri": server.url("/token"), "project_id": "acme",
    });
    assert_eq!(ask_with(&file).await.unwrap().0, "of-the-account");
    let mut wrong = file.clone();
    wrong["client_email"] = "other@acme.iam.gserviceaccount.com".into();
    let error = ask_with(&wrong).await.unwrap_err();
    assert!(
        error.contains("Google's token service answers 400 Bad Request (invalid_grant)"),
        "{error}"
    );
    let mut broken = file;
    broken["private_key"] = "hunter2".into();
    let error = ask_with(&broken).await.unwrap_err();
    assert!(
        error.contains("not an RSA key") && !error.contains("hunter2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_persons_refresh_token_is_exchanged() {
    let server = google().await;
    let user = json!({ "client_id": "id", "client_secret": "cs", "refresh_token": "rt" });
    let user: AuthorizedUser = serde_json::from_value(user).unwrap();
    let lease = authorized_user(&Services::new(client()), &user, &server.url("/token")).await;
    assert_eq!(password(lease.unwrap()).0, "of-the-person");
}

#[tokio::test]
async fn another_platforms_token_is_exchanged_and_a_service_account_impersonated() {
    let server = google().await;
    let folder = tempfile::TempDir::new().unwrap();
    let subject = folder.path().join("token");
    fs::write(&subject, "from-elsewhere\n").unwrap();
    let federated = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": server.url("/sts"),
        "credential_source": { "file": subject, "format": { "type": "text" } },
    });
    assert_eq!(ask_with(&federated).await.unwrap().0, "federated");
    let mut impersonated = federated.clone();
    impersonated["service_account_impersonation_url"] = server.url("/impersonate").into();
    impersonated["service_account_impersonation"] = json!({ "token_lifetime_seconds": 1800 });
    impersonated["credential_source"] = json!({
        "url": server.url("/subject"), "headers": { "X-Secret": "s" },
        "format": { "type": "json", "subject_token_field_name": "value" },
    });
    let (token, life) = ask_with(&impersonated).await.unwrap();
    assert_eq!(token, "impersonated");
    assert!((1790..=1800).contains(&life.as_secs()), "{life:?}");
    impersonated["service_account_impersonation"] = json!({});
    let error = ask_with(&impersonated).await.unwrap_err();
    assert!(
        error.contains("answers 403 Forbidden (PERMISSION_DENIED)") && !error.contains("hunter2"),
        "{error}"
    );
    let mut program = federated.clone();
    program["credential_source"] = json!({ "executable": { "command": "x" } });
    assert!(
        ask_with(&program)
            .await
            .unwrap_err()
            .contains("programs and Amazon's own are not supported")
    );
    let mut plain = federated;
    plain["token_url"] = "http://sts.example.com/".into();
    assert!(ask_with(&plain).await.unwrap_err().contains("without TLS"));
}

#[tokio::test]
async fn files_that_are_none_are_not_shown() {
    for content in [
        json!({ "type": "hunter2" }),
        json!("hunter2"),
        json!({ "type": "service_account" }),
    ] {
        let error = ask_with(&content).await.unwrap_err();
        assert!(
            error.contains("is not a credential file") && !error.contains("hunter2"),
            "{error}"
        );
    }
    let home = tempfile::TempDir::new().unwrap();
    let variables = [("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/file")];
    let error = ask(home.path(), &variables).await.unwrap_err();
    assert!(error.contains("/nonexistent/file cannot be read"), "{error}");
    // What gcloud left behind counts where no variable names a file.
    let folder = home.path().join(".config/gcloud");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("application_default_credentials.json"), "{}").unwrap();
    let error = ask(home.path(), &[]).await.unwrap_err();
    assert!(error.contains("application_default_credentials.json is not"), "{error}");
}

#[tokio::test]
async fn one_token_serves_all_registries_until_shortly_before_its_end() {
    let given = Arc::new(AtomicUsize::new(0));
    let server = {
        let given = Arc::clone(&given);
        TestServer::start(move |_| {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!(r#"{{"access_token":"t{number}","expires_in":3600}}"#);
            async move { answer(200, &[("metadata-flavor", "Google")], body) }
        })
        .await
    };
    let host = server.address.to_string();
    let environment = environment("/nonexistent".as_ref(), &[("GCE_METADATA_HOST", &host)]);
    let sources = Sources::new(environment, client());
    let source = sources.of(&Credential::Ambient(Platform::Google), false);
    let ask = async |place: &str| match source.credentials(&place.parse().unwrap()).await {
        Ok(Some(Credentials::Basic { password, .. })) => password.expose().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ask("europe-docker.pkg.dev/acme").await, "t1");
    assert_eq!(ask("gcr.io/acme").await, "t1");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3400)).await;
    tokio::time::resume();
    assert_eq!(ask("gcr.io/acme").await, "t2");
}
