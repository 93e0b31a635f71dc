//! What is allowed to move after all, with the reasons, for a reviewer to read.

use std::collections::BTreeSet;

use crate::desired::code;
use crate::desired::finding::{Finding, quoted};
use crate::desired::landfall_file::LandfallFile;
use crate::desired::ledger::Ledger;

use super::named::LANDFALL;
use super::remarks::Remarks;

pub(super) fn list(before: &LandfallFile, after: &LandfallFile, ledger: &Ledger, remarks: &mut Remarks<'_>) {
    let known: BTreeSet<_> = before
        .retags
        .iter()
        .flatten()
        .map(|retag| (&retag.reference.value, &retag.tag.value, &retag.digest.value))
        .collect();
    for retag in after.retags.iter().flatten() {
        let (reference, tag, digest) = (&retag.reference.value, &retag.tag.value, &retag.digest.value);
        if known.contains(&(reference, tag, digest)) {
            continue;
        }
        let declared = match ledger.declared(reference, tag).last() {
            Some(declaration) => format!("from {}", declaration.digest),
            None => "though it was never declared".to_owned(),
        };
        let finding = Finding::warning(
            code::RETAG,
            format!(
                "{reference}:{tag} may move {declared} to {digest}: {}",
                quoted(&retag.reason.0)
            ),
        )
        .help("whoever pulled this tag before has another image than whoever pulls it then");
        remarks.at(&LANDFALL.into(), retag.reference.at, finding);
    }
}
