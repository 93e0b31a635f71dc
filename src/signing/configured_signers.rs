//! Every signer that a configuration knows, wherever its key is.

use std::collections::BTreeMap;

use super::plugin::PluginSigner;
use super::token::TokenSigner;
use super::{KeyFileSigners, KeyFileSource, PluginSource, Signers, SigningError, TokenSource, Witnesses};
use crate::model::{Digest, Signer};
use crate::trust::Witness;

/// Where a signer's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerSource {
    KeyFile(KeyFileSource),
    Plugin(PluginSource),
    Token(TokenSource),
}

/// Signs with files, plugins and tokens, by the signers' names.
#[derive(Debug, Default)]
pub struct ConfiguredSigners {
    key_files: KeyFileSigners,
    plugins: BTreeMap<String, PluginSigner>,
    tokens: BTreeMap<String, TokenSigner>,
    witnesses: BTreeMap<String, Witnesses>,
}

impl ConfiguredSigners {
    #[must_use]
    pub fn new(sources: impl IntoIterator<Item = (String, SignerSource)>) -> Self {
        let mut files = Vec::new();
        let (mut plugins, mut tokens) = (BTreeMap::new(), BTreeMap::new());
        for (name, source) in sources {
            match source {
                SignerSource::KeyFile(source) => files.push((name, source)),
                SignerSource::Plugin(source) => _ = plugins.insert(name, PluginSigner::new(source)),
                SignerSource::Token(source) => _ = tokens.insert(name, TokenSigner::new(source)),
            }
        }
        Self {
            key_files: KeyFileSigners::new(files),
            plugins,
            tokens,
            witnesses: BTreeMap::new(),
        }
    }

    /// With others who bear witness to what signers of these names sign.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: impl IntoIterator<Item = (String, Witnesses)>) -> Self {
        self.witnesses.extend(witnesses);
        self
    }

    /// Finds out whether a signer could sign, without signing anything.
    ///
    /// # Errors
    /// Whatever would keep it from signing.
    pub async fn check(&self, signer: &Signer) -> Result<(), SigningError> {
        let name = &*signer.name;
        if let Some(witnesses) = self.witnesses.get(name) {
            witnesses.check().await.map_err(|error| error.of(name))?;
        }
        if let Some(plugin) = self.plugins.get(name) {
            return plugin.check(signer).await.map_err(|error| error.of(name));
        }
        if let Some(token) = self.tokens.get(name) {
            return token.check(signer).await.map_err(|error| error.of(name));
        }
        self.key_files.check(signer).await
    }
}

impl Signers for ConfiguredSigners {
    async fn sign(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let name = &*signer.name;
        if let Some(plugin) = self.plugins.get(name) {
            return plugin.sign(signer, message).await.map_err(|error| error.of(name));
        }
        if let Some(token) = self.tokens.get(name) {
            return token.sign(signer, message).await.map_err(|error| error.of(name));
        }
        self.key_files.sign(signer, message).await
    }

    async fn witness(
        &self,
        signer: &Signer,
        image: &Digest,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<Witness, SigningError> {
        let Some(witnesses) = self.witnesses.get(&*signer.name) else {
            return Ok(Witness::default());
        };
        witnesses
            .of(signer, image, statement, signature)
            .await
            .map_err(|error| error.of(&signer.name))
    }
}
