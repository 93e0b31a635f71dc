//! Azure Container Registry: an Entra token against the registry's own refresh token ("Azure Container Registry
//! authentication with Entra", `/oauth2/exchange`), which its token server takes.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::json_web_token;
use super::kept::Lease;
use super::service::{Question, Services, address, at};
use crate::config::{Environment, SecretSource};
use crate::model::Registry;
use crate::registry::{Credentials, Secret};

const METADATA: &str = "Azure's instance metadata service";
const APP_SERVICE: &str = "Azure's App Service identity";
const ENTRA: &str = "Microsoft Entra";
const ACR: &str = "the registry's token exchange";

/// For whom the token is, in all of Azure's clouds.
const AUDIENCE: &str = "https://containerregistry.azure.net";
const AUTHORITY: &str = "https://login.microsoftonline.com/";

/// The name under which a registry takes its refresh tokens as passwords.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A refresh token lives for so long where it does not say.
const LIFE: Duration = Duration::from_secs(3 * 60 * 60);

#[derive(Deserialize)]
struct EntraAnswer {
    access_token: Secret,
}

#[derive(Deserialize)]
struct AcrAnswer {
    refresh_token: Secret,
}

/// An identity token for this registry.
pub(super) async fn login(
    services: &Services,
    environment: &Environment,
    registry: &Registry,
    plain_http: bool,
    now: Timestamp,
) -> Result<Lease, String> {
    let entra = entra_token(services, environment).await?;
    let scheme = if plain_http { "http" } else { "https" };
    let url = Url::parse(&format!("{scheme}://{}/oauth2/exchange", registry.connect_to()))
        .map_err(|error| format!("the registry's name is no host: {error}"))?;
    let tenant = text(environment, "AZURE_TENANT_ID");
    let mut form = vec![("grant_type", "access_token"), ("service", registry.as_str())];
    if let Some(tenant) = &tenant {
        form.push(("tenant", tenant));
    }
    form.push(("access_token", entra.expose()));
    let answer: AcrAnswer = services.json(Question::form(ACR, url, &form)).await?;
    if answer.refresh_token.expose().is_empty() {
        return Err(format!("{ACR} answers without a token"));
    }
    let life = json_web_token::end(answer.refresh_token.expose()).map_or(LIFE, |end| {
        Duration::try_from(end.duration_since(now)).unwrap_or_default()
    });
    Ok(Lease {
        credentials: Some(Credentials::Identity {
            username: NOBODY.to_owned(),
            token: answer.refresh_token,
        }),
        life: life.min(LIFE),
    })
}

fn text(environment: &Environment, name: &str) -> Option<String> {
    environment.get(name)?.into_string().ok()
}

/// In the order of Azure's SDKs (`DefaultAzureCredential`): an application's secret, the cluster's token for this pod,
/// the managed identity of the application or machine.
async fn entra_token(services: &Services, environment: &Environment) -> Result<Secret, String> {
    let client = text(environment, "AZURE_CLIENT_ID");
    if let (Some(client), Some(tenant)) = (&client, text(environment, "AZURE_TENANT_ID")) {
        if let Some(secret) = text(environment, "AZURE_CLIENT_SECRET") {
            let proof = [("client_secret", secret.as_str())];
            return application(services, environment, client, &tenant, &proof).await;
        }
        if let Some(file) = environment.get("AZURE_FEDERATED_TOKEN_FILE") {
            let assertion = SecretSource::File(file.into())
                .read("the token of AZURE_FEDERATED_TOKEN_FILE", environment)
                .map_err(|error| error.to_string())?;
            let proof = [
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("client_assertion", assertion.expose()),
            ];
            return application(services, environment, client, &tenant, &proof).await;
        }
    }
    managed(services, environment, client.as_deref()).await
}

/// An application's token ("OAuth 2.0 client credentials flow").
async fn application(
    services: &Services,
    environment: &Environment,
    client: &str,
    tenant: &str,
    proof: &[(&str, &str)],
) -> Result<Secret, String> {
    let authority = text(environment, "AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
    let base = address(&authority, "AZURE_AUTHORITY_HOST")?;
    let scope = format!("{AUDIENCE}/.default");
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("scope", scope.as_str()),
    ];
    form.extend_from_slice(proof);
    let url = at(&base, &format!("/{tenant}/oauth2/v2.0/token"));
    let answer: EntraAnswer = services.json(Question::form(ENTRA, url, &form)).await?;
    Ok(answer.access_token)
}

/// The token of a managed identity: by App Service's endpoint where there is one, else the machine's ("How to use managed
/// identities to acquire an access token").
async fn managed(services: &Services, environment: &Environment, client: Option<&str>) -> Result<Secret, String> {
    let with_query = |mut url: Url, version: &str| {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("api-version", version)
            .append_pair("resource", AUDIENCE);
        if let Some(client) = client {
            query.append_pair("client_id", client);
        }
        drop(query);
        url
    };
    let endpoint = text(environment, "IDENTITY_ENDPOINT").zip(text(environment, "IDENTITY_HEADER"));
    let question = if let Some((endpoint, header)) = endpoint {
        let url = with_query(address(&endpoint, "IDENTITY_ENDPOINT")?, "2019-08-01");
        Question::get(APP_SERVICE, url).header("x-identity-header", &header, true)?
    } else {
        let base = match text(environment, "AZURE_POD_IDENTITY_AUTHORITY_HOST") {
            Some(host) => address(&host, "AZURE_POD_IDENTITY_AUTHORITY_HOST")?,
            None => address("http://169.254.169.254/", METADATA)?,
        };
        let url = with_query(at(&base, "/metadata/identity/oauth2/token"), "2018-02-01");
        Question::get(METADATA, url).header("metadata", "true", false)?
    };
    let answer: EntraAnswer = services.json(question).await.map_err(|error| {
        format!(
            "{error}; elsewhere than on Azure, AZURE_CLIENT_ID and AZURE_TENANT_ID with AZURE_FEDERATED_TOKEN_FILE or \
             AZURE_CLIENT_SECRET name an application"
        )
    })?;
    Ok(answer.access_token)
}

#[cfg(test)]
mod tests;
