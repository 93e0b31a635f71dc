//! Token servers.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderValue};
use tokio::time::{Instant, timeout};
use url::Url;

use super::authorization::Authorization;
use super::challenge::Challenge;
use super::scope::Scopes;
use super::token::Token;
use crate::http::{Follow, HttpClient, Lane, Reply, Request, Retries, http_date};
use crate::registry::access::Access;
use crate::registry::classify;
use crate::registry::credentials::{Credentials, Secret};
use crate::registry::{ErrorKind, RegistryError};

/// A registry's offer to take tokens, and the server that issues them.
#[derive(Debug)]
pub(super) struct Bearer {
    realm: Url,
    service: Option<String>,
    /// What the registry asked for, at the time.
    pub(super) scopes: Scopes,
}

impl Bearer {
    /// The first usable offer of bearer tokens.
    pub(super) fn offered(access: &Access<'_>, offered: &[Challenge]) -> Result<Option<Self>, RegistryError> {
        let Some((challenge, text)) = offered
            .iter()
            .filter(|challenge| challenge.scheme == "bearer")
            .find_map(|challenge| Some((challenge, challenge.parameter("realm")?)))
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            realm: realm(access, text)?,
            service: challenge
                .parameter("service")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            scopes: Scopes::parse(challenge.parameter("scope").unwrap_or_default()),
        }))
    }

    /// Asks the token server (distribution's token specification, "Requesting a Token"). Redirects are not followed: the
    /// credentials would be lost on the way, and the token that came would be a stranger's.
    pub(super) async fn fetch(
        &self,
        http: &HttpClient,
        access: &Access<'_>,
        scopes: &Scopes,
        credentials: Option<&Credentials>,
    ) -> Result<Token, RegistryError> {
        let sent = Instant::now();
        let reply = match credentials {
            Some(Credentials::Identity { token, .. }) => {
                let reply = self.exchange(http, access, scopes, token).await?;
                // Not all token servers know OAuth2; those that do not take the token for a password.
                if matches!(reply.status.as_u16(), 404 | 405) {
                    self.ask(http, access, scopes, credentials).await?
                } else {
                    reply
                }
            }
            _ => self.ask(http, access, scopes, credentials).await?,
        };
        let refused = |kind: ErrorKind, message: String| classify::error(&reply, kind, message);
        match reply.status.as_u16() {
            200 => {
                let date = reply.header(DATE).and_then(http_date);
                let mut token = Token::parse(&reply.bytes, date, sent)
                    .map_err(|message| refused(ErrorKind::Malformed, message.to_owned()))?;
                token.anonymous = credentials.is_none();
                Ok(token)
            }
            // 400 is how some token servers refuse a scope.
            400 | 401 | 403 if access.has_credentials() => Err(refused(
                ErrorKind::Denied,
                format!("the token server refuses {}", access.shown_credentials()),
            )),
            400 | 401 | 403 => Err(refused(
                ErrorKind::Denied,
                format!(
                    "the token server wants {}, and none are configured",
                    access.shown_credentials()
                ),
            )),
            300..400 => Err(refused(
                ErrorKind::Malformed,
                "the token server redirects, which would lose the credentials".to_owned(),
            )),
            _ => {
                let failure = classify::failure(&reply);
                Err(RegistryError {
                    kind: match failure.kind {
                        // What the token server cannot do says nothing of what the registry can.
                        ErrorKind::Unsupported | ErrorKind::Refused | ErrorKind::Missing => ErrorKind::Malformed,
                        kind => kind,
                    },
                    // Its message may hold what it was sent.
                    message: "the token server gave no token".to_owned(),
                    code: None,
                    ..failure
                })
            }
        }
    }
}

impl Bearer {
    /// By GET, which every token server knows.
    async fn ask(
        &self,
        http: &HttpClient,
        access: &Access<'_>,
        scopes: &Scopes,
        credentials: Option<&Credentials>,
    ) -> Result<Reply, RegistryError> {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            for scope in scopes.values() {
                query.append_pair("scope", &scope);
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let mut request = token_request(Method::GET, url, access);
        request.authorization = Authorization::direct(access, credentials)?.header;
        request.follow = Follow::None;
        let mut retries = Retries::new(&http.options().retries);
        Ok(http.fetch(&request, access.limits.answer, &mut retries).await?)
    }

    fn form(&self, scopes: &Scopes, token: &Secret) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        if let Some(service) = &self.service {
            form.append_pair("service", service);
        }
        form.append_pair("client_id", "landfall");
        let scopes: Vec<String> = scopes.values().collect();
        if !scopes.is_empty() {
            form.append_pair("scope", &scopes.join(" "));
        }
        form.append_pair("refresh_token", token.expose());
        form.finish()
    }

    /// By POST, with a refresh token (distribution's OAuth2 specification, "Getting a token"). A new refresh token in
    /// the answer is not used: the one that is configured stays valid, and whoever rotates it does so at its source.
    async fn exchange(
        &self,
        http: &HttpClient,
        access: &Access<'_>,
        scopes: &Scopes,
        token: &Secret,
    ) -> Result<Reply, RegistryError> {
        let mut request = token_request(Method::POST, self.realm.clone(), access);
        request.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        request.body = self.form(scopes, token).into();
        // A token is no write: its answer is due as soon as that of a question, and a second request does no harm.
        let options = http.options();
        let mut retries = Retries::new(&options.retries);
        loop {
            let mut once = Retries::none();
            let reply = http.fetch(&request, access.limits.answer, &mut once);
            match timeout(options.timeouts.head, reply).await {
                Ok(Err(error)) if error.is_transient() && retries.again().await => {}
                Ok(Ok(reply)) if matches!(reply.status.as_u16(), 502..=504) && retries.again().await => {}
                Ok(reply) => return Ok(reply?),
                Err(_) => {
                    return Err(access.error(ErrorKind::TimedOut, "the token server did not answer in time"));
                }
            }
        }
    }
}

/// Tokens count against the registry's budget.
fn token_request<'a>(method: Method, url: Url, access: &'a Access<'_>) -> Request<'a> {
    Request {
        lane: Lane::Token,
        line: access.line(),
        budget: access.setting.budget,
        ..Request::new(method, url, &access.home)
    }
}

/// The token server that a registry names. Credentials go there, so it must be reached as safely as the registry.
fn realm(access: &Access<'_>, text: &str) -> Result<Url, RegistryError> {
    let refuse = |message: String| access.error(ErrorKind::NotAllowed, message);
    let url = Url::parse(text).map_err(|error| refuse(format!("the registry's realm is no URL: {error}")))?;
    match url.scheme() {
        "https" => {}
        "http" if access.home.url.scheme() == "http" => {}
        "http" => {
            return Err(refuse(
                "the registry's realm is plain HTTP while the registry itself is not".to_owned(),
            ));
        }
        other => return Err(refuse(format!("the registry's realm has the scheme `{other}`"))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("the registry's realm has a user name in it".to_owned()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ClientOptions;
    use crate::model::{Limits, Repository};
    use crate::registry::PrefixOptions;
    use crate::registry::access::Mode;
    use crate::registry::options::Settings;

    #[test]
    fn a_realm_must_be_as_safe_as_its_registry() {
        let mut plain = PrefixOptions::new("plain.example.com".parse().unwrap());
        plain.plain_http = true;
        let settings = Settings::new(
            vec![plain],
            None,
            &std::collections::BTreeMap::new(),
            &mut HttpClient::new(ClientOptions::default()),
        )
        .unwrap();
        let limits = Limits::default();
        let accepted = |repository: &str, text: &str| {
            let repository: Repository = repository.parse().unwrap();
            let access = Access::new(&repository, settings.of(&repository), Mode::Read, &limits).unwrap();
            realm(&access, text).is_ok()
        };
        assert!(accepted("example.com/a", "https://auth.example.net/token?x=y"));
        assert!(!accepted("example.com/a", "http://auth.example.net/token"));
        assert!(accepted("plain.example.com/a", "http://auth.example.net/token"));
        assert!(accepted("plain.example.com/a", "https://auth.example.net/token"));
        for never in [
            "ftp://example.com/token",
            "https://user@example.com/token",
            "/token",
            "",
        ] {
            assert!(!accepted("plain.example.com/a", never), "{never}");
        }
    }
}
