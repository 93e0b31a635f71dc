//! Signers that do I/O.

mod key_file_error;
mod key_file_signers;
mod password;
mod signers;

pub use key_file_error::KeyFileError;
pub use key_file_signers::{KeyFileSigners, KeyFileSource};
pub use password::{Password, PasswordError, PasswordSource};
pub use signers::{Signers, SigningError};
