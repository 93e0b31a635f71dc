//! `landfall key check`: what a key file holds, and whether it can be used.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::error::KeyCommandError;
use super::found::FoundKey;
use crate::cli::Format;
use crate::trust::{Encoding, PublicKey};

/// Says what a key file holds, opens it, and signs something with it
///
/// The password is looked for as `key generate` does.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A private or public key's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The public key that it must belong to, such as the one in Git
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Read the password from this file; one newline at its end is no part of it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(&self, format: Format, output: &mut dyn Write) -> Result<(), KeyCommandError> {
        let found = FoundKey::read(&self.file, self.password_file.as_deref())?;
        self.try_out(&found)?;
        if let Some(path) = &self.public_key {
            self.compare(found.public_key(), path)?;
        }
        let key = found.public_key();
        let kind = match &found {
            FoundKey::Public(_) => "public key",
            FoundKey::Private { encoding, .. } => match encoding {
                Encoding::Encrypted => "private key, encrypted as cosign does",
                Encoding::Pkcs8 => "private key, PKCS#8 without encryption",
                Encoding::Sec1 => "private key, SEC 1 without encryption",
                Encoding::Pkcs1 => "private key, PKCS#1 without encryption",
            },
        };
        match format {
            Format::Text => self.write_text(kind, key, output),
            Format::Json => {
                let value = json!({
                    "schemaVersion": 1,
                    "file": self.file,
                    "private": matches!(found, FoundKey::Private { .. }),
                    "encrypted": matches!(found, FoundKey::Private { encoding: Encoding::Encrypted, .. }),
                    "algorithm": key.algorithm().name(),
                    "fingerprint": key.fingerprint(),
                    "hint": key.hint(),
                    "cosignFlag": key.algorithm().cosign_flag(),
                });
                writeln!(output, "{value:#}")
            }
        }
        .map_err(KeyCommandError::Output)
    }

    fn write_text(&self, kind: &str, key: &PublicKey, output: &mut dyn Write) -> std::io::Result<()> {
        writeln!(output, "{}: {kind}", self.file.display())?;
        writeln!(output, "  algorithm    {}", key.algorithm())?;
        writeln!(output, "  fingerprint  {}", key.fingerprint())?;
        writeln!(output, "  in bundles   {}", key.hint())?;
        if let Some(path) = &self.public_key {
            writeln!(output, "  belongs to   {}", path.display())?;
        }
        if let Some(flag) = key.algorithm().cosign_flag() {
            writeln!(output, "  verifiers    have to give `cosign verify` {flag}")?;
        }
        Ok(())
    }

    fn try_out(&self, found: &FoundKey) -> Result<(), KeyCommandError> {
        let FoundKey::Private { key, .. } = found else {
            return Ok(());
        };
        const MESSAGE: &[u8] = b"landfall key check";
        let signature = key.sign(MESSAGE).map_err(|error| KeyCommandError::Key {
            path: self.file.clone(),
            error,
        })?;
        if key.public_key().verify(MESSAGE, &signature) {
            return Ok(());
        }
        Err(KeyCommandError::Broken {
            path: self.file.clone(),
        })
    }

    fn compare(&self, found: &PublicKey, path: &Path) -> Result<(), KeyCommandError> {
        let expected = FoundKey::read(path, None)?;
        if expected.public_key() == found {
            return Ok(());
        }
        Err(KeyCommandError::Mismatch {
            path: self.file.clone(),
            found: found.fingerprint(),
            public_key: path.to_owned(),
            expected: expected.public_key().fingerprint(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, public_key: Option<&str>, format: Format) -> Result<String, KeyCommandError> {
        let keys = PathBuf::from("testdata/keys");
        let check = Check {
            file: keys.join(file),
            public_key: public_key.map(|name| keys.join(name)),
            password_file: None,
        };
        let mut output = Vec::new();
        check.run(format, &mut output)?;
        Ok(String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_key_is_described_and_compared() {
        let text = check("openssl-p384.sec1.pem", Some("cosign-p384.pub"), Format::Text).unwrap();
        insta::assert_snapshot!(text);
        insta::assert_snapshot!(check("cosign-rsa2048.pub", None, Format::Json).unwrap());
        let error = check("openssl-p384.sec1.pem", Some("cosign-p521.pub"), Format::Text).unwrap_err();
        assert!(matches!(error, KeyCommandError::Mismatch { .. }), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_place() {
        let error = check("../tls/ca.pem", None, Format::Text).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        assert!(matches!(
            check("missing", None, Format::Text),
            Err(KeyCommandError::Unreadable { .. })
        ));
    }
}
