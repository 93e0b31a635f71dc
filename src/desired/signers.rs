//! The signers and policies of `landfall.toml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{BlobId, Policy, RepoPath, SignatureForm, Signer, Tree};

use super::code;
use super::finding::{Finding, Report, quoted, suggestion};
use super::keys;
use super::landfall_file::{LandfallFile, SignerTable};
use super::position::Position;
use super::scalar::{KeyPath, Name};
use super::shape::Located;

/// A signer, with what later checks speak of.
#[derive(Debug)]
pub(super) struct SignerRule {
    pub signer: Arc<Signer>,
    /// The bytes of its public key.
    pub key: Vec<u8>,
    /// Where its formats are stated, or the signer where they are not.
    pub formats_at: Position,
}

/// What is defined under a kind of name. `None` stands for what is defined but wrong, which has been reported.
pub(super) struct Definitions<T> {
    kind: &'static str,
    by_name: BTreeMap<Name, Option<T>>,
}

impl<T> Definitions<T> {
    pub fn new(kind: &'static str, by_name: BTreeMap<Name, Option<T>>) -> Self {
        Self { kind, by_name }
    }

    /// What `name` means; an unknown name is reported where it stands.
    pub fn find(&self, name: &Located<Name>, report: &mut Report) -> Option<&T> {
        let found = self.by_name.get(&name.value);
        if found.is_none() {
            let message = format!("no {} is named {}", self.kind, quoted(name.value.as_str()));
            let help = if self.by_name.is_empty() {
                format!("define it: `[{}.{}]`", plural(self.kind), name.value)
            } else {
                suggestion(name.value.as_str(), self.by_name.keys().map(Name::as_str))
            };
            report.add(name.at, Finding::error(code::UNKNOWN_NAME, message).help(help));
        }
        found.and_then(Option::as_ref)
    }
}

fn plural(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

pub(super) fn policies(file: &LandfallFile) -> Definitions<Policy> {
    let by_name = file.policies.iter().flatten().map(|(name, table)| {
        let policy = Policy {
            name: name.value.to_string(),
            mode: table.signature.mode.value,
        };
        (name.value.clone(), Some(policy))
    });
    Definitions::new("policy", by_name.collect())
}

/// Reads every signer's keys; `files` collects which files that took.
pub(super) fn signers(
    file: &LandfallFile,
    tree: &Tree,
    files: &mut Vec<(RepoPath, BlobId)>,
    report: &mut Report,
) -> Definitions<Arc<SignerRule>> {
    let by_name = file.signers.iter().flatten().map(|(name, table)| {
        let rule = signer(name, table, tree, files, report);
        (name.value.clone(), rule.map(Arc::new))
    });
    Definitions::new("signer", by_name.collect())
}

fn signer(
    name: &Located<Name>,
    table: &SignerTable,
    tree: &Tree,
    files: &mut Vec<(RepoPath, BlobId)>,
    report: &mut Report,
) -> Option<SignerRule> {
    let mut read = |path: &Located<KeyPath>, report: &mut Report| match keys::read(tree, &path.value.0) {
        Ok(key) => {
            files.push((key.file.clone(), key.blob));
            Some(key)
        }
        Err(finding) => {
            report.add(path.at, finding);
            None
        }
    };
    let public_key = read(&table.public_key, report);
    let previous: Vec<_> = table.previous.iter().flatten().map(|path| read(path, report)).collect();
    let (formats, formats_at) = match &table.formats {
        None => (SignatureForm::DEFAULT.to_vec(), name.at),
        Some(list) => {
            let mut formats: Vec<_> = list.value.iter().map(|format| format.value).collect();
            formats.sort_unstable();
            formats.dedup();
            (formats, list.at)
        }
    };
    if formats.is_empty() {
        let finding = Finding::error(code::EMPTY, "a signer without formats signs nothing")
            .help("remove the line for the default, `formats = [\"bundle\", \"tag\"]`");
        report.add(formats_at, finding);
        return None;
    }
    let public_key = public_key?;
    Some(SignerRule {
        signer: Arc::new(Signer {
            name: name.value.0.clone(),
            key: public_key.to_signer_key(),
            previous: previous
                .into_iter()
                .map(|key| key.map(|key| key.to_signer_key()))
                .collect::<Option<_>>()?,
            formats,
        }),
        key: public_key.der,
        formats_at,
    })
}
