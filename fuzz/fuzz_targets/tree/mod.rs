//! A commit's files out of one input: a line `=== PATH` begins each.

use std::collections::BTreeMap;

use landfall::desired::{Accepted, Ledger, ParseCache, Resolved, parse, resolve};
use landfall::model::{BlobId, CommitId, Diagnostic, Digest, RepoPath, Tree, TreeFile};

const SEPARATOR: &[u8] = b"=== ";

/// More files only slow the fuzzer down.
const MOST_FILES: usize = 32;

/// What stands before the first separator belongs to `landfall.toml`.
pub fn tree(bytes: &[u8]) -> Tree {
    let mut files: BTreeMap<RepoPath, Vec<u8>> = BTreeMap::new();
    let mut path = RepoPath::from("landfall.toml");
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line
            .strip_prefix(SEPARATOR)
            .map(|name| std::str::from_utf8(name.trim_ascii()))
        {
            Some(Ok(name)) if files.len() < MOST_FILES => {
                path = RepoPath::from(name);
                files.entry(path.clone()).or_default();
            }
            _ => files.entry(path.clone()).or_default().extend_from_slice(line),
        }
    }
    Tree {
        commit: CommitId([1; 20]),
        files: files.into_iter().map(|(path, bytes)| (path, regular(&bytes))).collect(),
    }
}

fn regular(bytes: &[u8]) -> TreeFile {
    let mut id = [0; 20];
    id.copy_from_slice(&Digest::of(bytes).as_bytes()[..20]);
    TreeFile::Regular {
        blob: BlobId(id),
        bytes: bytes.into(),
    }
}

/// Resolves a commit, and again after itself: recorded history and the cache change nothing.
pub fn resolve_twice(tree: &Tree) -> Option<Resolved> {
    let mut cache = ParseCache::default();
    let parsed = match parse(tree, &mut cache) {
        Ok(parsed) => parsed,
        Err(refusals) => {
            assert!(!refusals.is_empty(), "a refusal says why");
            refusals.iter().for_each(check);
            return None;
        }
    };
    parsed.diagnostics().iter().for_each(check);
    let mut ledger = Ledger::default();
    let first = resolve(&parsed, &Accepted { ledger: &ledger }, None);
    first.diagnostics.iter().for_each(check);
    ledger.record(&first.desired, None);
    let again = parse(tree, &mut cache).expect("what was parsed is parsed again");
    let second = resolve(&again, &Accepted { ledger: &ledger }, Some(&first));
    assert_eq!(first.diagnostics, second.diagnostics);
    assert_eq!(first.held, second.held);
    assert_eq!(format!("{:?}", first.desired), format!("{:?}", second.desired));
    Some(first)
}

fn check(found: &Diagnostic) {
    assert!(found.line >= 1 && found.column >= 1 && found.length >= 1, "{found:?}");
    assert!(!found.message.is_empty(), "{found:?}");
}
