//! What history says about the head: the ledger up to it, and older files where the head's do not parse.

use super::ReconcileError;
use super::reading::read_tree;
use crate::desired::{self, Accepted, Chronicle, Entry, Ledger, ParseCache, Parsed, Resolved};
use crate::model::CommitId;
use crate::source::{Source, SourceError};

/// Enters in `ledger` what was declared from `until` (which it knows already; without one, from the beginning of
/// history) up to and with `head`, along first parents. Returns what is new.
///
/// # Errors
/// Where Git cannot be read, a shallow clone's end included. What is wrong with manifests of the past is no error: it
/// declared nothing.
pub fn declare<S: Source>(
    source: &S,
    head: CommitId,
    until: Option<CommitId>,
    ledger: &mut Ledger,
) -> Result<Vec<Entry>, SourceError> {
    if until == Some(head) {
        return Ok(Vec::new());
    }
    let at = until.map(|until| read_tree(source, until)).transpose()?;
    let mut chronicle = Chronicle::new(ledger.clone(), at);
    let mut entries = Vec::new();
    source.replay(head, until, &desired::roots, &mut |commit, changed| {
        // A commit that changes nothing landfall reads declares nothing new.
        if !changed.is_empty() {
            entries.extend(chronicle.advance(commit, changed));
        }
        Ok(())
    })?;
    *ledger = chronicle.into_ledger();
    Ok(entries)
}

/// What a commit asks for, judged by a ledger that reaches up to it: from Git alone.
///
/// # Errors
/// Where Git cannot be read, and where the commit is refused as a whole.
pub fn resolve<S: Source>(source: &S, commit: CommitId, ledger: &Ledger) -> Result<Resolved, ReconcileError> {
    let mut cache = ParseCache::default();
    let tree = read_tree(source, commit)?;
    let mut parsed =
        desired::parse(&tree, &mut cache).map_err(|diagnostics| ReconcileError::Invalid { commit, diagnostics })?;
    replace_broken_projects(source, commit, &mut parsed, &mut cache)?;
    Ok(desired::resolve(&parsed, &Accepted { ledger }, None))
}

/// Reads a project whose files do not parse at `commit` from the newest ancestor at which they all do; where they
/// stand, `commit`'s landfall.toml says.
///
/// # Errors
/// Where Git cannot be read.
pub fn replace_broken_projects<S: Source>(
    source: &S,
    commit: CommitId,
    parsed: &mut Parsed,
    cache: &mut ParseCache,
) -> Result<(), SourceError> {
    if parsed.broken_projects().next().is_none() {
        return Ok(());
    }
    replace_from(source, parent(source, commit)?, parsed, cache)
}

/// The same, beginning with `newest`: the files that were parsed need not stand in any commit.
///
/// # Errors
/// Where Git cannot be read.
pub fn replace_from<S: Source>(
    source: &S,
    newest: Option<CommitId>,
    parsed: &mut Parsed,
    cache: &mut ParseCache,
) -> Result<(), SourceError> {
    let mut broken: Vec<String> = parsed.broken_projects().map(str::to_owned).collect();
    let roots = parsed.roots();
    let mut next = newest;
    while let Some(at) = next.filter(|_| !broken.is_empty()) {
        let tree = source.tree(at, &roots)?;
        broken.retain(|project| !parsed.substitute(project, &tree, cache));
        next = parent(source, at)?;
    }
    Ok(())
}

/// What lies beyond a clone's end cannot be read; a project that is read from nowhere has no claims.
fn parent<S: Source>(source: &S, commit: CommitId) -> Result<Option<CommitId>, SourceError> {
    match source.first_parent(commit) {
        Err(SourceError::Shallow { .. }) => Ok(None),
        parent => parent,
    }
}
