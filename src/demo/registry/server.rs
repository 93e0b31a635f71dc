//! The server itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::access::{self, Access, Action, Resource};
use super::answer::Answer;
use super::route::Route;
use super::token::Tokens;
use super::uploads::Uploads;
use super::{blobs, body, lists, manifests};
use crate::model;
use crate::sim::registry::{Behaviour, Refusal, RefusalCode, Service, Store};

/// How a registry is started.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Where the content lies. Several registries may share one store: each is known there by its address.
    pub store: Store,
    pub behaviour: Behaviour,
    pub access: Access,
    /// How long a bearer token is good for.
    pub token_lifetime: Duration,
    pub limits: ServerLimits,
}

/// What the server takes from its clients. Manifests are limited by [`Behaviour::max_manifest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of one blob; it is kept in memory.
    pub blob: usize,
    /// Uploads that are open at once.
    pub uploads: usize,
    /// Bytes of a form sent to the token endpoint.
    pub form: usize,
    /// How long requests may go on after the registry was told to shut down.
    pub shutdown: Duration,
}

/// A registry that serves until it is dropped or shut down.
#[derive(Debug)]
pub struct EmbeddedRegistry {
    address: SocketAddr,
    name: model::Registry,
    app: Arc<App>,
    stop: CancellationToken,
    serving: JoinHandle<io::Result<()>>,
}

#[derive(Debug, Error)]
pub enum StartError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
}

struct App {
    name: model::Registry,
    service: Service,
    access: Access,
    tokens: Tokens,
    uploads: Uploads,
    limits: ServerLimits,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            store: Store::new(),
            behaviour: Behaviour::default(),
            access: Access::default(),
            token_lifetime: Duration::from_secs(60),
            limits: ServerLimits::default(),
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            blob: 1 << 30,
            uploads: 1_000,
            form: 64 << 10,
            shutdown: Duration::from_secs(5),
        }
    }
}

impl EmbeddedRegistry {
    /// Listens, and serves on a task of its own.
    ///
    /// # Errors
    /// Where the address cannot be had.
    pub async fn start(options: EmbeddedOptions) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen {
            address: options.address,
            source,
        };
        let listener = TcpListener::bind(options.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let name: model::Registry = address
            .to_string()
            .parse()
            .expect("an address with its port names a registry");
        options.store.set_behaviour(&name, options.behaviour);
        let app = Arc::new(App {
            name: name.clone(),
            service: Service::new(options.store),
            access: options.access,
            tokens: Tokens::new(name.to_string(), options.token_lifetime),
            uploads: Uploads::new(options.limits),
            limits: options.limits,
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(handle).with_state(app.clone());
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tracing::debug!(registry = %name, "embedded registry serves");
        Ok(Self {
            address,
            name,
            app,
            stop,
            serving: tokio::spawn(server.into_future()),
        })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name in references and in the store.
    #[must_use]
    pub fn registry(&self) -> &model::Registry {
        &self.name
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        self.app.service.store()
    }

    /// How often clients asked for a token.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.app.tokens.requests()
    }

    /// Takes no more connections, lets requests end, and stops.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(self.app.limits.shutdown, &mut self.serving)
            .await
            .is_err()
        {
            tracing::debug!(registry = %self.name, "requests were cut off");
        }
    }
}

impl Drop for EmbeddedRegistry {
    fn drop(&mut self) {
        // Connections that are open end as well; aborting alone would only stop new ones.
        self.stop.cancel();
        self.serving.abort();
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("App")
            .field("name", &self.name)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

async fn handle(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (parts, content) = request.into_parts();
    let answer = app
        .answer(&parts, content)
        .await
        .unwrap_or_else(|refusal| Answer::refusal(&refusal));
    let response = answer.into_response();
    tracing::debug!(
        registry = %app.name,
        method = %parts.method,
        path = parts.uri.path(),
        status = response.status().as_u16(),
    );
    response
}

impl App {
    async fn answer(&self, parts: &Parts, content: Body) -> Result<Answer, Refusal> {
        // Some clients encode the colon of a digest; nothing else in these paths ever needs encoding.
        let path = parts.uri.path().replace("%3A", ":").replace("%3a", ":");
        let Some(route) = Route::of(&self.name, &path)? else {
            return Ok(Answer::new(StatusCode::NOT_FOUND));
        };
        if route == Route::Token {
            let form = body::read(content, self.limits.form).await?;
            let query = parts.uri.query().unwrap_or_default();
            return self.tokens.issue(&self.access, &parts.headers, query, &form);
        }
        if let Some(challenge) = self.refuse(parts, &route) {
            return Ok(Answer::challenge(&challenge));
        }
        let service = &self.service;
        match &route {
            Route::Base | Route::Token => {
                if !matches!(parts.method, Method::GET | Method::HEAD) {
                    return Err(unsupported(&parts.method));
                }
                service.ping(&self.name);
                Ok(Answer::new(StatusCode::OK).body("application/json", "{}"))
            }
            Route::Catalog => lists::catalog(service, &self.name, parts),
            Route::Manifest(repository, reference) => {
                manifests::answer(service, repository, reference, parts, content).await
            }
            Route::Blob(repository, digest) => blobs::answer(service, repository, digest, parts),
            Route::Uploads(repository) => self.uploads.begin(service, repository, parts, content).await,
            Route::Upload(repository, id) => self.uploads.proceed(service, repository, id, parts, content).await,
            Route::Tags(repository) => lists::tags(service, repository, parts),
            Route::Referrers(repository, digest) => lists::referrers(service, repository, digest, parts),
        }
    }

    /// The challenge for a request that may not be done as it came.
    fn refuse(&self, parts: &Parts, route: &Route<'_>) -> Option<String> {
        let mut needed = Vec::new();
        if *route == Route::Catalog {
            needed.push((Resource::Catalog, Action::All));
        }
        if let Some(repository) = route.repository() {
            let resource = Resource::Repository(repository.path.to_string());
            needed.push((resource, Action::of(&parts.method, route)));
            // Without the right to read there, a mount would be a way around it.
            if matches!(route, Route::Uploads(_))
                && query_value(parts, "mount").is_some()
                && let Some(from) = query_value(parts, "from")
            {
                needed.push((Resource::Repository(from), Action::Pull));
            }
        }
        access::refuse(&self.access, &self.tokens, &parts.headers, &needed)
    }
}

pub(super) fn unsupported(method: &Method) -> Refusal {
    Refusal::new(RefusalCode::Unsupported, format!("{method} is not supported here"))
}

/// The first value of this name in the query.
pub(super) fn query_value(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(field, _)| field == name)
        .map(|(_, value)| value.into_owned())
}
