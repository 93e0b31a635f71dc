//! One key for every signer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Signer;
use crate::signing::{Signers, SigningError};
use crate::trust::PublicKey;

/// Signs a message: an ECDSA-Sig-Value (DER) over its SHA-256, another one for each number, and the same for the same
/// (RFC 6979, section 3.6). A random signature would have another digest in every run, and runs could not be repeated.
pub type Sign = dyn Fn(&[u8], u64) -> Vec<u8> + Send + Sync;

/// A key whose signatures are not random.
#[derive(Clone)]
pub struct SimulatedKey {
    public_key: PublicKey,
    sign: Arc<Sign>,
}

impl SimulatedKey {
    #[must_use]
    pub fn new(public_key: PublicKey, sign: Arc<Sign>) -> Self {
        Self { public_key, sign }
    }

    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

impl fmt::Debug for SimulatedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SimulatedKey({})", self.public_key.fingerprint())
    }
}

/// Signs with one key whoever is asked for, and never the same twice.
#[derive(Debug, Clone)]
pub struct SimulatedSigner {
    key: SimulatedKey,
    signed: Arc<AtomicU64>,
}

impl SimulatedSigner {
    #[must_use]
    pub fn new(key: SimulatedKey) -> Self {
        let signed = Arc::default();
        Self { key, signed }
    }
}

impl Signers for SimulatedSigner {
    async fn sign(&self, _: &Signer, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let number = self.signed.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Ok((self.key.sign)(message, number))
    }
}
