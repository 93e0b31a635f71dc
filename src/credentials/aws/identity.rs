//! Where Amazon's credentials are, in the order of its SDKs ("Standardized credential providers"): variables, a web
//! identity, the container's or pod's agent, the machine's metadata service. Profiles in files are not read.

use std::path::PathBuf;

use serde::Deserialize;
use url::{Host, Url};

use super::registry::{TokenApi, endpoint, region};
use super::signature::AccessKey;
use crate::config::{Environment, SecretSource};
use crate::credentials::service::{Question, Services, address, at, element};
use crate::http::Network;
use crate::registry::Secret;

const METADATA: &str = "Amazon's instance metadata service";
const CONTAINER: &str = "Amazon's container credentials";
const STS: &str = "Amazon's security token service";

/// What agents and the metadata service answer with.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    code: Option<String>,
    access_key_id: String,
    secret_access_key: Secret,
    token: Option<Secret>,
}

impl Answer {
    fn key(self, service: &str) -> Result<AccessKey, String> {
        match self.code.as_deref() {
            None | Some("Success") => Ok(AccessKey {
                id: self.access_key_id,
                secret: self.secret_access_key,
                session_token: self.token,
            }),
            Some(_) => Err(format!("{service} has no credentials for this role")),
        }
    }
}

/// The credentials of this process; `api` is what they are for.
pub(super) async fn access_key(
    services: &Services,
    environment: &Environment,
    api: &TokenApi,
) -> Result<AccessKey, String> {
    let text = |name: &str| environment.get(name).and_then(|value| value.into_string().ok());
    if let Some(id) = text("AWS_ACCESS_KEY_ID") {
        let secret = text("AWS_SECRET_ACCESS_KEY")
            .ok_or("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set both or none")?;
        return Ok(AccessKey {
            id,
            secret: Secret::new(secret),
            session_token: text("AWS_SESSION_TOKEN").map(Secret::new),
        });
    }
    if let (Some(file), Some(role)) = (text("AWS_WEB_IDENTITY_TOKEN_FILE"), text("AWS_ROLE_ARN")) {
        return web_identity(services, environment, api, file.into(), &role).await;
    }
    if let Some(url) = container_url(environment)? {
        return container(services, environment, url).await;
    }
    if text("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err("no credentials for Amazon: neither AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, \
                    nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set, and AWS_EC2_METADATA_DISABLED forbids to ask the machine"
            .to_owned());
    }
    machine(services, environment).await
}

/// `AssumeRoleWithWebIdentity`: the token that the cluster gave to this pod, against credentials of its role.
async fn web_identity(
    services: &Services,
    environment: &Environment,
    api: &TokenApi,
    file: PathBuf,
    role: &str,
) -> Result<AccessKey, String> {
    let token = SecretSource::File(file)
        .read("the token of AWS_WEB_IDENTITY_TOKEN_FILE", environment)
        .map_err(|error| error.to_string())?;
    let region = region(environment).unwrap_or_else(|| api.region.clone());
    let url = endpoint(
        environment,
        "AWS_ENDPOINT_URL_STS",
        &format!("sts.{region}.{}", api.suffix),
    )?;
    let session = environment
        .get("AWS_ROLE_SESSION_NAME")
        .and_then(|name| name.into_string().ok());
    let question = Question::form(
        STS,
        url,
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", session.as_deref().unwrap_or("landfall")),
            ("WebIdentityToken", token.expose()),
        ],
    );
    let answer = services.text(question).await?;
    let field = |name| element(&answer, name).filter(|text| !text.is_empty());
    match (field("AccessKeyId"), field("SecretAccessKey"), field("SessionToken")) {
        (Some(id), Some(secret), Some(token)) => Ok(AccessKey {
            id: id.to_owned(),
            secret: Secret::new(secret),
            session_token: Some(Secret::new(token)),
        }),
        _ => Err(format!("{STS} answers with something other than credentials")),
    }
}

/// Where the agent of ECS, EKS pod identity or Greengrass is ("Container credential provider").
fn container_url(environment: &Environment) -> Result<Option<Url>, String> {
    let text = |name: &str| environment.get(name).map(|value| value.to_string_lossy().into_owned());
    if let Some(relative) = text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        let url = address(
            &format!("http://169.254.170.2/{}", relative.trim_start_matches('/')),
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        )?;
        return Ok(Some(url));
    }
    let Some(full) = text("AWS_CONTAINER_CREDENTIALS_FULL_URI") else {
        return Ok(None);
    };
    let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let url = address(&full, name)?;
    let is_agent = match url.host() {
        Some(Host::Ipv4(host)) => {
            Network::of(host.into()) == Network::Loopback || matches!(host.octets(), [169, 254, 170, 2 | 23])
        }
        Some(Host::Ipv6(host)) => {
            Network::of(host.into()) == Network::Loopback || host.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]
        }
        Some(Host::Domain(host)) => host == "localhost",
        None => false,
    };
    if url.scheme() == "http" && !is_agent {
        return Err(format!(
            "{name} leads to neither this machine nor Amazon's agents, and not over TLS"
        ));
    }
    Ok(Some(url))
}

async fn container(services: &Services, environment: &Environment, url: Url) -> Result<AccessKey, String> {
    let mut question = Question::get(CONTAINER, url).header("accept", "application/json", false)?;
    let source = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(SecretSource::File(file.into())),
        None => environment
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(|_| SecretSource::Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned())),
    };
    if let Some(source) = source {
        let token = source
            .read("the token for Amazon's container credentials", environment)
            .map_err(|error| error.to_string())?;
        question = question.header("authorization", token.expose(), true)?;
    }
    services.json::<Answer>(question).await?.key(CONTAINER)
}

/// The role of the machine, by its metadata service's second version.
async fn machine(services: &Services, environment: &Environment) -> Result<AccessKey, String> {
    let base = match environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        Some(url) => address(&url.to_string_lossy(), "AWS_EC2_METADATA_SERVICE_ENDPOINT")?,
        None => {
            let six = environment
                .get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
                .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
            let host = if six { "[fd00:ec2::254]" } else { "169.254.169.254" };
            address(&format!("http://{host}/"), METADATA)?
        }
    };
    let question = Question::put(METADATA, at(&base, "/latest/api/token")).header(
        "x-aws-ec2-metadata-token-ttl-seconds",
        "300",
        false,
    )?;
    let session = services.text(question).await?;
    let ask = |path: &str| Question::get(METADATA, at(&base, path)).header("x-aws-ec2-metadata-token", &session, true);
    let roles = "/latest/meta-data/iam/security-credentials/";
    let role = services.text(ask(roles)?).await?;
    let role = role.lines().next().unwrap_or_default();
    let harmless = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if role.is_empty() || !role.chars().all(harmless) {
        return Err(format!("{METADATA} names no role of this machine"));
    }
    services
        .json::<Answer>(ask(&format!("{roles}{role}"))?)
        .await?
        .key(METADATA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::helper::tests::environment;

    #[test]
    fn container_credentials_are_asked_of_amazons_agents_this_machine_or_over_tls() {
        let url = |name: &str, value: &str| {
            let found = container_url(&environment("/".as_ref(), &[(name, value)]));
            found.map(|url| url.map(|url| url.to_string()))
        };
        assert_eq!(
            url("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x?a=1"),
            Ok(Some("http://169.254.170.2/v2/credentials/x?a=1".to_owned()))
        );
        for accepted in [
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://127.0.0.1:9/x",
            "https://example.com/x",
        ] {
            let found = url("AWS_CONTAINER_CREDENTIALS_FULL_URI", accepted);
            assert_eq!(found, Ok(Some(accepted.to_owned())));
        }
        for refused in ["http://169.254.169.254/x", "http://10.0.0.1/x", "http://example.com/x"] {
            assert!(url("AWS_CONTAINER_CREDENTIALS_FULL_URI", refused).is_err(), "{refused}");
        }
        assert_eq!(container_url(&environment("/".as_ref(), &[])), Ok(None));
    }
}
