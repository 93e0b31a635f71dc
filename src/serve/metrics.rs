//! Metrics in OpenMetrics text: what was counted since the start, and how things stand at the moment of the scrape. Labels
//! are target, endpoint and kinds, never an image, a tag or a digest: their number would grow with the registries.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::model::{Answers, Report, Status, StepReport, StepResult};

/// What [`Metrics::text`] is, for the `Content-Type` header.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStep {
    target: String,
    action: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTarget {
    target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEndpoint {
    target: String,
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCause {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCondition {
    target: String,
    r#type: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfActivity {
    kind: &'static str,
}

/// What is counted from the start of the process on.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    steps: Family<OfStep, Counter>,
    drift: Family<OfTarget, Counter>,
    repaired: Family<OfTarget, Counter>,
    signatures: Family<OfTarget, Counter>,
    requests: Counter,
    follow_errors: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("landfall");
        let (steps, drift, repaired) = (Family::default(), Family::default(), Family::default());
        let (signatures, requests, follow_errors) = (Family::default(), Counter::default(), Counter::default());
        registry.register("steps", "Steps that ended at an endpoint", Family::clone(&steps));
        registry.register(
            "drift",
            "Places at an endpoint that were found missing or moved behind landfall's back",
            Family::clone(&drift),
        );
        registry.register(
            "repairs",
            "Of these, those that were put right",
            Family::clone(&repaired),
        );
        registry.register(
            "signatures",
            "Signatures and attestations made",
            Family::clone(&signatures),
        );
        registry.register("look_requests", "Requests sent to look at registries", requests.clone());
        registry.register(
            "follow_errors",
            "Times that the branch could not be followed to its head",
            follow_errors.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", build);
        Self {
            registry,
            steps,
            drift,
            repaired,
            signatures,
            requests,
            follow_errors,
        }
    }
}

impl Metrics {
    /// Counts what was done since the last report.
    pub fn count(&self, report: &Report) {
        self.requests.inc_by(report.requests);
        for step in &report.steps {
            self.count_step(step);
        }
    }

    /// The branch could not be followed to its head.
    pub fn count_follow_error(&self) {
        self.follow_errors.inc();
    }

    fn count_step(&self, step: &StepReport) {
        let result = match step.result {
            StepResult::Done => "done",
            StepResult::Stale => "stale",
            StepResult::Failed => "failed",
            StepResult::Uncertain => "uncertain",
            StepResult::Skipped => "skipped",
            StepResult::Cancelled => "cancelled",
            StepResult::Withheld => "withheld",
        };
        // A node's name begins with its target's.
        let target = step.node.split('/').next().unwrap_or_default().to_owned();
        let of_target = OfTarget { target: target.clone() };
        let is_done = step.result == StepResult::Done;
        if matches!(step.because, "missing" | "drift") {
            self.drift.get_or_create(&of_target).inc();
            if is_done {
                self.repaired.get_or_create(&of_target).inc();
            }
        }
        if step.action == "sign" && is_done {
            self.signatures.get_or_create(&of_target).inc();
        }
        let of_step = OfStep {
            target,
            action: step.action,
            result,
        };
        self.steps.get_or_create(&of_step).inc();
    }

    /// All of it as text, with how things stand now.
    ///
    /// # Errors
    /// Never in practice: a text grows.
    pub fn text(&self, status: &Status) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &standing(status))?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// How things stand, as gauges made for this one scrape: what is gone from the manifests is gone from the metrics.
fn standing(status: &Status) -> Registry {
    let mut registry = Registry::with_prefix("landfall");
    let (images, desired, stalled) = (Family::default(), Family::default(), Family::default());
    let (at_endpoint, desired_at_endpoint, up) = (Family::default(), Family::default(), Family::default());
    let (due, unseen, withheld) = (Family::default(), Family::default(), Family::default());
    let conditions = Family::<OfCondition, Gauge>::default();
    for target in &status.targets {
        let of = OfTarget {
            target: target.name.clone(),
        };
        set(&images, &of, target.images);
        set(&desired, &of, target.as_desired);
        set(&due, &of, target.due);
        set(&unseen, &of, target.open_questions);
        set(&withheld, &of, target.withheld);
        set(&stalled, &of, target.stalled);
        for endpoint in &target.endpoints {
            let of = OfEndpoint {
                target: target.name.clone(),
                endpoint: endpoint.name.clone(),
            };
            set(&at_endpoint, &of, endpoint.images);
            set(&desired_at_endpoint, &of, endpoint.as_desired);
            if endpoint.answers != Answers::NotAsked {
                set(&up, &of, usize::from(endpoint.answers == Answers::Yes));
            }
        }
        for condition in &target.conditions {
            for state in ["True", "False", "Unknown"] {
                let of = OfCondition {
                    target: target.name.clone(),
                    r#type: condition.kind.as_str(),
                    status: state,
                };
                conditions
                    .get_or_create(&of)
                    .set(i64::from(condition.status.as_str() == state));
            }
        }
    }
    registry.register("images", "Images that are wanted", images);
    registry.register(
        "images_as_desired",
        "Of these, those as desired wherever wanted",
        desired,
    );
    registry.register("steps_due", "Steps that are due, each once an endpoint", due);
    registry.register("open_questions", "Places that were not looked at yet", unseen);
    registry.register("steps_withheld", "Steps that are due and only reported", withheld);
    registry.register(
        "causes_stalled",
        "Root causes in the way that only a person lifts",
        stalled,
    );
    registry.register("endpoint_images", "Images that are wanted at the endpoint", at_endpoint);
    registry.register(
        "endpoint_images_as_desired",
        "Of these, those known to stand there with signatures, attestations and tags",
        desired_at_endpoint,
    );
    registry.register("endpoint_up", "Whether the endpoint answered when last asked", up);
    registry.register(
        "condition",
        "Conditions of a target: 1 for the status that holds",
        conditions,
    );
    registry.register("blocked", "Root causes in the way, by kind", blocked(status));
    registry.register("activity", "What goes on", activity(status));
    register_times(&mut registry, status);
    registry
}

fn blocked(status: &Status) -> Family<OfCause, Gauge> {
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    for blocked in status.standing.iter().flat_map(|standing| &standing.blocked) {
        *kinds.entry(blocked.kind).or_default() += 1;
    }
    let family = Family::default();
    for (kind, count) in kinds {
        set(&family, &OfCause { kind }, count);
    }
    family
}

fn activity(status: &Status) -> Family<OfActivity, Gauge> {
    let family = Family::default();
    for (kind, count) in [
        ("look", status.activity.looks),
        ("run", status.activity.runs),
        ("waiting", status.activity.waiting),
    ] {
        set(&family, &OfActivity { kind }, count);
    }
    family
}

fn register_times(registry: &mut Registry, status: &Status) {
    let mut time = |name: &str, help: &str, at: Timestamp| {
        let gauge = Gauge::<i64>::default();
        gauge.set(at.as_second());
        registry.register_with_unit(name, help, Unit::Seconds, gauge);
    };
    time("start_time", "When the process began to run", status.started);
    if let Some(committed) = status.committed {
        time("commit_time", "When the followed commit was made", committed);
    }
    for (name, help, is) in [
        ("paused", "Whether writes are paused", status.pause.is_some()),
        (
            "branch_followed",
            "Whether the branch could be followed to its head when last looked at",
            status.branch_error.is_none(),
        ),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::from(is));
        registry.register(name, help, gauge);
    }
}

fn set<L: Clone + std::hash::Hash + Eq>(family: &Family<L, Gauge>, labels: &L, value: usize) {
    family
        .get_or_create(labels)
        .set(i64::try_from(value).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{report, status};

    #[test]
    fn what_was_done_and_how_things_stand_is_told_in_openmetrics() {
        let metrics = Metrics::default();
        metrics.count(&report());
        metrics.count_follow_error();
        insta::assert_snapshot!(in_order(&metrics.text(&status()).unwrap()));
    }

    /// The samples of one metric come in any order.
    fn in_order(text: &str) -> String {
        let mut lines: Vec<&str> = text.lines().collect();
        for samples in lines.chunk_by_mut(|one, other| one.starts_with('#') == other.starts_with('#')) {
            if !samples[0].starts_with('#') {
                samples.sort_unstable();
            }
        }
        lines.join("\n")
    }

    #[test]
    fn no_metric_is_labelled_with_an_image_a_tag_or_a_digest() {
        let metrics = Metrics::default();
        metrics.count(&report());
        let text = metrics.text(&status()).unwrap();
        assert!(!text.contains("sha256:") && !text.contains("coredns"), "{text}");
    }
}
