//! Signers, their keys, and policies, compared.

use crate::desired::code;
use crate::desired::finding::Finding;
use crate::desired::keys;
use crate::desired::landfall_file::{PolicyTable, SignerTable};
use crate::desired::position::Position;
use crate::desired::scalar::KeyPath;
use crate::model::{PolicyMode, SignatureForm, Tree};

use super::named::{ByName, LANDFALL};
use super::remarks::Remarks;
use super::settings::{Table, values};

const REPLACED: &str = "everything it signed is signed anew, unless the old key is listed in `previous`; those who verify \
                        have to know the new key beforehand";

/// The two trees hold the keys.
pub(super) fn compare(
    before: &ByName<'_, SignerTable>,
    after: &ByName<'_, SignerTable>,
    (old, new): (&Tree, &Tree),
    remarks: &mut Remarks<'_>,
) {
    for (name, (header, known)) in before {
        let Some((now, table)) = after.get(name) else {
            let finding = Finding::warning(code::SIGNER_REMOVED, format!("signer `{name}` is removed"))
                .help("what it signed no longer counts");
            remarks.gone(&LANDFALL.into(), header.at, finding);
            continue;
        };
        public_key(name, known, table, (old, new), remarks);
        previous(name, known, table, (old, new), remarks);
        let formats = |table: &SignerTable| match &table.formats {
            Some(list) => values(Some(&list.value)),
            None => SignatureForm::DEFAULT.to_vec(),
        };
        Table {
            what: format!("signer `{name}`"),
            at: now.at,
            remarks,
        }
        .lost(
            "formats",
            &formats(known),
            &formats(table),
            table.formats.as_ref().map(|list| list.at),
            "those who verify with a client that knows only this form find no signature any more",
        );
    }
}

fn der(tree: &Tree, path: &KeyPath) -> Option<Vec<u8>> {
    keys::read(tree, &path.0).ok().map(|key| key.der)
}

fn public_key(
    name: &str,
    before: &SignerTable,
    after: &SignerTable,
    (old, new): (&Tree, &Tree),
    remarks: &mut Remarks<'_>,
) {
    let (from, to) = (&before.public_key.value, &after.public_key.value);
    if der(old, from) == der(new, to) {
        return;
    }
    let finding = |message| Finding::warning(code::KEY_REPLACED, message).help(REPLACED);
    if from == to {
        let message = format!("the public key of signer `{name}` is another one");
        remarks.at(&to.0, Position::START, finding(message));
    } else {
        let message = format!("signer `{name}` has another public key: {to} instead of {from}");
        remarks.at(&LANDFALL.into(), after.public_key.at, finding(message));
    }
}

fn previous(
    name: &str,
    before: &SignerTable,
    after: &SignerTable,
    (old, new): (&Tree, &Tree),
    remarks: &mut Remarks<'_>,
) {
    let trusted = |table: &SignerTable, tree: &Tree| -> Vec<Vec<u8>> {
        let previous = table.previous.iter().flatten().chain([&table.public_key]);
        previous.filter_map(|path| der(tree, &path.value)).collect()
    };
    let (known, now) = (trusted(before, old), trusted(after, new));
    for path in after.previous.iter().flatten() {
        if der(new, &path.value).is_some_and(|key| !known.contains(&key)) {
            let message = format!("signatures by {} count as those of signer `{name}`", path.value);
            let finding = Finding::warning(code::KEY_TRUSTED, message)
                .help("it is a key that this signer never had: whoever holds it can make signatures that count");
            remarks.at(&LANDFALL.into(), path.at, finding);
        }
    }
    for path in before.previous.iter().flatten() {
        if der(old, &path.value).is_some_and(|key| !now.contains(&key)) {
            let message = format!(
                "signatures by {} no longer count as those of signer `{name}`",
                path.value
            );
            let finding = Finding::warning(code::KEY_RETIRED, message).help("what only that key signed is signed anew");
            remarks.gone(&LANDFALL.into(), path.at, finding);
        }
    }
}

pub(super) fn compare_policies(
    before: &ByName<'_, PolicyTable>,
    after: &ByName<'_, PolicyTable>,
    remarks: &mut Remarks<'_>,
) {
    for (name, (header, known)) in before {
        let Some((now, table)) = after.get(name) else {
            let finding = Finding::warning(code::POLICY_REMOVED, format!("policy `{name}` is removed"))
                .help("what it asked for is no longer asked");
            remarks.gone(&LANDFALL.into(), header.at, finding);
            continue;
        };
        let mut compared = Table {
            what: format!("policy `{name}`"),
            at: now.at,
            remarks,
        };
        compared.ordered(
            (code::POLICY_WEAKENED, "signature.mode"),
            Some(&known.signature.mode),
            Some(&table.signature.mode),
            PolicyMode::Off,
            "sources that do not meet it are then promoted",
        );
    }
}
