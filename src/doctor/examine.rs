//! From a prefix to everything that can be found out about it.

use jiff::Timestamp;

use super::DoctorError;
use super::examination::{Check, Examination, Outcome, Showing, TrialReport, failed};
use super::identity::{self, Purpose};
use super::trial::{Trial, TrialOutcome};
use super::{reaching, reading, verdict};
use crate::assembly::{self, AllowedRegistries, KnownRegistries};
use crate::credentials::Sources;
use crate::execute::Stop;
use crate::http::ClientOptions;
use crate::model::{Capability, Contradiction, Knowledge, Prefix, Repository, RepositoryPath};
use crate::reconcile::KnownCapabilities as _;
use crate::registry::RegistryError;

/// One examination.
pub struct Examiner<'a> {
    pub known: &'a KnownRegistries,
    pub prefix: &'a Prefix,
    /// Names the scratch repository; without one nothing is written.
    pub nonce: Option<&'a str>,
    pub now: Timestamp,
    pub stop: &'a Stop,
}

impl Examiner<'_> {
    /// # Errors
    /// Where `allow-writes` does not cover what was to be tried, or the configuration cannot be used.
    pub async fn examine(&self) -> Result<Examination, DoctorError> {
        if self.nonce.is_some() {
            self.known.config.may_write_below(self.prefix)?;
        }
        let registries = assembly::registries(&self.known.config)?;
        let place = self.place();
        let mut examination = Examination {
            prefix: self.prefix.clone(),
            checks: self.before(&place).await,
            capabilities: self.known.below(self.prefix, self.now),
            contradictions: Vec::new(),
            trial: None,
            conclusions: Vec::new(),
            interrupted: false,
        };
        match self.reach(&registries, &place).await {
            Err(error) => {
                examination.checks.push(failed("answers", &error));
                self.describe_identity(&mut examination.checks, &place).await;
            }
            Ok(checks) => {
                examination.checks.extend(checks);
                self.describe_identity(&mut examination.checks, &place).await;
                tokio::select! {
                    (check, learnt) = reading::look(&registries, self.prefix, &place, &self.known.config.limits) => {
                        examination.checks.push(check);
                        self.learn(&mut examination, learnt, None);
                    }
                    () = self.stop.drained() => examination.interrupted = true,
                }
                let granted = match registries.for_reading(&place) {
                    Ok(registry) => registry.granted(&place, false).await,
                    Err(error) => Err(error),
                };
                examination.checks.extend(identity::token(granted, Purpose::Reading));
                let mut showing = Showing::default();
                if let Some(nonce) = self.nonce.filter(|_| !examination.interrupted) {
                    showing = self.try_writing(&registries, nonce, &mut examination).await;
                }
                examination.conclusions = verdict::conclusions(self.prefix, &examination.capabilities, showing);
            }
        }
        Ok(examination)
    }

    /// The prefix as a repository; below a whole registry one that need not exist.
    fn place(&self) -> Repository {
        match self.prefix.path().parse::<RepositoryPath>() {
            Ok(path) => Repository::new(self.prefix.registry.clone(), path),
            Err(_) => self.prefix.join(
                &"landfall-doctor"
                    .parse()
                    .expect("letters and a dash are a repository's name"),
            ),
        }
    }

    async fn before(&self, place: &Repository) -> Vec<Check> {
        let registry = &self.prefix.registry;
        vec![
            reaching::name(registry).await,
            reaching::proxy(registry, &self.known.config.environment),
            reaching::tls(&self.known.config, place),
        ]
    }

    async fn describe_identity(&self, checks: &mut Vec<Check>, place: &Repository) {
        let sources = Sources::new(self.known.config.environment.clone(), ClientOptions::default());
        for purpose in [Purpose::Reading, Purpose::Writing] {
            checks.push(identity::credentials(&self.known.config, &sources, place, purpose).await);
        }
    }

    async fn reach(&self, registries: &AllowedRegistries, place: &Repository) -> Result<Vec<Check>, RegistryError> {
        let greeting = registries.for_reading(place)?.greeting(place).await?;
        if greeting.challenged {
            let text = "/v2/ is there, and wants credentials; none are configured for reading";
            return Ok(vec![Check::new("answers", Outcome::Note, text)]);
        }
        Ok(vec![
            Check::new("answers", Outcome::Fine, "/v2/ answers as a registry does"),
            reaching::clock(&greeting, Timestamp::now()),
            reaching::quota(&greeting),
        ])
    }

    /// Takes note of what was shown, here and in the cache.
    fn learn(&self, examination: &mut Examination, learnt: Vec<(Capability, Knowledge)>, minimum_chunk: Option<u64>) {
        self.known.cache.remember(self.prefix, &learnt, minimum_chunk, self.now);
        let capabilities = &mut examination.capabilities;
        capabilities.minimum_chunk = minimum_chunk.or(capabilities.minimum_chunk);
        for (capability, knowledge) in learnt {
            let contradiction: Option<Contradiction> = capabilities.learn(capability, knowledge);
            examination.contradictions.extend(contradiction);
        }
    }

    async fn try_writing(&self, registries: &AllowedRegistries, nonce: &str, examination: &mut Examination) -> Showing {
        let trial = Trial::new(registries, self.prefix, nonce);
        tokio::select! {
            () = trial.run() => {}
            () = self.stop.drained() => examination.interrupted = true,
        }
        let scratch = trial.scratch.clone();
        let outcome = tokio::select! {
            outcome = trial.clean_up() => outcome,
            // Told twice: whoever asks may look there.
            () = self.stop.cancelled() => {
                examination.interrupted = true;
                examination.trial = Some(TrialReport {
                    left: vec![(scratch.to_string(), "interrupted while cleaning up".to_owned())],
                    scratch: scratch.to_string(),
                    ..TrialReport::default()
                });
                return Showing::default();
            }
        };
        let TrialOutcome {
            learnt,
            minimum_chunk,
            stopped,
            showing,
            report,
        } = outcome;
        self.learn(examination, learnt, minimum_chunk);
        match stopped {
            Some(error) => examination.checks.push(failed("writes", &error)),
            None if !examination.interrupted => {
                let text = format!("a blob and its manifests were taken in {scratch}");
                examination.checks.push(Check::new("writes", Outcome::Fine, text));
            }
            None => {}
        }
        let granted = match registries.for_writing(&scratch) {
            Ok(registry) => registry.granted(&scratch, true).await,
            Err(error) => Err(error),
        };
        examination.checks.extend(identity::token(granted, Purpose::Writing));
        examination.trial = Some(report);
        showing
    }
}
