//! Certificates in files: authorities of one's own, and the certificate shown to a registry that asks for one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Identity};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Larger files hold no certificates that anyone meant.
const LARGEST_FILE: u64 = 4 << 20;

/// How often the files are looked at for a change.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Files in PEM form. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateFiles {
    /// Certificate authorities that count beside the system's.
    pub authorities: Option<PathBuf>,
    /// What is shown to a server that asks for a certificate.
    pub client: Option<ClientCertificate>,
}

/// A certificate, with those that lead to its authority, and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What the files held when they were last usable.
#[derive(Clone)]
pub(super) struct Certificates {
    pub(super) authorities: Vec<Certificate>,
    pub(super) identity: Option<Identity>,
}

/// The content of files that may change while this process runs.
pub(super) struct Watched {
    files: CertificateFiles,
    looked: Instant,
    /// Over the bytes that were last read, usable or not.
    digest: [u8; 32],
    current: Certificates,
    /// Grows with each change.
    generation: u64,
}

struct Bytes {
    authorities: Option<Vec<u8>>,
    identity: Option<Zeroizing<Vec<u8>>>,
}

impl Watched {
    /// # Errors
    /// Says which file cannot be used and why.
    pub(super) fn new(files: CertificateFiles) -> Result<Self, String> {
        let bytes = read(&files)?;
        Ok(Self {
            digest: digest(&bytes),
            current: parse(&files, &bytes)?,
            files,
            looked: Instant::now(),
            generation: 0,
        })
    }

    /// The certificates, and a number that changes with them. Where a file has become unusable, as in the middle of a
    /// rotation, what stood there before is kept; `accept` may refuse what has changed, too.
    pub(super) fn current(&mut self, accept: impl Fn(&Certificates) -> Result<(), String>) -> (&Certificates, u64) {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            let changed = read(&self.files).and_then(|bytes| {
                let digest = digest(&bytes);
                if digest == self.digest {
                    return Ok(None);
                }
                let certificates = parse(&self.files, &bytes)?;
                accept(&certificates)?;
                Ok(Some((digest, certificates)))
            });
            match changed {
                Ok(None) => {}
                Ok(Some((digest, certificates))) => {
                    tracing::info!(files = ?self.files, "certificates have changed");
                    self.digest = digest;
                    self.current = certificates;
                    self.generation += 1;
                }
                Err(error) => tracing::warn!(error, "certificates have changed and cannot be used: the former stay"),
            }
        }
        (&self.current, self.generation)
    }
}

fn read(files: &CertificateFiles) -> Result<Bytes, String> {
    let authorities = files.authorities.as_deref().map(read_file).transpose()?;
    let identity = files
        .client
        .as_ref()
        .map(|client| {
            let mut pem = Zeroizing::new(read_file(&client.certificate)?);
            let key = Zeroizing::new(read_file(&client.key)?);
            // What it held before growing must not stay behind in memory.
            pem.reserve_exact(key.len() + 1);
            pem.push(b'\n');
            pem.extend_from_slice(&key);
            Ok::<_, String>(pem)
        })
        .transpose()?;
    Ok(Bytes { authorities, identity })
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let file = File::open(path).map_err(cannot)?;
    let mut bytes = Vec::with_capacity(16 << 10);
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("{} has more than {LARGEST_FILE} bytes", path.display()));
    }
    Ok(bytes)
}

fn digest(bytes: &Bytes) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [bytes.authorities.as_deref(), bytes.identity.as_ref().map(|pem| &***pem)] {
        let part = part.unwrap_or_default();
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn parse(files: &CertificateFiles, bytes: &Bytes) -> Result<Certificates, String> {
    let shown = |path: &Option<PathBuf>| path.as_deref().unwrap_or(Path::new("")).display().to_string();
    let authorities = match &bytes.authorities {
        None => Vec::new(),
        Some(pem) => {
            let name = shown(&files.authorities);
            let found =
                Certificate::from_pem_bundle(pem).map_err(|_| format!("{name} is not a bundle of PEM certificates"))?;
            if found.is_empty() {
                return Err(format!(
                    "{name} holds no PEM certificate (`-----BEGIN CERTIFICATE-----`)"
                ));
            }
            found
        }
    };
    let identity = match (&bytes.identity, &files.client) {
        (Some(pem), Some(client)) => Some(Identity::from_pem(pem).map_err(|_| {
            format!(
                "{} and {} are not a PEM certificate and its unencrypted PEM key",
                client.certificate.display(),
                client.key.display()
            )
        })?),
        _ => None,
    };
    Ok(Certificates { authorities, identity })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CA: &[u8] = include_bytes!("../../testdata/tls/ca.pem");
    const CERTIFICATE: &[u8] = include_bytes!("../../testdata/tls/server.pem");
    const KEY: &[u8] = include_bytes!("../../testdata/tls/server.key");

    async fn later() {
        tokio::time::advance(LOOK_EVERY).await;
    }

    #[tokio::test(start_paused = true)]
    async fn changed_files_count_and_damaged_ones_leave_what_stood_there() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("ca.pem");
        fs::write(&path, CA).unwrap();
        let mut watched = Watched::new(CertificateFiles {
            authorities: Some(path.clone()),
            client: None,
        })
        .unwrap();
        let mut look = || {
            let (current, generation) = watched.current(|_| Ok(()));
            (current.authorities.len(), generation)
        };
        assert_eq!(look(), (1, 0));
        fs::write(&path, [CA, b"\n", CERTIFICATE].concat()).unwrap();
        assert_eq!(look(), (1, 0), "not looked at for every request");
        later().await;
        assert_eq!(look(), (2, 1));
        fs::write(&path, "half of a certif").unwrap();
        later().await;
        assert_eq!(look(), (2, 1));
        fs::remove_file(&path).unwrap();
        later().await;
        assert_eq!(look(), (2, 1));
        fs::write(&path, CA).unwrap();
        later().await;
        assert_eq!(look(), (1, 2));
        later().await;
        assert_eq!(look(), (1, 2), "the same bytes are no change");
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_named_without_its_content() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let certificate = write("client.pem", CERTIFICATE);
        let key = write("client.key", KEY);
        let files = |certificate: &PathBuf, key: &PathBuf| CertificateFiles {
            authorities: None,
            client: Some(ClientCertificate {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
        };
        assert!(Watched::new(files(&certificate, &key)).is_ok());
        let error = Watched::new(files(&certificate, &certificate)).err().unwrap();
        assert!(error.contains("client.pem") && error.contains("PEM key"), "{error}");
        let error = Watched::new(files(&certificate, &folder.path().join("none")))
            .err()
            .unwrap();
        assert!(error.contains("none cannot be read"), "{error}");
        let broken = CertificateFiles {
            authorities: Some(write("ca.pem", b"no certificate")),
            client: None,
        };
        let error = Watched::new(broken).err().unwrap();
        assert!(error.contains("BEGIN CERTIFICATE"), "{error}");
    }
}
