//! Access tokens: by a credential file, else from the machine's metadata service (AIP-4110, "Application Default
//! Credentials").

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::json;

use super::file::{AuthorizedUser, CredentialFile, ExternalAccount, ServiceAccount};
use crate::config::{Environment, SecretSource};
use crate::credentials::json_web_token;
use crate::credentials::kept::Lease;
use crate::credentials::service::{Question, Services, address, at};
use crate::registry::{Credentials, Secret};

const METADATA: &str = "Google's metadata service";
const TOKENS: &str = "Google's token service";
const IMPERSONATION: &str = "Google's service account credentials";

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long a signed assertion may be used, in seconds; the longest that Google takes.
const ASSERTION_LIFE: i64 = 3600;

/// How long a service account's token lives where the file does not say, in seconds.
const IMPERSONATED_LIFE: u32 = 3600;

#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    expires_in: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    access_token: Secret,
    expire_time: Timestamp,
}

/// A password for Google's registries.
pub(in crate::credentials) async fn login(
    services: &Services,
    environment: &Environment,
    now: Timestamp,
) -> Result<Lease, String> {
    let Some(path) = file(environment) else {
        return machine(services, environment).await;
    };
    let of_file = |error: String| format!("{}: {error}", path.display());
    match CredentialFile::read(&path, environment)? {
        CredentialFile::ServiceAccount(account) => service_account(services, &account, now).await,
        CredentialFile::AuthorizedUser(user) => authorized_user(services, &user, TOKEN_URI).await,
        CredentialFile::ExternalAccount(account) => external_account(services, environment, &account, now).await,
    }
    .map_err(of_file)
}

/// `$GOOGLE_APPLICATION_CREDENTIALS`, else what `gcloud auth application-default login` wrote.
fn file(environment: &Environment) -> Option<PathBuf> {
    match environment.get("GOOGLE_APPLICATION_CREDENTIALS") {
        Some(path) => Some(path.into()),
        None => environment
            .gcloud_folder()
            .map(|folder| folder.join("application_default_credentials.json"))
            .filter(|path| path.exists()),
    }
}

/// The token of the machine's or pod's service account ("Authenticate applications directly with access tokens").
async fn machine(services: &Services, environment: &Environment) -> Result<Lease, String> {
    let base = match environment.get("GCE_METADATA_HOST") {
        Some(host) => address(&format!("http://{}/", host.to_string_lossy()), "GCE_METADATA_HOST")?,
        None => address("http://metadata.google.internal/", METADATA)?,
    };
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    let question = Question::get(METADATA, at(&base, path)).header("metadata-flavor", "Google", false)?;
    let reply = services.ask(question).await.map_err(|error| {
        format!("{error}; elsewhere than on Google Cloud, GOOGLE_APPLICATION_CREDENTIALS names a credential file")
    })?;
    // Whatever else listens there does not say this.
    if reply.header(HeaderName::from_static("metadata-flavor")) != Some("Google") {
        return Err(format!("what answers in the place of {METADATA} is something else"));
    }
    let answer: Answer = serde_json::from_slice(&reply.bytes)
        .map_err(|_| format!("{METADATA} answers with something other than the JSON it promises"))?;
    Ok(lease(answer.access_token, Duration::from_secs(answer.expires_in)))
}

/// A signed assertion against a token (RFC 7523, section 2.1).
async fn service_account(services: &Services, account: &ServiceAccount, now: Timestamp) -> Result<Lease, String> {
    let token_uri = account.token_uri.as_deref().unwrap_or(TOKEN_URI);
    let issued = now.as_second();
    let claims = json!({
        "iss": account.client_email, "scope": SCOPE, "aud": token_uri,
        "iat": issued, "exp": issued + ASSERTION_LIFE,
    });
    let key_id = account.private_key_id.as_deref();
    let assertion = json_web_token::sign(account.private_key.expose(), key_id, &claims)?;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
    ];
    token(services, token_uri, "its `token_uri`", &form).await
}

/// A person's refresh token against an access token (RFC 6749, section 6).
async fn authorized_user(services: &Services, user: &AuthorizedUser, token_uri: &str) -> Result<Lease, String> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", user.client_id.as_str()),
        ("client_secret", user.client_secret.expose()),
        ("refresh_token", user.refresh_token.expose()),
    ];
    token(services, token_uri, "Google's token service", &form).await
}

/// Another platform's token against one of Google's (RFC 8693), and that against a service account's.
async fn external_account(
    services: &Services,
    environment: &Environment,
    account: &ExternalAccount,
    now: Timestamp,
) -> Result<Lease, String> {
    let subject = subject_token(services, environment, account).await?;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", account.audience.as_str()),
        ("scope", SCOPE),
        ("subject_token_type", account.subject_token_type.as_str()),
        ("subject_token", subject.expose()),
    ];
    let url = address(&account.token_url, "its `token_url`")?;
    let federated: Answer = services.json(Question::form(TOKENS, url, &form)).await?;
    let Some(url) = &account.service_account_impersonation_url else {
        return Ok(lease(federated.access_token, Duration::from_secs(federated.expires_in)));
    };
    let url = address(url, "its `service_account_impersonation_url`")?;
    let life = account
        .service_account_impersonation
        .token_lifetime_seconds
        .unwrap_or(IMPERSONATED_LIFE);
    let body = json!({ "scope": [SCOPE], "lifetime": format!("{life}s") }).to_string();
    let question =
        Question::post(IMPERSONATION, url, "application/json", body).bearer(federated.access_token.expose())?;
    let answer: Impersonated = services.json(question).await?;
    let left = Duration::try_from(answer.expire_time.duration_since(now)).unwrap_or_default();
    Ok(lease(answer.access_token, left))
}

async fn subject_token(
    services: &Services,
    environment: &Environment,
    account: &ExternalAccount,
) -> Result<Secret, String> {
    let source = &account.credential_source;
    match (&source.file, &source.url) {
        (Some(file), _) => {
            let text = SecretSource::File(file.clone())
                .read("its subject token", environment)
                .map_err(|error| error.to_string())?;
            source.format.token(text.expose())
        }
        (None, Some(url)) => {
            let mut question = Question::get(
                "the subject token's service",
                address(url, "its `credential_source.url`")?,
            );
            for (name, value) in &source.headers {
                question = question.named_header(name, value)?;
            }
            source.format.token(&services.text(question).await?)
        }
        (None, None) => Err(
            "its `credential_source` is neither a `file` nor a `url`: programs and Amazon's own are not supported"
                .to_owned(),
        ),
    }
}

async fn token(services: &Services, uri: &str, named_by: &str, form: &[(&str, &str)]) -> Result<Lease, String> {
    let url = address(uri, named_by)?;
    let answer: Answer = services.json(Question::form(TOKENS, url, form)).await?;
    Ok(lease(answer.access_token, Duration::from_secs(answer.expires_in)))
}

fn lease(token: Secret, life: Duration) -> Lease {
    Lease {
        credentials: Some(Credentials::Basic {
            username: "oauth2accesstoken".to_owned(),
            password: token,
        }),
        life: life.min(Duration::from_secs(24 * 60 * 60)),
    }
}

#[cfg(test)]
mod tests;
