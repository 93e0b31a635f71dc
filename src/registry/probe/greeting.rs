//! What a registry says of itself with every answer.

use jiff::Timestamp;
use reqwest::header::DATE;
use reqwest::{Method, StatusCode};

use crate::http::http_date;
use crate::model::Repository;
use crate::registry::access::Mode;
use crate::registry::exchange::Ask;
use crate::registry::{ErrorKind, HttpRegistries, RegistryError, classify};

/// The answer of `/v2/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The registry's clock, to the second (RFC 9110, "Date").
    pub date: Option<Timestamp>,
    /// Headers that tell of a quota, as they came: `RateLimit-*`, `X-RateLimit-*`, `Retry-After`.
    pub quota: Vec<(String, String)>,
    /// It wants credentials that we do not have; that may still let strangers read.
    pub challenged: bool,
}

/// More of a header is not shown.
const LONGEST_VALUE: usize = 120;

impl HttpRegistries {
    /// Asks the registry of this repository for `/v2/`, with the credentials for reading.
    ///
    /// # Errors
    /// Where nothing answers, or something that is no registry; where credentials are refused.
    pub async fn greeting(&self, repository: &Repository) -> Result<Greeting, RegistryError> {
        let access = self.access(repository, Mode::Read)?.without_scopes();
        let reply = match self.ask(&Ask::new(Method::GET, &access, access.home.url.clone())).await {
            Ok(reply) if reply.status == StatusCode::OK && !classify::is_html(&reply) => reply,
            Ok(reply) if reply.status == StatusCode::OK => {
                let message = "a web page, not a registry, answers at `/v2/`";
                return Err(classify::error(&reply, ErrorKind::Malformed, message));
            }
            Ok(reply) => return Err(classify::failure(&reply)),
            Err(error) if error.kind == ErrorKind::Denied && !access.has_credentials() => {
                return Ok(Greeting {
                    date: None,
                    quota: Vec::new(),
                    challenged: true,
                });
            }
            Err(error) => return Err(error),
        };
        let quota = reply.headers.iter().filter_map(|(name, value)| {
            let name = name.as_str();
            let tells = name == "retry-after" || name.starts_with("ratelimit") || name.starts_with("x-ratelimit");
            let value = value.to_str().ok()?.chars().take(LONGEST_VALUE).collect();
            tells.then(|| (name.to_owned(), value))
        });
        Ok(Greeting {
            date: reply.header(DATE).and_then(http_date),
            quota: quota.collect(),
            challenged: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::http::test_server::{TestServer, answer};
    use crate::registry::test_support::{registries, repository};

    #[tokio::test]
    async fn a_greeting_tells_the_time_and_the_quota() {
        let server = TestServer::start(|_| async move {
            let headers = [
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("ratelimit-limit", "100;w=21600"),
                ("ratelimit-remaining", "76;w=21600"),
                ("x-request-id", "secret"),
            ];
            answer(200, &headers, "{}")
        })
        .await;
        let greeting = registries(&server).greeting(&repository(&server)).await.unwrap();
        assert_eq!(greeting.date, Some("1994-11-06T08:49:37Z".parse().unwrap()));
        let shown: Vec<String> = greeting
            .quota
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(shown, ["ratelimit-limit=100;w=21600", "ratelimit-remaining=76;w=21600"]);
    }

    #[tokio::test]
    async fn a_registry_that_keeps_strangers_out_answers_all_the_same() {
        let server =
            TestServer::start(|_| async { answer(401, &[("www-authenticate", "Basic realm=\"x\"")], "") }).await;
        let greeting = registries(&server).greeting(&repository(&server)).await.unwrap();
        assert!(greeting.challenged);
    }
}
