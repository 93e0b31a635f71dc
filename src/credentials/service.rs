//! Asking the services that tell a process who it is.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::http::{ClientOptions, Follow, Home, HttpClient, Network, Reply, Request, Retries, Timeouts, Trust};

/// Such services are near, or quick; where there are none, nobody wants to wait for that to turn out.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(15);

/// Bytes of an answer: tokens are small.
const LARGEST_ANSWER: usize = 256 << 10;

/// A client for such services. It follows no redirects: none of them sends any.
pub(super) struct Services {
    http: HttpClient,
}

/// One question. It may be repeated: none of them changes anything but who holds one more token.
pub(super) struct Question {
    /// Names the service for people.
    service: &'static str,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Question {
    pub(super) fn get(service: &'static str, url: Url) -> Self {
        Self {
            service,
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn put(service: &'static str, url: Url) -> Self {
        Self {
            method: Method::PUT,
            ..Self::get(service, url)
        }
    }

    pub(super) fn post(service: &'static str, url: Url, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut question = Self {
            method: Method::POST,
            body: body.into(),
            ..Self::get(service, url)
        };
        question
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        question
    }

    /// By POST, with a form.
    pub(super) fn form(service: &'static str, url: Url, fields: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Self::post(service, url, "application/x-www-form-urlencoded", form)
    }

    /// A header; `secret` ones are kept out of HTTP/2's tables.
    pub(super) fn header(mut self, name: &'static str, value: &str, secret: bool) -> Result<Self, String> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            format!(
                "{}: `{name}` would hold characters that no header can carry",
                self.service
            )
        })?;
        value.set_sensitive(secret);
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(self)
    }

    /// A header whose name a file gives.
    pub(super) fn named_header(mut self, name: &str, value: &str) -> Result<Self, String> {
        let bad = || format!("{}: a header that it wants cannot be sent", self.service);
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    pub(super) fn bearer(self, token: &str) -> Result<Self, String> {
        let value = Zeroizing::new(format!("Bearer {token}"));
        self.header("authorization", &value, true)
    }
}

impl Services {
    pub(super) fn new(client: ClientOptions) -> Self {
        Self {
            http: HttpClient::new(ClientOptions {
                timeouts: Timeouts {
                    connect: client.timeouts.connect.min(CONNECT),
                    head: client.timeouts.head.min(ANSWER),
                    body: client.timeouts.body.min(ANSWER),
                    commit: client.timeouts.head.min(ANSWER),
                    ..client.timeouts
                },
                ..client
            }),
        }
    }

    /// The answer as JSON. What is wrong with it is said without a word of it.
    pub(super) async fn json<T: DeserializeOwned>(&self, question: Question) -> Result<T, String> {
        let service = question.service;
        let reply = self.ask(question).await?;
        serde_json::from_slice(&reply.bytes).map_err(|error| {
            format!(
                "{service} answers with something other than the JSON it promises ({:?})",
                error.classify()
            )
        })
    }

    pub(super) async fn text(&self, question: Question) -> Result<Zeroizing<String>, String> {
        let service = question.service;
        let reply = self.ask(question).await?;
        std::str::from_utf8(&reply.bytes)
            .map(|text| Zeroizing::new(text.trim().to_owned()))
            .map_err(|_| format!("{service} answers with something other than text"))
    }

    /// The answer, if it is one of success.
    pub(super) async fn ask(&self, mut question: Question) -> Result<Reply, String> {
        let service = question.service;
        let home = Home {
            url: question.url.clone(),
            trust: Trust::default(),
        };
        let authorization = question.headers.remove(AUTHORIZATION);
        let mut request = Request::new(question.method, question.url, &home);
        request.headers = question.headers;
        request.authorization = authorization;
        request.body = question.body;
        request.follow = Follow::None;
        let mut retries = Retries::new(&self.http.options().retries);
        loop {
            let answer = self.http.fetch(&request, LARGEST_ANSWER, &mut Retries::none()).await;
            let passing = match &answer {
                Err(error) => error.is_transient(),
                Ok(reply) => reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS,
            };
            if passing && retries.again().await {
                continue;
            }
            let reply = answer.map_err(|error| format!("{service}: {error}"))?;
            if matches!(reply.status, StatusCode::OK | StatusCode::CREATED) {
                return Ok(reply);
            }
            let code = error_code(&reply.bytes)
                .map(|code| format!(" ({code})"))
                .unwrap_or_default();
            return Err(format!("{service} answers {}{code}", reply.status));
        }
    }
}

/// The name that a service gives to its refusal. Nothing with a digit in it is taken for one: it might be what we sent.
pub(super) fn error_code(bytes: &[u8]) -> Option<String> {
    let harmless = |text: &&str| {
        (1..=64).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '.' | '#' | '-'))
    };
    let Ok(answer) = serde_json::from_slice::<Value>(bytes) else {
        let text = std::str::from_utf8(bytes).ok()?;
        return element(text, "Code").filter(harmless).map(str::to_owned);
    };
    [
        "/__type",
        "/error",
        "/error/status",
        "/error/code",
        "/errors/0/code",
        "/code",
    ]
    .iter()
    .find_map(|path| answer.pointer(path)?.as_str().filter(harmless))
    .map(str::to_owned)
}

/// The text of the first XML element of this name, if there is nothing but text in it.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    (!text.contains(['<', '&'])).then_some(text)
}

/// A service's address, as a variable or file names it: over TLS, or on this machine and in its own networks.
pub(super) fn address(text: &str, named_by: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{named_by} is no URL: {error}"))?;
    let near = match url.host() {
        Some(Host::Ipv4(address)) => Network::of(address.into()) != Network::Public,
        Some(Host::Ipv6(address)) => Network::of(address.into()) != Network::Public,
        Some(Host::Domain(name)) => matches!(name, "localhost" | "metadata" | "metadata.google.internal"),
        None => false,
    };
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err(format!("{named_by} has a user name in it")),
        "https" => Ok(url),
        "http" if near => Ok(url),
        _ => Err(format!(
            "{named_by} leads to `{}` without TLS: identities are asked for over TLS, or on this machine and its network",
            url.host_str().unwrap_or_default()
        )),
    }
}

/// The address with this path, and no query.
pub(super) fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!(
        "{}/{}",
        base.path().trim_end_matches('/'),
        path.trim_start_matches('/')
    ));
    url.set_query(None);
    url
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::http::RetryPolicy;
    use crate::http::test_server::{TestServer, answer};

    /// As in production, only quick to repeat.
    pub(in crate::credentials) fn client() -> ClientOptions {
        ClientOptions {
            retries: RetryPolicy {
                attempts: 1,
                pause: Duration::from_millis(1),
                ..RetryPolicy::default()
            },
            environment_proxy: false,
            ..ClientOptions::default()
        }
    }

    #[tokio::test]
    async fn what_a_service_refuses_is_named_without_what_it_echoes() {
        for (status, body, message) in [
            (
                400,
                r#"{"__type":"ExpiredTokenException","message":"hunter2"}"#,
                "answers 400 Bad Request (ExpiredTokenException)",
            ),
            (
                401,
                r#"{"error":"invalid_grant","error_description":"hunter2"}"#,
                "answers 401 Unauthorized (invalid_grant)",
            ),
            (
                403,
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#,
                "answers 403 Forbidden (PERMISSION_DENIED)",
            ),
            (
                403,
                "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
                "(AccessDenied)",
            ),
            (403, r#"{"error":"hunter2"}"#, "answers 403 Forbidden"),
            (500, "hunter2", "answers 500 Internal Server Error"),
            (302, "hunter2", "answers 302 Found"),
            (200, r#"{"token":"hunter2"#, "something other than the JSON"),
        ] {
            let server =
                TestServer::start(move |_| async move { answer(status, &[("location", "/other")], body) }).await;
            let question = Question::get("the service", server.url("/").parse().unwrap());
            let error = Services::new(client()).json::<Value>(question).await.unwrap_err();
            assert!(error.starts_with("the service ") && error.contains(message), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            assert_eq!(server.received().len(), if status == 500 { 2 } else { 1 });
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_not_read() {
        let server = TestServer::start(|_| async { answer(200, &[], vec![b'1'; LARGEST_ANSWER + 1]) }).await;
        let question = Question::get("the service", server.url("/").parse().unwrap());
        let error = Services::new(client()).text(question).await.unwrap_err();
        assert!(error.contains("more than the 262144 bytes"), "{error}");
    }

    #[test]
    fn identities_are_asked_for_over_tls_or_nearby() {
        for accepted in [
            "https://sts.example.com/",
            "http://169.254.169.254/latest",
            "http://127.0.0.1:8080/",
            "http://[fd00:ec2::254]/",
            "http://metadata.google.internal/",
        ] {
            assert!(address(accepted, "X").is_ok(), "{accepted}");
        }
        for refused in [
            "http://sts.example.com/",
            "http://1.1.1.1/",
            "ftp://127.0.0.1/",
            "https://me@example.com/",
            "example.com",
        ] {
            assert!(address(refused, "X").is_err(), "{refused}");
        }
        let base = address("http://127.0.0.1/base/?x=y", "X").unwrap();
        assert_eq!(at(&base, "/a/b").as_str(), "http://127.0.0.1/base/a/b");
    }
}
