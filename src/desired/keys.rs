//! Public keys in the repository.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::{BlobId, Diagnostic, Digest, RepoPath, SignerIdentity, SignerKey, Tree, TreeFile};

use super::code;
use super::finding::{Finding, quoted};
use super::position::{LineIndex, Position};
use super::syntax;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// A public key: the frame is checked here, what it holds by those who use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    pub file: RepoPath,
    pub blob: BlobId,
    pub pem: Arc<str>,
    /// The bytes in the frame: what two keys are compared by.
    pub der: Vec<u8>,
}

impl PublicKey {
    pub fn to_signer_key(&self) -> SignerKey {
        SignerKey {
            pem: Arc::clone(&self.pem),
            identity: SignerIdentity::Key(Digest::of(&self.der)),
        }
    }
}

/// Reads the key file that a signer names. The finding belongs to the place that names it.
pub(super) fn read(tree: &Tree, path: &RepoPath) -> Result<PublicKey, Finding> {
    let invalid = |why: &str| {
        Finding::error(code::INVALID_KEY, format!("{path} {why}"))
            .help("it must hold one public key as PEM, from `-----BEGIN PUBLIC KEY-----` on, as `landfall key generate` writes it")
    };
    let above = path
        .as_str()
        .match_indices('/')
        .map(|(slash, _)| &path.as_str()[..slash]);
    if let Some(link) = above
        .into_iter()
        .find(|above| tree.files.contains_key(&RepoPath::from(*above)))
    {
        return Err(Finding::error(
            code::SYMLINK,
            format!("{path} is reached through {link}, which is no directory that can be read"),
        )
        .help("commit the directory itself, neither as a link nor as a submodule, and with nothing but keys in it"));
    }
    let Some(file) = tree.files.get(path) else {
        let keys = || {
            tree.files
                .keys()
                .map(RepoPath::as_str)
                .filter(|path| path.starts_with("keys/"))
        };
        let finding = Finding::error(
            code::MISSING_FILE,
            format!("{} is not in the repository", quoted(path.as_str())),
        );
        return Err(match crate::model::nearest(path.as_str(), keys()) {
            Some(near) => finding.help(format!("did you mean {}?", quoted(near))),
            None => finding.help("commit the file: `landfall key generate` makes a pair of keys"),
        });
    };
    let TreeFile::Regular { blob, .. } = file else {
        return Err(match file {
            TreeFile::Symlink => Finding::error(code::SYMLINK, format!("{path} is a symbolic link: expected a file"))
                .help("commit the file itself: a link could lead out of the repository"),
            TreeFile::Submodule => invalid("is a submodule"),
            _ => invalid("is too large for a key"),
        });
    };
    let text = syntax::text(file).map_err(|_| invalid("is not text"))?;
    if is_private(text) {
        return Err(private(path));
    }
    let body = text
        .trim()
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or_else(|| invalid("holds no public key"))?;
    let digits: String = body.split_ascii_whitespace().collect();
    let der = STANDARD
        .decode(&digits)
        .map_err(|_| invalid("is not base64 between its first and last line"))?;
    if der.is_empty() {
        return Err(invalid("holds an empty public key"));
    }
    Ok(PublicKey {
        file: path.clone(),
        blob: *blob,
        pem: text.into(),
        der,
    })
}

/// Private keys among the key files, named or not.
pub(super) fn find_private(tree: &Tree) -> Vec<Diagnostic> {
    // `0` follows `/` in ASCII: everything below `keys/`, without walking the rest.
    let keys = tree.files.range(RepoPath::from("keys/")..RepoPath::from("keys0"));
    keys.filter_map(|(path, file)| {
        let TreeFile::Regular { bytes, .. } = file else {
            return None;
        };
        let text = String::from_utf8_lossy(bytes);
        let at = text.find("PRIVATE KEY-----").filter(|_| is_private(&text))?;
        let line = LineIndex::new(&text).position(at..at).line;
        Some(private(path).at(
            path,
            Position {
                line,
                ..Position::START
            },
        ))
    })
    .collect()
}

fn is_private(text: &str) -> bool {
    text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----")
}

fn private(path: &RepoPath) -> Finding {
    Finding::error(code::SECRET_IN_GIT, format!("{path} holds a private key: it does not belong into Git"))
        .help("whoever can read the repository has it: make a new pair with `landfall key generate` and commit only the public one")
}
