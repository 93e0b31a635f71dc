//! The composition root: from the configuration to a repository, its memory, and a reconciler of the world outside.

use std::sync::Arc;

use super::known_registries::KnownRegistries;
use super::{AllowedRegistries, AssemblyError, Opening, registries, repository, signers};
use crate::config::Config;
use crate::execute::{AssembledWorld, SystemClock};
use crate::reconcile::cache::Cache;
use crate::reconcile::state::State;
use crate::reconcile::{Reconciler, Settings, StateJournal};
use crate::signing::ConfiguredSigners;
use crate::source::Repository;

/// What the cache may hold: about 500,000 verdicts.
pub const CACHE_BYTES: u64 = 256 << 20;

/// The world outside.
pub type RealWorld = AssembledWorld<AllowedRegistries, ConfiguredSigners, StateJournal, SystemClock>;

/// An opened repository with the memory and the reconciler that go with it.
pub struct Session {
    pub config: Arc<Config>,
    pub source: Arc<Repository>,
    pub state: Arc<State>,
    pub reconciler: Reconciler<RealWorld, Repository>,
}

impl Session {
    /// Opens the repository of this name, as [`repository`] does, and what the configuration says goes with it.
    ///
    /// # Errors
    /// Where the repository or the state cannot be opened, or the configuration cannot be used.
    pub fn assemble(named: Option<&str>, config: Arc<Config>, opening: Opening<'_>) -> Result<Self, AssemblyError> {
        let source = Arc::new(repository(named, &config, opening)?);
        let state = Arc::new(State::open(&config.storage.state)?);
        let world = AssembledWorld {
            registry: registries(&config)?,
            signers: signers(&config)?,
            journal: StateJournal::new(Arc::clone(&state)),
            clock: SystemClock,
        };
        let cache = Arc::new(Cache::open(&config.storage.cache, CACHE_BYTES));
        let defaults = Settings::default();
        let settings = Settings {
            git_url: match source.remote() {
                Some(remote) => remote.url().to_string(),
                None => named
                    .map(str::to_owned)
                    .or_else(|| config.git.url.clone())
                    .unwrap_or_else(|| source.name()),
            }
            .into(),
            limits: config.limits,
            requests_per_pass: config
                .work
                .requests_per_pass
                .map_or(defaults.requests_per_pass, |requests| requests as u64),
            capabilities: Some(Arc::new(KnownRegistries {
                config: Arc::clone(&config),
                cache: Arc::clone(&cache),
            })),
            verdicts: Some(cache),
            ..defaults
        };
        let reconciler = Reconciler::new(Arc::new(world), Arc::clone(&source), Arc::clone(&state), settings)?;
        Ok(Self {
            config,
            source,
            state,
            reconciler,
        })
    }
}
