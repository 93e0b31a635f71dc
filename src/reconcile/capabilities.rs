//! What registries have shown that they can do, remembered for a time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cache::Cache;
use crate::model::{Capabilities, Capability, Contradiction, Knowledge, KnownBy, Prefix, Remembered};

/// Registries learn with their upgrades, and are configured anew: what one showed longer ago counts no more.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is known of registries without asking them.
pub trait KnownCapabilities: fmt::Debug + Send + Sync {
    /// What the registry can do everywhere below `place`.
    fn below(&self, place: &Prefix, now: Timestamp) -> Capabilities;
}

impl KnownCapabilities for Cache {
    /// What it showed there, else what it showed at the longest prefix above.
    fn below(&self, place: &Prefix, now: Timestamp) -> Capabilities {
        let mut capabilities = Capabilities::default();
        for above in place.lineage() {
            let shown = self.capabilities(&above, now);
            capabilities.minimum_chunk = shown.minimum_chunk.or(capabilities.minimum_chunk);
            for (capability, knowledge) in shown.iter() {
                capabilities.learn(capability, knowledge.clone());
            }
        }
        capabilities
    }
}

/// One row of the cache: what one prefix showed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    known: BTreeMap<Capability, Remembered>,
    #[serde(default)]
    minimum_chunk: Option<u64>,
}

impl Cache {
    /// What the registry at `place` has shown within [`LIFETIME`] before `now`.
    #[must_use]
    pub fn capabilities(&self, place: &Prefix, now: Timestamp) -> Capabilities {
        let row = self.row(place, now);
        let known = row.known.into_iter().map(|(capability, remembered)| {
            let knowledge = Knowledge {
                known_by: KnownBy::Remembered(remembered.at),
                ..Knowledge::probed(remembered.able, remembered.evidence)
            };
            (capability, knowledge)
        });
        let mut capabilities: Capabilities = known.collect();
        capabilities.minimum_chunk = row.minimum_chunk;
        capabilities
    }

    /// Remembers what has just been shown, in the place of what is remembered, and returns what that contradicts. What
    /// was not told leaves what is remembered as it is.
    pub fn remember(
        &self,
        place: &Prefix,
        shown: &[(Capability, Knowledge)],
        minimum_chunk: Option<u64>,
        now: Timestamp,
    ) -> Vec<Contradiction> {
        let mut believed = self.capabilities(place, now);
        let mut row = self.row(place, now);
        let mut contradictions = Vec::new();
        for (capability, knowledge) in shown {
            contradictions.extend(believed.learn(*capability, knowledge.clone()));
            if let Some(able) = knowledge.ability.known() {
                let remembered = Remembered {
                    able,
                    evidence: knowledge.evidence.clone(),
                    at: now,
                };
                row.known.insert(*capability, remembered);
            }
        }
        row.minimum_chunk = minimum_chunk.or(row.minimum_chunk);
        if let Ok(content) = serde_json::to_vec(&row) {
            self.put(&key(place), &content);
        }
        for contradiction in &contradictions {
            tracing::warn!(
                %place,
                capability = %contradiction.capability,
                remembered = contradiction.believed.ability.as_str(),
                shown = contradiction.shown.ability.as_str(),
                "the registry shows something else than before"
            );
        }
        contradictions
    }

    fn row(&self, place: &Prefix, now: Timestamp) -> Row {
        let mut row: Row = self
            .get(&key(place))
            .and_then(|content| serde_json::from_slice(&content).ok())
            .unwrap_or_default();
        // What comes from the future was written under another clock.
        row.known.retain(|_, remembered| {
            Duration::try_from(now.duration_since(remembered.at)).is_ok_and(|age| age < LIFETIME)
        });
        if row.known.is_empty() {
            row.minimum_chunk = None;
        }
        row
    }
}

fn key(place: &Prefix) -> String {
    format!("capabilities {place}")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn place() -> Prefix {
        "example.com/team".parse().unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap() + Duration::from_secs(seconds)
    }

    fn mounts(able: bool) -> [(Capability, Knowledge); 1] {
        [(Capability::Mount, Knowledge::probed(able, "said so"))]
    }

    #[test]
    fn what_was_shown_survives_a_restart_and_belongs_to_its_prefix() {
        let folder = TempDir::new().unwrap();
        Cache::open(folder.path(), 1 << 20).remember(&place(), &mounts(false), Some(5), at(0));
        let cache = Cache::open(folder.path(), 1 << 20);
        let remembered = cache.capabilities(&place(), at(60));
        let mount = remembered.of(Capability::Mount).unwrap();
        assert_eq!(
            (mount.known_by, mount.evidence.as_str()),
            (KnownBy::Remembered(at(0)), "said so")
        );
        assert_eq!(
            (remembered.can(Capability::Mount), remembered.minimum_chunk),
            (Some(false), Some(5))
        );
        let elsewhere = "example.com".parse().unwrap();
        assert_eq!(cache.capabilities(&elsewhere, at(60)), Capabilities::default());
    }

    #[test]
    fn what_was_shown_above_counts_where_nothing_else_was_shown_below() {
        let cache = Cache::in_memory(1 << 20);
        let prefix = |text: &str| -> Prefix { text.parse().unwrap() };
        let index = |able| [(Capability::OciIndex, Knowledge::probed(able, ""))];
        cache.remember(&prefix("example.com"), &mounts(false), None, at(0));
        cache.remember(&prefix("example.com"), &index(false), None, at(0));
        cache.remember(&prefix("example.com/team"), &index(true), None, at(0));
        let below = |text| {
            let known = cache.below(&prefix(text), at(1));
            (known.can(Capability::Mount), known.can(Capability::OciIndex))
        };
        assert_eq!(below("example.com/team/app"), (Some(false), Some(true)));
        assert_eq!(below("example.com/teams"), (Some(false), Some(false)));
        assert_eq!(below("other.example.com/team"), (None, None));
    }

    #[test]
    fn what_has_expired_or_comes_from_the_future_is_asked_again() {
        let cache = Cache::in_memory(1 << 20);
        cache.remember(&place(), &mounts(true), None, at(1_000));
        let knows = |now| cache.capabilities(&place(), now).can(Capability::Mount).is_some();
        assert!(knows(at(1_000)) && knows(at(1_000 + LIFETIME.as_secs() - 1)));
        assert!(!knows(at(1_000 + LIFETIME.as_secs())) && !knows(at(999)));
    }

    #[test]
    fn a_registry_that_contradicts_itself_is_believed_at_once() {
        let cache = Cache::in_memory(1 << 20);
        assert_eq!(cache.remember(&place(), &mounts(true), None, at(0)), []);
        assert_eq!(cache.remember(&place(), &mounts(false), None, at(1)).len(), 1);
        assert_eq!(cache.capabilities(&place(), at(2)).can(Capability::Mount), Some(false));
    }

    #[test]
    fn an_answer_that_does_not_tell_leaves_what_is_remembered() {
        let cache = Cache::in_memory(1 << 20);
        cache.remember(&place(), &mounts(true), Some(7), at(0));
        let silent = [(Capability::Mount, Knowledge::unknown("429"))];
        assert_eq!(cache.remember(&place(), &silent, None, at(1)), []);
        let remembered = cache.capabilities(&place(), at(2));
        assert_eq!(
            remembered.of(Capability::Mount).unwrap().known_by,
            KnownBy::Remembered(at(0))
        );
        assert_eq!(remembered.minimum_chunk, Some(7));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_none() {
        let cache = Cache::in_memory(1 << 20);
        cache.put(
            &key(&place()),
            br#"{"known":{"teleport":{"able":true,"at":"1970-01-01T00:00:00Z"}}}"#,
        );
        assert_eq!(cache.capabilities(&place(), at(0)), Capabilities::default());
    }
}
