//! From the configuration to signers.

use std::sync::Arc;

use super::AssemblyError;
use super::registries::client_options;
use crate::config::{Config, KeySettings, PrivateKeySettings, SecretSource, WitnessSettings};
use crate::http::HttpClient;
use crate::signing::{
    ConfiguredSigners, KeyFileSource, Password, PasswordSource, PluginSource, SignerSource, TokenSource, WitnessSource,
    Witnesses,
};

/// The signers whose keys the configuration names.
///
/// # Errors
/// A password variable that is not set.
pub fn signers(config: &Config) -> Result<ConfiguredSigners, AssemblyError> {
    let sources = config
        .signers
        .iter()
        .map(|(name, settings)| {
            let source = match &settings.key {
                KeySettings::KeyFile(settings) => SignerSource::KeyFile(key_file(config, name, settings)?),
                KeySettings::Plugin(settings) => SignerSource::Plugin(PluginSource {
                    program: settings.program.clone(),
                    key: settings.key.clone(),
                }),
                KeySettings::Token(settings) => SignerSource::Token(TokenSource {
                    module: settings.module.clone(),
                    token: settings.token.clone(),
                    key: settings.key.clone(),
                    pin: PasswordSource::File(settings.pin_file.clone()),
                }),
            };
            Ok((name.clone(), source))
        })
        .collect::<Result<Vec<_>, AssemblyError>>()?;
    let http = Arc::new(HttpClient::new(client_options(config)));
    let witnesses = config.signers.iter().filter_map(|(name, settings)| {
        let source = witness_source(settings.witnesses.as_ref()?)?;
        Some((name.clone(), Witnesses::new(source, Arc::clone(&http))))
    });
    Ok(ConfiguredSigners::new(sources).with_witnesses(witnesses))
}

/// The addresses were held to be some when they were read.
fn witness_source(settings: &WitnessSettings) -> Option<WitnessSource> {
    let address = |text: &Option<String>| text.as_ref().map(|text| text.parse()).transpose();
    Some(WitnessSource {
        log: address(&settings.log).ok()?,
        timestamp: address(&settings.timestamp).ok()?,
        trusted_root: settings.trusted_root.clone(),
    })
}

fn key_file(config: &Config, name: &str, settings: &PrivateKeySettings) -> Result<KeyFileSource, AssemblyError> {
    let password = match &settings.password {
        Some(SecretSource::File(path)) => PasswordSource::File(path.clone()),
        Some(SecretSource::Variable(_)) => {
            let password = settings.password(name, &config.environment)?;
            let password = password.map(|password| password.expose().as_bytes().to_vec());
            PasswordSource::Given(Password::from(password.unwrap_or_default()))
        }
        None => PasswordSource::Environment,
    };
    Ok(KeyFileSource {
        private_key: settings.private_key.clone(),
        password,
    })
}
