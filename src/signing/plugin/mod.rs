//! Keys in a KMS or an HSM, through a program of its own: the plugin protocol of Sigstore's Go library
//! (`pkg/signature/kms/cliplugin`, version v1). The key never comes here.

mod error;
mod program;
mod protocol;
mod signer;

pub use error::PluginError;
pub(super) use signer::PluginSigner;
pub use signer::PluginSource;
