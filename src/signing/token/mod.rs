//! Keys in a token (an HSM, a smart card), through its maker's PKCS#11 module. The key never comes here.

mod error;
mod session;
mod signature;
mod signer;

pub use error::TokenError;
pub use session::TokenSource;
pub(super) use signer::TokenSigner;
