//! Credential files (Google's AIP-4110 to 4117).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::config::{Environment, SecretSource};
use crate::registry::Secret;

/// What a credential file holds, by its `type`.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CredentialFile {
    ServiceAccount(ServiceAccount),
    AuthorizedUser(AuthorizedUser),
    ExternalAccount(Box<ExternalAccount>),
}

/// A service account's key (AIP-4112).
#[derive(Debug, Deserialize)]
pub(super) struct ServiceAccount {
    pub(super) client_email: String,
    pub(super) private_key: Secret,
    pub(super) private_key_id: Option<String>,
    pub(super) token_uri: Option<String>,
}

/// A person who said `gcloud auth application-default login` (AIP-4113).
#[derive(Debug, Deserialize)]
pub(super) struct AuthorizedUser {
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) refresh_token: Secret,
}

/// Workload identity federation (AIP-4117).
#[derive(Debug, Deserialize)]
pub(super) struct ExternalAccount {
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    pub(super) token_url: String,
    pub(super) service_account_impersonation_url: Option<String>,
    #[serde(default)]
    pub(super) service_account_impersonation: Impersonation,
    pub(super) credential_source: CredentialSource,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Impersonation {
    pub(super) token_lifetime_seconds: Option<u32>,
}

/// Where the token is that is exchanged.
#[derive(Debug, Deserialize)]
pub(super) struct CredentialSource {
    pub(super) file: Option<PathBuf>,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) format: Format,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Format {
    #[serde(rename = "type")]
    kind: Option<String>,
    subject_token_field_name: Option<String>,
}

impl CredentialFile {
    /// # Errors
    /// Says, without its content, what is wrong with the file.
    pub(super) fn read(path: &Path, environment: &Environment) -> Result<Self, String> {
        let text = SecretSource::File(path.to_owned())
            .read("Google's credential file", environment)
            .map_err(|error| error.to_string())?;
        serde_json::from_str(text.expose()).map_err(|_| {
            format!(
                "{} is not a credential file of the type `service_account`, `authorized_user` or `external_account`",
                path.display()
            )
        })
    }
}

/// Whether a text is such a file, for fuzz targets.
#[cfg(fuzzing)]
pub(in crate::credentials) fn read_credential_file(text: &str) -> bool {
    serde_json::from_str::<CredentialFile>(text).is_ok()
}

impl Format {
    /// The token in what the source gave.
    pub(super) fn token(&self, text: &str) -> Result<Secret, String> {
        match self.kind.as_deref() {
            None | Some("text") => Ok(Secret::new(text.trim())),
            Some("json") => {
                let field = self
                    .subject_token_field_name
                    .as_deref()
                    .ok_or("its `format` is `json` without a `subject_token_field_name`")?;
                let value: Value = serde_json::from_str(text).map_err(|_| "its subject token is not in JSON")?;
                let token = value.get(field).and_then(Value::as_str);
                token
                    .map(Secret::new)
                    .ok_or_else(|| format!("its subject token's JSON has no text `{field}`"))
            }
            Some(_) => Err("its `format` is neither `text` nor `json`".to_owned()),
        }
        .and_then(|token| match token.expose() {
            "" => Err("its subject token is empty".to_owned()),
            _ => Ok(token),
        })
    }
}
