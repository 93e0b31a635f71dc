//! Who this process is to the platform it runs on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::kept::{Kept, Lease};
use super::service::Services;
use super::{aws, azure, github, google};
use crate::config::{Environment, Platform};
use crate::http::ClientOptions;
use crate::model::{Prefix, Registry};
use crate::registry::{CredentialSource, Credentials, CredentialsFuture, RefusedFuture};

/// A platform, and the registry where each has tokens of its own.
type Whom = (Platform, Option<Registry>);

/// The identities that were asked for, shared by all prefixes. No platform is asked before one is configured and used.
pub(super) struct Ambient {
    services: Services,
    environment: Environment,
    kept: Mutex<HashMap<Whom, Arc<Kept>>>,
}

impl Ambient {
    pub(super) fn new(environment: Environment, client: ClientOptions) -> Self {
        Self {
            services: Services::new(client),
            environment,
            kept: Mutex::default(),
        }
    }

    fn kept(&self, platform: Platform, registry: &Registry) -> Arc<Kept> {
        let registry = match platform {
            Platform::Aws | Platform::Azure => Some(registry.clone()),
            // One token for all.
            Platform::Google | Platform::Github => None,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry((platform, registry)).or_default())
    }

    async fn ask(&self, platform: Platform, registry: &Registry, plain_http: bool) -> Result<Lease, String> {
        let (services, environment, now) = (&self.services, &self.environment, Timestamp::now());
        match platform {
            Platform::Aws => aws::login(services, environment, registry, now).await,
            Platform::Google => google::login(services, environment, now).await,
            Platform::Azure => azure::login(services, environment, registry, plain_http, now).await,
            Platform::Github => github::login(environment),
        }
    }
}

/// One platform's identity for the registries below a prefix.
pub(super) struct AmbientSource {
    ambient: Arc<Ambient>,
    platform: Platform,
    plain_http: bool,
}

impl AmbientSource {
    pub(super) fn new(ambient: Arc<Ambient>, platform: Platform, plain_http: bool) -> Self {
        Self {
            ambient,
            platform,
            plain_http,
        }
    }
}

impl CredentialSource for AmbientSource {
    fn credentials<'a>(&'a self, place: &'a Prefix) -> CredentialsFuture<'a> {
        Box::pin(async move {
            let kept = self.ambient.kept(self.platform, &place.registry);
            kept.get(|| self.ambient.ask(self.platform, &place.registry, self.plain_http))
                .await
        })
    }

    fn refused<'a>(&'a self, place: &'a Prefix, credentials: &'a Credentials) -> RefusedFuture<'a> {
        Box::pin(async move {
            self.ambient
                .kept(self.platform, &place.registry)
                .refused(credentials)
                .await;
        })
    }
}
