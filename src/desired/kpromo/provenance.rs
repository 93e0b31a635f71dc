//! `provenance:` of a manifest, kpromo's policy for a project's images.

use crate::desired::code;
use crate::desired::finding::{Finding, Report, quoted, suggestion};
use crate::yaml::Node;

use super::fields::{fields, text};

const MODES: [&str; 3] = ["off", "warn", "require"];

/// Says what of a policy is carried out: nothing yet, so that only what blocks no promotion is let through.
pub(super) fn check(node: &Node<'_>, report: &mut Report) {
    if node.is_null() {
        return;
    }
    let known = [
        "mode",
        "signers",
        "builders",
        "sources",
        "predicateTypes",
        "level",
        "levels",
    ];
    let Some(fields) = fields(node, "a provenance policy", &known, "mode: off", report) else {
        return;
    };
    let Some(mode) = fields.get("mode").filter(|mode| !mode.is_null()) else {
        return;
    };
    match text(mode, "`off`, `warn` or `require`", report) {
        None | Some("off" | "") => {}
        Some("warn") => {
            let message = "provenance is not checked by this version: what kpromo would warn of is not said";
            let finding = Finding::warning(code::UNUSED_KEY, message);
            report.add(mode.at, finding.help("promotions go on as they do with kpromo"));
        }
        Some("require") => {
            let finding = Finding::unsupported("provenance mode `require`");
            report.add(
                mode.at,
                finding.help("this version supports `off`, and `warn` without its warnings"),
            );
        }
        Some(other) => {
            let finding = Finding::error(code::UNKNOWN_VALUE, format!("{} is no provenance mode", quoted(other)));
            report.add(mode.at, finding.help(suggestion(other, MODES)));
        }
    }
}
