//! landfall.toml and its keys, compared key by key as they are written.

use std::collections::BTreeMap;

use crate::desired::configuration::LANDFALL_TOML;
use crate::desired::finding::Report;
use crate::desired::landfall_file::LandfallFile;
use crate::desired::ledger::Ledger;
use crate::desired::position::{LineIndex, Position};
use crate::desired::scalar::Name;
use crate::desired::shape::{Entries, Located, Reader};
use crate::desired::syntax;
use crate::desired::table::FromTable as _;
use crate::desired::targets::kpromo_target;
use crate::model::{Desired, RepoPath, Tree};

use super::remarks::Remarks;
use super::{projects, retags, signers, targets};

pub(super) const LANDFALL: &str = LANDFALL_TOML;

/// Tables by name, each with its header.
pub(super) type ByName<'a, T> = BTreeMap<&'a str, (&'a Located<Name>, &'a T)>;

/// Compares the rules of two revisions. `held` is what the older one claimed.
pub(super) fn compare((old, new): (&Tree, &Tree), held: &Desired, ledger: &Ledger, remarks: &mut Remarks<'_>) {
    // Both were read before, so that nothing is wrong with them.
    let (Some(before), Some(after)) = (read(old), read(new)) else {
        return;
    };
    let of_target = |name: &str| {
        let claims = held.projects.iter().flat_map(|project| &project.claims);
        claims.filter(|claim| *held.targets[claim.target].name == *name).count()
    };
    let of_kpromo = [&before, &after].map(kpromo_target);
    let [old_targets, new_targets] = [(&before, &of_kpromo[0]), (&after, &of_kpromo[1])].map(|(file, of_kpromo)| {
        let mut all = named(file.targets.as_ref());
        all.extend(
            of_kpromo
                .iter()
                .map(|(name, table)| (name.value.as_str(), (name, table))),
        );
        all
    });
    targets::compare(&old_targets, &new_targets, &of_target, remarks);
    projects::compare(
        &named(before.projects.as_ref()),
        &named(after.projects.as_ref()),
        &|name| claims_of(held, name),
        remarks,
    );
    signers::compare(
        &named(before.signers.as_ref()),
        &named(after.signers.as_ref()),
        (old, new),
        remarks,
    );
    signers::compare_policies(
        &named(before.policies.as_ref()),
        &named(after.policies.as_ref()),
        remarks,
    );
    retags::list(&before, &after, ledger, remarks);
}

fn read(tree: &Tree) -> Option<LandfallFile> {
    let path = RepoPath::from(LANDFALL_TOML);
    let text = syntax::text(tree.files.get(&path)?).ok()?;
    let lines = LineIndex::new(text);
    let mut report = Report::new(&path);
    let table = syntax::document(text, &lines, &mut report)?;
    let mut reader = Reader { lines, report };
    LandfallFile::from_table(&table, Position::START, &mut reader)
}

pub(super) fn named<T>(entries: Option<&Entries<Name, T>>) -> ByName<'_, T> {
    let entries = entries.into_iter().flatten();
    entries
        .map(|(name, table)| (name.value.as_str(), (name, table)))
        .collect()
}

/// How many claims a project held.
pub(super) fn claims_of(held: &Desired, project: &str) -> usize {
    let found = held.projects.iter().find(|candidate| *candidate.name == *project);
    found.map_or(0, |project| project.claims.len())
}

pub(super) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}
