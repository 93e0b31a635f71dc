//! landfall.toml and its keys, compared key by key as they are written.

use crate::desired::configuration::LANDFALL_TOML;
use crate::desired::finding::Report;
use crate::desired::landfall_file::LandfallFile;
use crate::desired::ledger::Ledger;
use crate::desired::position::{LineIndex, Position};
use crate::desired::shape::Reader;
use crate::desired::syntax;
use crate::desired::table::FromTable as _;
use crate::desired::targets::kpromo_target;
use crate::model::{Desired, RepoPath, Tree};

use super::named::{claims_of, named};
use super::remarks::Remarks;
use super::{projects, retags, signers, targets};

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
