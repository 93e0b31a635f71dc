//! What the engine asks of signers.

use std::future::Future;

use thiserror::Error;

use crate::model::Signer;

pub trait Signers: Send + Sync + 'static {
    /// A signature of `message` by the signer's current key, as [`crate::trust::PrivateKey::sign`] makes it.
    fn sign(&self, signer: &Signer, message: &[u8]) -> impl Future<Output = Result<Vec<u8>, SigningError>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("signer `{signer}`: {message}")]
pub struct SigningError {
    pub signer: String,
    pub message: String,
    pub help: Option<String>,
}
