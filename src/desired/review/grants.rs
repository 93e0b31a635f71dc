//! What a change may do only because it says so itself.

use crate::desired::code;
use crate::desired::finding::Finding;
use crate::desired::ledger::Ledger;
use crate::desired::position::Position;
use crate::desired::resolve::{Accepted, resolve};
use crate::model::Severity;

use super::remarks::Remarks;
use super::side::Side;

/// What speaks of grants among what can be wrong with claims. That a tag may move is spoken of where it moves.
const OF_GRANTS: [&str; 5] = [
    code::OUTSIDE_GRANTS,
    code::FOREIGN_PATH,
    code::SOURCE_IN_TARGET,
    code::INVALID_CHAIN,
    code::UNKNOWN_ENDPOINT,
];

/// Judges what the newer revision claims by the older one's rules: what these refuse and its own allow, it has granted
/// to itself.
pub(super) fn exceeded(before: &Side<'_>, after: &Side<'_>, ledger: &Ledger, remarks: &mut Remarks<'_>) {
    if before.parsed.configuration.files == after.parsed.configuration.files {
        return;
    }
    let judged = after.parsed.under_the_rules_of(before.parsed);
    let judged = resolve(&judged, &Accepted { ledger }, Some(before.resolved));
    for refused in judged.diagnostics {
        let place = (&refused.file, refused.line, refused.column);
        let stands = after
            .resolved
            .diagnostics
            .iter()
            .any(|known| known.severity == Severity::Error && (&known.file, known.line, known.column) == place);
        if stands || !OF_GRANTS.contains(&refused.code) {
            continue;
        }
        let at = Position {
            line: refused.line,
            column: refused.column,
            length: refused.length,
        };
        let finding = Finding::warning(
            code::OUTSIDE_BASE_GRANTS,
            format!("only this change itself allows it; before it, {}", refused.message),
        );
        remarks.at(
            &refused.file,
            at,
            finding.help("whoever owns landfall.toml has to agree with both, the grant and its use"),
        );
    }
}
