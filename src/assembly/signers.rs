//! From the configuration to signers.

use super::AssemblyError;
use crate::config::{Config, SecretSource};
use crate::signing::{KeyFileSigners, KeyFileSource, Password, PasswordSource};

/// The signers whose keys the configuration names.
///
/// # Errors
/// A password variable that is not set.
pub fn signers(config: &Config) -> Result<KeyFileSigners, AssemblyError> {
    let sources = config
        .signers
        .iter()
        .map(|(name, settings)| {
            let password = match &settings.password {
                Some(SecretSource::File(path)) => PasswordSource::File(path.clone()),
                Some(SecretSource::Variable(_)) => {
                    let password = settings.password(name, &config.environment)?;
                    let password = password.map(|password| password.expose().as_bytes().to_vec());
                    PasswordSource::Given(Password::from(password.unwrap_or_default()))
                }
                None => PasswordSource::Environment,
            };
            let source = KeyFileSource {
                private_key: settings.private_key.clone(),
                password,
            };
            Ok((name.clone(), source))
        })
        .collect::<Result<Vec<_>, AssemblyError>>()?;
    Ok(KeyFileSigners::new(sources))
}
