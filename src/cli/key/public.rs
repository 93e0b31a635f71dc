//! `landfall key public`: the public key of a private one.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::error::KeyCommandError;
use super::found::FoundKey;

/// Prints the public key of a key file, as it belongs below keys/ in Git
///
/// The password is looked for as `key generate` does.
#[derive(Debug, Args)]
pub(super) struct Public {
    /// A private key's file: cosign's, PKCS#8, SEC 1 or PKCS#1
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Read the password from this file; one newline at its end is no part of it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Public {
    pub(super) fn run(&self, output: &mut dyn Write) -> Result<(), KeyCommandError> {
        let key = FoundKey::read(&self.key, self.password_file.as_deref())?;
        output
            .write_all(key.public_key().to_pem().as_bytes())
            .map_err(KeyCommandError::Output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_is_the_one_that_cosign_prints() {
        let keys = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/keys"));
        for name in ["p256", "p384", "p521", "ed25519", "rsa2048"] {
            let mut output = Vec::new();
            let public = Public {
                key: keys.join(format!("openssl-{name}.pkcs8.pem")),
                password_file: None,
            };
            public.run(&mut output).unwrap();
            assert_eq!(output, std::fs::read(keys.join(format!("cosign-{name}.pub"))).unwrap());
        }
    }
}
