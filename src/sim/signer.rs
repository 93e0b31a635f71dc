//! The keys that sign in a run: each of them for whichever signer names it.

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

/// Signs with the key that a signer names, and never the same twice.
#[derive(Debug, Clone)]
pub struct SimulatedSigner {
    keys: Arc<[SimulatedKey]>,
    signed: Arc<AtomicU64>,
}

impl SimulatedSigner {
    #[must_use]
    pub fn new(keys: &[SimulatedKey]) -> Self {
        Self {
            keys: keys.into(),
            signed: Arc::default(),
        }
    }
}

impl Signers for SimulatedSigner {
    async fn sign(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let number = self.signed.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let named = self
            .keys
            .iter()
            .find(|key| key.public_key.identity() == signer.identity());
        named
            .map(|key| (key.sign)(message, number))
            .ok_or_else(|| SigningError {
                signer: signer.name.to_string(),
                message: "nobody holds its key".to_owned(),
                help: None,
            })
    }
}
