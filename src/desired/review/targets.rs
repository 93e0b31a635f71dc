//! Targets, compared.

use crate::desired::choice::{Prune, Sign};
use crate::desired::code;
use crate::desired::finding::Finding;
use crate::desired::scalar::Name;
use crate::desired::shape::Located;
use crate::desired::target_table::TargetTable;
use crate::model::{AttestationKind, Drift, SignaturePlacement, TargetMode, counted};

use super::named::{ByName, LANDFALL, named};
use super::remarks::Remarks;
use super::settings::{Table, values};

const NO_SIGNER: &str = "what is promoted from now on is not signed, and not attested";
const OTHER_SIGNER: &str =
    "what stands is signed anew by the other signer; those who verify have to know its key beforehand";

/// `claims` counts what each target held before.
pub(super) fn compare(
    before: &ByName<'_, TargetTable>,
    after: &ByName<'_, TargetTable>,
    claims: &dyn Fn(&str) -> usize,
    remarks: &mut Remarks<'_>,
) {
    for (name, (header, table)) in after {
        if let Some((_, known)) = before.get(name) {
            settings(name, header, known, table, remarks);
        } else if let Some((old, known)) = renamed(table, before, after) {
            let message = format!("target `{old}` is now called `{name}`");
            let finding = Finding::warning(code::TARGET_RENAMED, message).help(
                "what landfall remembers of a target goes by its name: it is admitted, and where `state` is asked, signed anew",
            );
            remarks.at(&LANDFALL.into(), header.at, finding);
            settings(name, header, known, table, remarks);
        } else {
            let mirrors = table.mirrors.iter().flatten().count();
            let message = format!(
                "target `{name}` is new: it writes to {}{}",
                table.primary.value,
                if mirrors > 0 {
                    format!(" and {}", counted(mirrors, "mirror"))
                } else {
                    String::new()
                }
            );
            let finding = Finding::warning(code::TARGET_ADDED, message)
                .help("`allow-writes` in config.toml has to hold its prefixes before anything is written");
            remarks.at(&LANDFALL.into(), header.at, finding);
        }
    }
    for (name, (header, table)) in before {
        let lives_on = after
            .iter()
            .any(|(new, (_, found))| *new == *name || (!before.contains_key(new) && is_same(table, found)));
        if !lives_on {
            let message = format!("target `{name}` is removed, with {}", counted(claims(name), "claim"));
            let finding = Finding::warning(code::TARGET_REMOVED, message)
                .help("its images stay at its registries, and nothing repairs them any more");
            remarks.gone(&LANDFALL.into(), header.at, finding);
        }
    }
}

/// The target that this one was, by its public name or its primary.
fn renamed<'t>(
    table: &TargetTable,
    before: &ByName<'t, TargetTable>,
    after: &ByName<'_, TargetTable>,
) -> Option<(&'t str, &'t TargetTable)> {
    before
        .iter()
        .find(|(old, (_, known))| !after.contains_key(*old) && is_same(known, table))
        .map(|(old, (_, known))| (*old, *known))
}

fn is_same(one: &TargetTable, other: &TargetTable) -> bool {
    one.public_name.value == other.public_name.value || one.primary.value == other.primary.value
}

fn settings(name: &str, header: &Located<Name>, before: &TargetTable, after: &TargetTable, remarks: &mut Remarks<'_>) {
    mirrors(name, before, after, remarks);
    let mut table = Table {
        what: format!("target `{name}`"),
        at: header.at,
        remarks,
    };
    let weakened = |key| (code::SETTING_WEAKENED, key);
    table.required(
        code::PREFIX_CHANGED,
        "public-name",
        &before.public_name,
        &after.public_name,
        "every image gets another public reference: all are signed and attested anew, and their tags have no history",
    );
    table.required(
        code::PREFIX_CHANGED,
        "primary",
        &before.primary,
        &after.primary,
        "every image is copied there; what stands at the old place stays, and nothing repairs it any more",
    );
    table.ordered(
        weakened("signatures"),
        before.signatures.as_ref(),
        after.signatures.as_ref(),
        SignaturePlacement::Replicate,
        "mirrors then serve images without signatures",
    );
    table.ordered(
        weakened("sign"),
        before.sign.as_ref(),
        after.sign.as_ref(),
        Sign::Root,
        "manifests of single platforms are then not signed",
    );
    table.ordered(
        weakened("drift"),
        before.drift.as_ref(),
        after.drift.as_ref(),
        Drift::Repair,
        "tags that are moved behind landfall's back are then reported and left as they are",
    );
    table.ordered(
        weakened("mode"),
        before.mode.as_ref(),
        after.mode.as_ref(),
        TargetMode::Enforce,
        "nothing is then written there: no promotion, no repair",
    );
    table.ordered(
        weakened("prune"),
        before.prune.as_ref(),
        after.prune.as_ref(),
        Prune::Never,
        "tags that nobody claims are then removed",
    );
    let attest = |table: &TargetTable| match &table.attest {
        Some(list) => values(Some(&list.value)),
        None => vec![AttestationKind::Promotion],
    };
    table.lost(
        "attest",
        &attest(before),
        &attest(after),
        after.attest.as_ref().map(|list| list.at),
        "what is promoted from now on lacks that attestation",
    );
    table.chosen(
        (code::SIGNER_CHANGED, code::SIGNER_REMOVED),
        "signer",
        before.signer.as_ref(),
        after.signer.as_ref(),
        if after.signer.is_some() {
            OTHER_SIGNER
        } else {
            NO_SIGNER
        },
    );
    table.chosen(
        (code::POLICY_CHANGED, code::POLICY_REMOVED),
        "policy",
        before.policy.as_ref(),
        after.policy.as_ref(),
        "compare what the two ask of a source before it is promoted",
    );
    table.gained(
        code::GRANTS_WIDENED,
        "project-signers",
        before.project_signers.as_deref().unwrap_or_default(),
        after.project_signers.as_deref().unwrap_or_default(),
        PartialEq::eq,
        "projects may then have their images signed by it",
    );
    table.gained(
        code::MUTABLE_TAGS_WIDENED,
        "mutable-tags",
        before.mutable_tags.as_deref().unwrap_or_default(),
        after.mutable_tags.as_deref().unwrap_or_default(),
        PartialEq::eq,
        "tags that match may from now on move to other digests, those that stand among them",
    );
}

fn mirrors(name: &str, before: &TargetTable, after: &TargetTable, remarks: &mut Remarks<'_>) {
    let [old, new] = [before, after].map(|table| named(table.mirrors.as_ref()));
    for (mirror, (header, prefix)) in &new {
        match old.get(mirror) {
            Some((_, known)) if known.value == prefix.value => {}
            Some((_, known)) => {
                let message = format!(
                    "target `{name}`: mirror `{mirror}` goes from {} to {}",
                    known.value, prefix.value
                );
                let finding = Finding::warning(code::PREFIX_CHANGED, message).help(
                    "every image is copied there; what stands at the old place stays, and nothing repairs it any more",
                );
                remarks.at(&LANDFALL.into(), prefix.at, finding);
            }
            None => {
                let message = format!("target `{name}`: mirror `{mirror}` is new: {}", prefix.value);
                let finding =
                    Finding::warning(code::MIRROR_ADDED, message).help("every image of the target is copied there");
                remarks.at(&LANDFALL.into(), header.at, finding);
            }
        }
    }
    for (mirror, (header, prefix)) in &old {
        if !new.contains_key(mirror) {
            let message = format!("target `{name}`: mirror `{mirror}` is removed: {}", prefix.value);
            let finding = Finding::warning(code::MIRROR_REMOVED, message)
                .help("its images stay where they are, and nothing repairs them any more");
            remarks.gone(&LANDFALL.into(), header.at, finding);
        }
    }
}
