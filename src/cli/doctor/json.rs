//! An examination for programs.

use serde_json::{Map, Value, json};

use crate::doctor::{Examination, evidence};
use crate::model::KnownBy;

pub fn json(examination: &Examination) -> Value {
    let checks = examination
        .checks
        .iter()
        .map(|check| json!({ "topic": check.topic, "outcome": check.outcome.as_str(), "text": check.text }));
    let capabilities: Map<String, Value> = examination
        .capabilities
        .iter()
        .map(|(capability, knowledge)| {
            let (source, at) = match knowledge.known_by {
                KnownBy::Declared => ("declared", None),
                KnownBy::Probed => ("probed", None),
                KnownBy::Remembered(at) => ("remembered", Some(at)),
            };
            let mut value = json!({
                "answer": knowledge.ability.as_str(),
                "source": source,
                "evidence": evidence(knowledge),
            });
            if let Some(at) = at {
                value["at"] = json!(at);
            }
            (capability.to_string(), value)
        })
        .collect();
    let contradictions = examination.contradictions.iter().map(|found| {
        json!({
            "capability": found.capability,
            "believed": found.believed.ability.as_str(),
            "declared": found.believed.known_by == KnownBy::Declared,
            "shown": found.shown.ability.as_str(),
        })
    });
    let conclusions = examination
        .conclusions
        .iter()
        .map(|conclusion| json!({ "kind": conclusion.kind.as_str(), "text": conclusion.text }));
    let trial = examination.trial.as_ref().map(|trial| {
        let left = trial
            .left
            .iter()
            .map(|(place, why)| json!({ "place": place, "why": why }));
        json!({ "repository": trial.scratch, "removed": trial.removed, "left": left.collect::<Vec<_>>() })
    });
    json!({
        "schemaVersion": 1,
        "prefix": examination.prefix.to_string(),
        "checks": checks.collect::<Vec<_>>(),
        "capabilities": capabilities,
        "minimumChunk": examination.capabilities.minimum_chunk,
        "contradictions": contradictions.collect::<Vec<_>>(),
        "conclusions": conclusions.collect::<Vec<_>>(),
        "trial": trial,
        "interrupted": examination.interrupted,
    })
}
