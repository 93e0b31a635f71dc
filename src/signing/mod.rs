//! Signers that do I/O.

mod configured_signers;
mod key_file_error;
mod key_file_signers;
mod password;
mod plugin;
mod signers;
mod token;
mod witness;

pub use configured_signers::{ConfiguredSigners, SignerSource};
pub use key_file_error::KeyFileError;
pub use key_file_signers::{KeyFileSigners, KeyFileSource};
pub use password::{Password, PasswordError, PasswordSource};
pub use plugin::{PluginError, PluginSource};
pub use signers::{Signers, SigningError};
pub use token::{TokenError, TokenSource};
pub use witness::{WitnessError, WitnessSource, Witnesses};
