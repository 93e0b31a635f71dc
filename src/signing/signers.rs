//! What the engine asks of signers.

use std::future::Future;

use thiserror::Error;

use crate::model::{Digest, Signer};
use crate::trust::Witness;

pub trait Signers: Send + Sync + 'static {
    /// A signature of `message` by the signer's current key, as [`crate::trust::PrivateKey::sign`] makes it.
    fn sign(&self, signer: &Signer, message: &[u8]) -> impl Future<Output = Result<Vec<u8>, SigningError>> + Send;

    /// What others say of such a signature over the statement about `image`, where the signer has somebody to ask: all of
    /// it, or an error.
    fn witness(
        &self,
        _signer: &Signer,
        _image: &Digest,
        _statement: &[u8],
        _signature: &[u8],
    ) -> impl Future<Output = Result<Witness, SigningError>> + Send {
        std::future::ready(Ok(Witness::default()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("signer `{signer}`: {message}")]
pub struct SigningError {
    pub signer: String,
    pub message: String,
    pub help: Option<String>,
}
