//! Projects, compared: what is granted to whom.

use crate::desired::code;
use crate::desired::finding::{Finding, listed};
use crate::desired::landfall_file::ProjectTable;
use crate::desired::route::covers;
use crate::desired::scalar::Name;
use crate::desired::shape::{List, Located};

use super::named::{ByName, LANDFALL};
use super::remarks::Remarks;
use super::settings::{Table, values};
use crate::model::{counted, is_within};

/// `claims` counts what each project held before.
pub(super) fn compare(
    before: &ByName<'_, ProjectTable>,
    after: &ByName<'_, ProjectTable>,
    claims: &dyn Fn(&str) -> usize,
    remarks: &mut Remarks<'_>,
) {
    for (name, (header, table)) in after {
        match before.get(name) {
            Some((_, known)) => settings(name, header, known, table, remarks),
            None => {
                let shown = |list: Vec<String>| listed(list.iter().map(String::as_str));
                let message = format!(
                    "project `{name}` is new: it may promote from {} to {} below {}",
                    shown(strings(&table.sources.value)),
                    shown(strings(&table.targets.value)),
                    shown(strings(&table.paths.value)),
                );
                let finding = Finding::warning(code::PROJECT_ADDED, message).help(format!(
                    "whoever may merge changes of `promotions/{name}/` may promote all that"
                ));
                remarks.at(&LANDFALL.into(), header.at, finding);
            }
        }
    }
    for (name, (header, _)) in before {
        if !after.contains_key(name) {
            let finding = removed(&format!("project `{name}`"), claims(name));
            remarks.gone(&LANDFALL.into(), header.at, finding);
        }
    }
}

/// `what` held so many claims, and is no longer there.
pub(super) fn removed(what: &str, claims: usize) -> Finding {
    let message = format!("{what} is removed, with {}", counted(claims, "claim"));
    Finding::warning(code::PROJECT_REMOVED, message)
        .help("its images stay at their registries, and nothing repairs them any more")
}

fn strings<T: ToString>(list: &List<T>) -> Vec<String> {
    list.iter().map(|entry| entry.value.to_string()).collect()
}

fn settings(
    name: &str,
    header: &Located<Name>,
    before: &ProjectTable,
    after: &ProjectTable,
    remarks: &mut Remarks<'_>,
) {
    let mut table = Table {
        what: format!("project `{name}`"),
        at: header.at,
        remarks,
    };
    table.gained(
        code::GRANTS_WIDENED,
        "sources",
        &before.sources.value,
        &after.sources.value,
        covers,
        "the project may then promote whatever stands there",
    );
    table.gained(
        code::GRANTS_WIDENED,
        "targets",
        &before.targets.value,
        &after.targets.value,
        PartialEq::eq,
        "the project may then promote to it",
    );
    table.gained(
        code::GRANTS_WIDENED,
        "paths",
        &before.paths.value,
        &after.paths.value,
        |path, other| is_within(other.as_str(), path.as_str()),
        "the project may then write every repository there that no other project has a longer path for",
    );
    endpoints(&mut table, before, after);
    let attest = |table: &ProjectTable| values(table.attest.as_ref().map(|list| &list.value));
    table.lost(
        "attest",
        &attest(before),
        &attest(after),
        after.attest.as_ref().map(|list| list.at),
        "what is promoted from now on lacks that attestation, unless its target asks for it",
    );
    table.chosen(
        (code::SIGNER_CHANGED, code::SIGNER_CHANGED),
        "signer",
        before.signer.as_ref(),
        after.signer.as_ref(),
        "what stands is signed anew by the other signer; those who verify have to know its key beforehand",
    );
    table.chosen(
        (code::POLICY_CHANGED, code::POLICY_REMOVED),
        "policy",
        before.policy.as_ref(),
        after.policy.as_ref(),
        "compare what the two ask of a source before it is promoted",
    );
}

/// None are all of them.
fn endpoints(table: &mut Table<'_, '_>, before: &ProjectTable, after: &ProjectTable) {
    match (&before.endpoints, &after.endpoints) {
        (None, None) => {}
        (None, Some(list)) => {
            let finding = Finding::warning(
                code::SETTING_WEAKENED,
                format!(
                    "{}: `endpoints` keeps only {}",
                    table.what,
                    listed(strings(&list.value).iter().map(String::as_str))
                ),
            );
            table.add(
                Some(list.at),
                finding.help("its images then stand at fewer registries; what stands elsewhere is no longer repaired"),
            );
        }
        (Some(_), None) => {
            let finding = Finding::warning(
                code::GRANTS_WIDENED,
                format!("{}: `endpoints` is removed, which means all of them", table.what),
            );
            table.add(
                None,
                finding.help("its images are then copied to every endpoint of its targets"),
            );
        }
        (Some(before), Some(after)) => {
            table.gained(
                code::GRANTS_WIDENED,
                "endpoints",
                &before.value,
                &after.value,
                PartialEq::eq,
                "its images are then copied there",
            );
            table.lost(
                "endpoints",
                &values(Some(&before.value)),
                &values(Some(&after.value)),
                Some(after.at),
                "its images then stand at fewer registries; what stands elsewhere is no longer repaired",
            );
        }
    }
}
