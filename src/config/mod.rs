//! The runtime configuration, `config.toml`: what does not stand in Git. Where this process may read and write, with
//! which credentials, and where it keeps its memory.

mod access;
mod budget;
mod capabilities;
mod credential;
mod environment;
mod error;
mod file;
mod git;
mod git_login;
mod load;
mod platform;
mod registries;
mod scalar;
mod schema;
mod secret;
mod signer;
#[cfg(test)]
mod testing;

pub use access::{Operation, Refusal};
pub use budget::BudgetSettings;
pub use credential::{Credential, HelperName, SecretSource};
pub use environment::Environment;
pub use error::{ConfigError, Mistake};
pub use file::Upload;
pub use git::{GitLimits, GitSettings, SshSettings};
pub use git_login::{GitHelperName, GitHubApp, GitLogin};
pub use load::{Config, ServeSettings, Storage, Timeouts, Work};
pub use platform::Platform;
pub use registries::{ClientCertificate, RegistrySettings};
pub use schema::schema;
pub use secret::Secret;
pub use signer::{KeySettings, PluginSettings, PrivateKeySettings, SignerSettings, TokenSettings, WitnessSettings};
