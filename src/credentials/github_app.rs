//! Apps at GitHub: a token signed with the app's key is exchanged for one of its installation, which holds for an hour
//! (GitHub's documentation, "Authenticating as a GitHub App installation").

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::json_web_token;
use super::kept::Lease;
use super::service::{Question, Services};
use crate::config::{Environment, GitHubApp, SecretSource};
use crate::http::ClientOptions;
use crate::registry::{Credentials, Secret};

/// Clocks differ: a token is dated back by this much, and ends this long after now. GitHub allows ten minutes.
const DATED_BACK: SignedDuration = SignedDuration::from_secs(60);
const HOLDS: SignedDuration = SignedDuration::from_mins(8);

/// What GitHub gives holds for so long where its end cannot be read.
const USUAL_LIFE: Duration = Duration::from_secs(3600);

const SERVICE: &str = "GitHub";

/// An app, for one repository.
pub(super) struct App {
    app: GitHubApp,
    api: Url,
    /// `owner/name`.
    repository: String,
    services: Services,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct Token {
    token: Secret,
    expires_at: Option<String>,
}

impl App {
    pub fn new(app: &GitHubApp, url: &Url, client: ClientOptions) -> Result<Self, String> {
        let api = match (&app.api, url.host_str().unwrap_or_default()) {
            (Some(api), _) => api.clone(),
            (None, "github.com" | "www.github.com") => "https://api.github.com".to_owned(),
            (None, host) => format!("https://{host}/api/v3"),
        };
        let bad = |reason: &str| format!("`api` of `github-app`, {api}: {reason}");
        let mut parsed = Url::parse(&api).map_err(|error| bad(&error.to_string()))?;
        let is_near = |url: &Url| {
            url.host_str()
                .is_some_and(|host| matches!(host, "127.0.0.1" | "[::1]" | "localhost"))
        };
        if parsed.scheme() != "https" && !is_near(&parsed) {
            return Err(bad(
                "nothing keeps others from reading a token without TLS: use https://",
            ));
        }
        if !parsed.path().ends_with('/') {
            let path = format!("{}/", parsed.path());
            parsed.set_path(&path);
        }
        let path = url.path().trim_matches('/');
        let repository = path.strip_suffix(".git").unwrap_or(path).to_owned();
        if repository.split('/').count() != 2 {
            return Err(format!(
                "`github-app` is for repositories at GitHub, whose URLs end with OWNER/NAME: {url} does not"
            ));
        }
        Ok(Self {
            app: app.clone(),
            api: parsed,
            repository,
            services: Services::new(client),
        })
    }

    fn at(&self, path: &str) -> Result<Url, String> {
        self.api.join(path).map_err(|error| error.to_string())
    }

    fn question(&self, question: Question, bearer: &str) -> Result<Question, String> {
        question
            .header("accept", "application/vnd.github+json", false)?
            .header("x-github-api-version", "2022-11-28", false)?
            .bearer(bearer)
    }

    /// A token of the installation that has the repository, for reading its content and nothing else.
    pub async fn token(&self) -> Result<Lease, String> {
        let now = Timestamp::now();
        let key = SecretSource::File(self.app.key_file.clone())
            .read("the key of `github-app` under [git]", &Environment::Process)
            .map_err(|error| error.to_string())?;
        let seconds = |time: Result<Timestamp, jiff::Error>| time.map_or(0, Timestamp::as_second);
        let claims = json!({
            "iss": self.app.id,
            "iat": seconds(now.checked_sub(DATED_BACK)),
            "exp": seconds(now.checked_add(HOLDS)),
        });
        let proof = json_web_token::sign(key.expose(), None, &claims)
            .map_err(|reason| format!("{}: {reason}", self.app.key_file.display()))?;
        let installation = match self.app.installation {
            Some(installation) => installation,
            None => {
                let url = self.at(&format!("repos/{}/installation", self.repository))?;
                let question = self.question(Question::get(SERVICE, url), &proof)?;
                let found: Installation = self.services.json(question).await.map_err(|error| {
                    format!(
                        "{error}: is the app `{}` installed where {} is, with the permission to read its contents?",
                        self.app.id, self.repository
                    )
                })?;
                found.id
            }
        };
        let url = self.at(&format!("app/installations/{installation}/access_tokens"))?;
        let name = self.repository.rsplit('/').next().unwrap_or_default();
        let body = json!({ "repositories": [name], "permissions": { "contents": "read" } }).to_string();
        let question = self.question(Question::post(SERVICE, url, "application/json", body), &proof)?;
        let given: Token = self.services.json(question).await?;
        let end: Option<Timestamp> = given.expires_at.and_then(|end| end.parse().ok());
        let life = end.and_then(|end| Duration::try_from(end.duration_since(Timestamp::now())).ok());
        Ok(Lease {
            credentials: Some(Credentials::Basic {
                username: "x-access-token".to_owned(),
                password: given.token,
            }),
            life: life.unwrap_or(USUAL_LIFE),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::Value;

    use super::*;
    use crate::http::test_server::{Received, TestServer};

    const KEY_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/credentials/service-account.key");

    async fn github() -> TestServer {
        TestServer::start(|asked: Received| async move {
            match asked.line().as_str() {
                "GET /repos/acme/releases/installation" => json!({ "id": 42, "app_id": 7 }).to_string().into_response(),
                "POST /app/installations/42/access_tokens" => {
                    let end = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
                    let body = json!({ "token": "ghs_installation", "expires_at": end.to_string() });
                    (StatusCode::CREATED, body.to_string()).into_response()
                }
                _ => (StatusCode::NOT_FOUND, json!({ "message": "Not Found" }).to_string()).into_response(),
            }
        })
        .await
    }

    fn app(server: &TestServer, repository: &str, installation: Option<u64>) -> App {
        let settings = GitHubApp {
            id: "Iv23li".to_owned(),
            key_file: KEY_FILE.into(),
            installation,
            api: Some(server.url("")),
        };
        let url = Url::parse(&format!("https://github.com/{repository}.git")).unwrap();
        App::new(&settings, &url, ClientOptions::default()).unwrap()
    }

    #[tokio::test]
    async fn a_signed_proof_is_exchanged_for_a_token_that_reads_one_repository() {
        let server = github().await;
        let lease = app(&server, "acme/releases", None).token().await.unwrap();
        assert_eq!(
            lease.credentials,
            Some(Credentials::Basic {
                username: "x-access-token".to_owned(),
                password: Secret::new("ghs_installation")
            })
        );
        assert!(lease.life > Duration::from_secs(3_500) && lease.life <= Duration::from_secs(3_600));
        let asked = server.received();
        assert_eq!(asked.len(), 2);
        for received in &asked {
            let proof = received
                .header("authorization")
                .unwrap()
                .strip_prefix("Bearer ")
                .unwrap();
            let claims = BASE64_URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims["iss"], "Iv23li");
            let holds = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            assert!((60..=600).contains(&holds), "{claims}");
        }
        let wanted: Value = serde_json::from_slice(&asked[1].body).unwrap();
        assert_eq!(
            wanted,
            json!({ "repositories": ["releases"], "permissions": { "contents": "read" } })
        );
    }

    #[tokio::test]
    async fn a_named_installation_is_not_looked_for_and_a_missing_one_is_told() {
        let server = github().await;
        app(&server, "acme/other", Some(42)).token().await.unwrap();
        assert_eq!(server.received().len(), 1);
        let error = app(&server, "acme/other", None).token().await.err().unwrap();
        assert!(
            error.contains("is the app `Iv23li` installed where acme/other is"),
            "{error}"
        );
    }

    #[test]
    fn a_token_is_asked_for_nowhere_without_tls() {
        let settings = |api: Option<&str>| GitHubApp {
            id: "7".to_owned(),
            key_file: KEY_FILE.into(),
            installation: None,
            api: api.map(str::to_owned),
        };
        let new = |api, url: &str| App::new(&settings(api), &Url::parse(url).unwrap(), ClientOptions::default());
        let api = |url| new(None, url).unwrap().api.to_string();
        assert_eq!(api("https://github.com/acme/releases"), "https://api.github.com/");
        assert_eq!(
            api("https://github.example.com/acme/releases.git"),
            "https://github.example.com/api/v3/"
        );
        assert!(new(Some("http://github.example.com/"), "https://github.com/a/b").is_err());
        assert!(new(None, "https://github.com/a/b/c").is_err());
    }
}
