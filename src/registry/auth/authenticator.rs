//! Answering challenges.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::HeaderMap;
use tokio::time::Instant;
use url::Origin;

use super::authorization::{Authorization, By};
use super::bearer::Bearer;
use super::challenge::challenges;
use super::scope::Scopes;
use super::token::{Slot, TokenCache, TokenKey};
use crate::http::HttpClient;
use crate::registry::access::Access;
use crate::registry::credentials::Credentials;
use crate::registry::{ErrorKind, RegistryError};

/// How registries want to be authenticated to, and the tokens got for it.
#[derive(Debug, Default)]
pub(in crate::registry) struct Authenticator {
    /// What each registry last said, so that a cold request goes straight to the token.
    schemes: Mutex<HashMap<Origin, Scheme>>,
    tokens: TokenCache,
}

#[derive(Debug, Clone)]
enum Scheme {
    /// The registry has said that it asks nobody.
    Open,
    Basic,
    Bearer(Arc<Bearer>),
}

impl Authenticator {
    /// What to show, as far as is known before asking.
    pub(in crate::registry) async fn authorization(
        &self,
        http: &HttpClient,
        access: &Access<'_>,
    ) -> Result<Authorization, RegistryError> {
        if let Some(Scheme::Bearer(bearer)) = self.scheme(access) {
            return self.token(http, access, &bearer).await;
        }
        let credentials = access.credentials().await?;
        match (&credentials, self.scheme(access)) {
            (Some(Credentials::Token(_)), _) | (Some(_), Some(Scheme::Basic)) => {
                Authorization::direct(access, credentials.as_ref())
            }
            _ => Ok(Authorization::NOTHING),
        }
    }

    /// Whether the registry has never said how it wants to be authenticated to.
    pub(in crate::registry) fn is_unknown(&self, access: &Access<'_>) -> bool {
        self.scheme(access).is_none()
    }

    /// Remembers what a registry offers to strangers; where it offers nothing that we know, that it asks nobody.
    pub(in crate::registry) fn learn(&self, access: &Access<'_>, headers: &HeaderMap) -> Result<(), RegistryError> {
        let offered = challenges(headers);
        let scheme = match Bearer::offered(access, &offered)? {
            Some(bearer) => Scheme::Bearer(Arc::new(bearer)),
            None if offered.iter().any(|challenge| challenge.scheme == "basic") => Scheme::Basic,
            None => Scheme::Open,
        };
        self.remember(access, scheme);
        Ok(())
    }

    /// What to show after a 401 to `used`; `None` where there is nothing else to show. After one challenge has been
    /// answered already (`again`), only another scheme is, or a token for more than before: the same would be refused
    /// like the one just fetched.
    pub(in crate::registry) async fn answer_challenge(
        &self,
        http: &HttpClient,
        access: &Access<'_>,
        headers: &HeaderMap,
        used: &Authorization,
        again: bool,
    ) -> Result<Option<Authorization>, RegistryError> {
        let offered = challenges(headers);
        if matches!(used.by, By::Fixed) {
            return Self::another(access, used).await;
        }
        if let Some(bearer) = Bearer::offered(access, &offered)? {
            let bearer = Arc::new(bearer);
            let mut extra = access.scopes.clone();
            extra.absorb(&bearer.scopes);
            let is_new = match &used.by {
                By::Fetched { slot, generation } => slot.discard(Some(*generation), &extra).await,
                _ => self.slot(access).discard(None, &extra).await,
            };
            if again && !is_new {
                return Ok(None);
            }
            self.remember(access, Scheme::Bearer(Arc::clone(&bearer)));
            return self.token(http, access, &bearer).await.map(Some);
        }
        let credentials = access.credentials().await?;
        let basic = offered.iter().any(|challenge| challenge.scheme == "basic");
        if basic
            && matches!(
                credentials,
                Some(Credentials::Basic { .. } | Credentials::Identity { .. })
            )
        {
            self.remember(access, Scheme::Basic);
            self.discard(used).await;
            return Self::another(access, used).await;
        }
        // Harbor offers Basic to whoever shows a token that it does not accept, stale or too narrow.
        if !again
            && let (By::Fetched { slot, generation }, Some(Scheme::Bearer(bearer))) = (&used.by, self.scheme(access))
        {
            slot.discard(Some(*generation), &Scopes::default()).await;
            return self.token(http, access, &bearer).await.map(Some);
        }
        Ok(None)
    }

    /// Credentials other than those that were refused, if there are any by now: the same again would be refused again.
    async fn another(access: &Access<'_>, refused: &Authorization) -> Result<Option<Authorization>, RegistryError> {
        let credentials = access.credentials().await?;
        let current = Authorization::direct(access, credentials.as_ref())?;
        let is_new = |found: &Authorization| found.header.is_some() && found.header != refused.header;
        if is_new(&current) {
            return Ok(Some(current));
        }
        let Some(credentials) = credentials else {
            return Ok(None);
        };
        access.refuse(&credentials).await;
        let renewed = Authorization::direct(access, access.credentials().await?.as_ref())?;
        Ok(is_new(&renewed).then_some(renewed))
    }

    /// Forgets a fetched token that the registry refused.
    pub(in crate::registry) async fn discard(&self, used: &Authorization) {
        if let By::Fetched { slot, generation } = &used.by {
            slot.discard(Some(*generation), &Scopes::default()).await;
        }
    }

    async fn token(
        &self,
        http: &HttpClient,
        access: &Access<'_>,
        bearer: &Arc<Bearer>,
    ) -> Result<Authorization, RegistryError> {
        let slot = self.slot(access);
        let turn = slot.turn().await;
        let (token, generation) = match turn.ready(Instant::now()) {
            Some(ready) => ready?,
            None => {
                let credentials = access.credentials().await?;
                if matches!(credentials, Some(Credentials::Token(_))) {
                    return Authorization::direct(access, credentials.as_ref());
                }
                let scopes = turn.scopes(&access.scopes);
                let mut fetched = bearer.fetch(http, access, &scopes, credentials.as_ref()).await;
                if let (Err(error), Some(shown)) = (&fetched, &credentials)
                    && error.kind == ErrorKind::Denied
                {
                    access.refuse(shown).await;
                    let renewed = access.credentials().await?;
                    if matches!(renewed, Some(Credentials::Token(_))) {
                        return Authorization::direct(access, renewed.as_ref());
                    }
                    if renewed.is_some() && renewed != credentials {
                        fetched = bearer.fetch(http, access, &scopes, renewed.as_ref()).await;
                    }
                }
                // The realm may have moved: the next request asks the registry again.
                if let Err(error) = &fetched
                    && matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Malformed)
                {
                    self.forget(access, bearer);
                }
                turn.finish(fetched)?
            }
        };
        access.note_stranger(token.anonymous);
        Ok(Authorization {
            header: Some(token.header),
            by: By::Fetched {
                slot: Arc::clone(&slot),
                generation,
            },
        })
    }

    fn slot(&self, access: &Access<'_>) -> Arc<Slot> {
        self.tokens.slot(TokenKey {
            origin: access.home.url.origin(),
            setting: access.setting.id,
            place: access.place().clone(),
            mode: access.mode,
            scopes: access.scopes.clone(),
        })
    }

    fn scheme(&self, access: &Access<'_>) -> Option<Scheme> {
        let schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.get(&access.home.url.origin()).cloned()
    }

    fn remember(&self, access: &Access<'_>, scheme: Scheme) {
        let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        schemes.insert(access.home.url.origin(), scheme);
    }

    fn forget(&self, access: &Access<'_>, bearer: &Arc<Bearer>) {
        let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = access.home.url.origin();
        if matches!(schemes.get(&origin), Some(Scheme::Bearer(known)) if Arc::ptr_eq(known, bearer)) {
            schemes.remove(&origin);
        }
    }
}
