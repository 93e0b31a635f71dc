//! What the log says of each step when it ends.

use super::outcome::Outcome;
use super::view::UnitView;
use crate::model::{EndpointIndex, Slot};
use crate::plan::{Action, Reason, Step};

/// One line for each step at each endpoint. What stood in production and was not declared there is a warning, done or not:
/// nobody else will ever see it again.
pub(super) fn ended(view: &UnitView, step: &Step, endpoint: EndpointIndex, outcome: &Outcome) {
    let what = name(view, step);
    let what = what.as_str();
    let at = match step.action {
        Action::Sign => None,
        _ => Some(&*view.target.endpoint(endpoint).name),
    };
    let because = step.because.as_str();
    let displaced = match (&step.action, step.because) {
        (Action::Tag { digest, replaces, .. }, Reason::Drift | Reason::Adopted) => {
            replaces.map(|from| format!("from {from} to {digest}"))
        }
        _ => None,
    };
    match (outcome, displaced) {
        (Outcome::Done { .. }, Some(moved)) => {
            tracing::warn!(at, because, "put back: {what}, {moved}");
        }
        (Outcome::Done { .. }, None) => tracing::info!(at, because, "done: {what}"),
        (Outcome::Failed { obstacle } | Outcome::Uncertain { obstacle } | Outcome::Stale { obstacle }, moved) => {
            let moved = moved.map(|moved| format!(", {moved}")).unwrap_or_default();
            let kind = obstacle.kind.name();
            tracing::warn!(at, because, kind, error = %obstacle, "not done: {what}{moved}");
        }
        (Outcome::Skipped, _) => tracing::debug!(at, because, "left for later: {what}"),
        (Outcome::Cancelled, _) => tracing::debug!(at, because, "stopped before: {what}"),
    }
}

/// `copy production/dns/coredns@sha256:…`, `attach signature (bundle) of …`, `tag production/dns/coredns:v1`.
fn name(view: &UnitView, step: &Step) -> String {
    let verb = step.action.verb();
    let image = format!("{}/{}@{}", view.target.name, view.path, view.digest);
    match (&step.action, step.node.slot) {
        (Action::Tag { tag, .. }, _) => match view.tag(*tag) {
            Ok(tag) => format!("tag {}/{}:{tag}", view.target.name, view.path),
            Err(_) => format!("tag {image}"),
        },
        (_, Slot::Signature(form)) => format!("{verb} signature ({form}) of {image}"),
        (_, Slot::Attestation(kind)) => format!("{verb} attestation ({kind}) of {image}"),
        _ => format!("{verb} {image}"),
    }
}
