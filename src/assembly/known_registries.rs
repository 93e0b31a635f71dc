//! What registries can do, as the configuration declares it or as they showed it before.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::model::{Capabilities, Knowledge, Prefix};
use crate::reconcile::KnownCapabilities;
use crate::reconcile::cache::Cache;

/// The configuration, and beside it the cache.
#[derive(Debug)]
pub struct KnownRegistries {
    pub config: Arc<Config>,
    pub cache: Arc<Cache>,
}

impl KnownCapabilities for KnownRegistries {
    fn below(&self, place: &Prefix, now: Timestamp) -> Capabilities {
        let mut capabilities = self.cache.below(place, now);
        let declared = self.config.registry_below(place).map(|settings| &settings.capabilities);
        for (capability, able) in declared.into_iter().flatten() {
            capabilities.learn(*capability, Knowledge::declared(*able));
        }
        capabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::model::{Capability, KnownBy};

    #[test]
    fn what_is_declared_beats_what_was_shown() {
        let text = "[storage]\nstate = \"/nonexistent\"\ncache = \"/nonexistent\"\n\
                    [registries.\"example.com\"]\ncapabilities = { mount = false }\n";
        let config = Config::parse(
            text,
            "/etc/landfall/config.toml".as_ref(),
            Environment::Fixed([].into()),
        );
        let known = KnownRegistries {
            config: Arc::new(config.unwrap()),
            cache: Arc::new(Cache::in_memory(1 << 20)),
        };
        let (place, now) = ("example.com/team".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let shown = [Capability::Mount, Capability::Referrers].map(|one| (one, Knowledge::probed(true, "")));
        known.cache.remember(&place, &shown, None, now);
        let below = known.below(&place, now);
        let told = |capability| {
            below
                .of(capability)
                .map(|known| (known.ability.known(), known.known_by))
        };
        assert_eq!(told(Capability::Mount), Some((Some(false), KnownBy::Declared)));
        assert_eq!(
            told(Capability::Referrers),
            Some((Some(true), KnownBy::Remembered(now)))
        );
        assert_eq!(told(Capability::Catalog), None);
    }
}
