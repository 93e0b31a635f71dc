//! `GetAuthorizationToken` (Amazon ECR API reference; Amazon ECR Public API reference).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::identity::access_key;
use super::registry::TokenApi;
use super::signature::{Scope, Unsigned, headers};
use crate::config::Environment;
use crate::credentials::kept::Lease;
use crate::credentials::service::{Question, Services};
use crate::model::Registry;
use crate::registry::{Credentials, Secret};

const ECR: &str = "Amazon ECR";
const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const BODY: &str = "{}";

/// Tokens live for so long where Amazon does not say.
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: OneOrMany,
}

/// Private registries answer with a list, the public one with its only element.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Data>),
    One(Data),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    /// base64 of `user:password`.
    authorization_token: Secret,
    /// Seconds since 1970.
    expires_at: Option<f64>,
}

/// A password for this registry.
pub(in crate::credentials) async fn login(
    services: &Services,
    environment: &Environment,
    registry: &Registry,
    now: Timestamp,
) -> Result<Lease, String> {
    let api = TokenApi::of(registry, environment)?;
    let key = access_key(services, environment, &api).await?;
    let host = match (api.url.host_str().unwrap_or_default(), api.url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let unsigned = Unsigned {
        method: "POST",
        host: &host,
        headers: &[("content-type", MEDIA_TYPE), ("x-amz-target", api.target)],
        body: BODY.as_bytes(),
    };
    let scope = Scope {
        region: &api.region,
        service: api.service,
        at: now,
    };
    let signed = headers(&unsigned, &key, &scope);
    let mut question =
        Question::post(ECR, api.url.clone(), MEDIA_TYPE, BODY).header("x-amz-target", api.target, false)?;
    for (name, value, secret) in signed {
        question = question.header(name, &value, secret)?;
    }
    let answer: Answer = services.json(question).await?;
    let data = match answer.authorization_data {
        OneOrMany::One(data) => data,
        OneOrMany::Many(list) => list.into_iter().next().ok_or("Amazon ECR answers without a token")?,
    };
    lease(&data, now)
}

fn lease(data: &Data, now: Timestamp) -> Result<Lease, String> {
    let bad = "Amazon ECR answers with a token that is not base64 of `user:password`";
    let pair = BASE64_STANDARD
        .decode(data.authorization_token.expose())
        .map(Zeroizing::new)
        .map_err(|_| bad)?;
    let text = std::str::from_utf8(&pair).map_err(|_| bad)?;
    let (username, password) = text.split_once(':').ok_or(bad)?;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let left = data.expires_at.map(|end| end - now.as_second() as f64);
    Ok(Lease {
        credentials: Some(Credentials::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        }),
        life: left.map_or(LIFE, |left| {
            Duration::try_from_secs_f64(left.max(0.0)).map_or(LIFE, |left| left.min(LIFE))
        }),
    })
}

#[cfg(test)]
mod tests;
