//! cosign with a key and without network.

use std::path::PathBuf;
use std::process::Command;

use landfall::trust::{KeyPairFiles, PublicKey, key_file};
use tempfile::TempDir;

use crate::servers::AUTHORITY;
use crate::tools;

pub const PASSWORD: &str = "correct horse";

/// A folder with the key pairs `NAME.key` and `NAME.pub`.
pub struct Cosign {
    folder: TempDir,
}

impl Cosign {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Puts a key pair of landfall's into the folder.
    pub fn write_pair(&self, name: &str, pair: &KeyPairFiles) {
        self.write(&format!("{name}.key"), pair.private_pem.as_bytes());
        self.write(&format!("{name}.pub"), &pair.public_pem);
    }

    /// A new key pair of landfall's, in the folder.
    pub fn generate(&self, name: &str) -> landfall::trust::PrivateKey {
        let pair = key_file::generate(PASSWORD.as_bytes()).unwrap();
        self.write_pair(name, &pair);
        let file = landfall::trust::PrivateKeyFile::parse(pair.private_pem.as_bytes()).unwrap();
        file.open(PASSWORD.as_bytes()).unwrap()
    }

    pub fn public_key(&self, name: &str) -> PublicKey {
        PublicKey::from_pem(&std::fs::read(self.path(&format!("{name}.pub"))).unwrap()).unwrap()
    }

    /// Where cosign and crane look for logins.
    pub fn write_logins(&self, logins: impl IntoIterator<Item = (String, serde_json::Value)>) {
        let logins: serde_json::Map<_, _> = logins.into_iter().collect();
        self.write("config.json", serde_json::json!({ "auths": logins }).to_string());
    }

    /// A foreign program that runs in the folder, with the logins there, and trusts the authority of the tests.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(tools::find(program));
        command
            .current_dir(self.folder.path())
            .env("COSIGN_PASSWORD", PASSWORD)
            .env("DOCKER_CONFIG", self.folder.path())
            .env("HOME", self.folder.path())
            .env("SSL_CERT_FILE", AUTHORITY)
            .env("TUF_ROOT", self.folder.path().join("tuf"));
        command
    }

    /// Runs cosign in the folder: what it says on success, its error otherwise.
    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command("cosign").args(arguments).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8(output.stderr).unwrap())
        }
    }

    /// `cosign sign` without transparency log.
    pub fn sign(&self, key: &str, more: &[&str], reference: &str) {
        self.write_with("sign", key, more, reference);
    }

    /// `cosign attest` without transparency log.
    pub fn attest(&self, key: &str, more: &[&str], reference: &str) {
        self.write_with("attest", key, more, reference);
    }

    fn write_with(&self, command: &str, key: &str, more: &[&str], reference: &str) {
        let key = format!("{key}.key");
        let mut arguments = vec![command, "--yes", "--tlog-upload=false", "--use-signing-config=false"];
        arguments.extend(["--allow-http-registry", "--key", &key]);
        arguments.extend(more);
        arguments.push(reference);
        self.run(&arguments).unwrap();
    }

    /// `cosign verify` or `verify-attestation`: the payloads it accepts, as JSON lines or a list.
    pub fn verify(&self, command: &str, key: &str, more: &[&str], reference: &str) -> Result<String, String> {
        let key = format!("{key}.pub");
        let mut arguments = vec![
            command,
            "--insecure-ignore-tlog",
            "--allow-http-registry",
            "--key",
            &key,
        ];
        arguments.extend(more);
        arguments.push(reference);
        self.run(&arguments)
    }
}
