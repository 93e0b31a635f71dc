//! The proxy itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{HOST, LOCATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::distortion::{self, Distorted};
use super::{Action, Elsewhere, Fault};

/// Stands before one registry, on loopback and without TLS.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// A request as the proxy saw it, before it was carried out.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub action: Action,
}

/// What proxies reach their registries with: made once, for it reads the system's certificates.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

type Look = dyn Fn(&Seen, &[u8]) + Send + Sync;

struct Shared {
    address: SocketAddr,
    /// `127.0.0.1:5000`
    upstream: String,
    /// Where redirects lead.
    elsewhere: String,
    client: reqwest::Client,
    active: Mutex<Option<Active>>,
    look: Mutex<Option<Arc<Look>>>,
}

struct Active {
    fault: Fault,
    strikes: Box<dyn Fn(&Seen) -> bool + Send + Sync>,
    /// Requests that it is still to strike.
    left: usize,
    struck: usize,
}

/// Larger requests are not made in tests.
const BODY: usize = 64 << 20;

impl FaultProxy {
    pub async fn start(upstream: &str, elsewhere: &Elsewhere, client: reqwest::Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            address,
            upstream: upstream.to_owned(),
            elsewhere: elsewhere.address.clone(),
            client,
            active: Mutex::default(),
            look: Mutex::default(),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            shared,
            serving,
        }
    }

    /// What clients call the registry.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on the next `count` requests that `strikes` picks meet the fault.
    pub fn set(&self, fault: Fault, count: usize, strikes: impl Fn(&Seen) -> bool + Send + Sync + 'static) {
        *lock(&self.shared.active) = Some(Active {
            fault,
            strikes: Box::new(strikes),
            left: count,
            struck: 0,
        });
    }

    /// Ends the fault; gives how many requests met it.
    pub fn calm(&self) -> usize {
        lock(&self.shared.active).take().map_or(0, |active| active.struck)
    }

    /// Has each request shown, with its body, right before it is carried out.
    pub fn look(&self, look: impl Fn(&Seen, &[u8]) + Send + Sync + 'static) {
        *lock(&self.shared.look) = Some(Arc::new(look));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // A client that goes away in the middle of its request gets nothing carried out.
    let Ok(body) = to_bytes(body, BODY).await else {
        return distortion::status(StatusCode::BAD_REQUEST);
    };
    let seen = Seen {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        action: Action::of(&parts, &body),
    };
    let Some(fault) = shared.strike(&seen) else {
        return shared.forward(&seen, &parts, body).await.into_response();
    };
    if let Some(answer) = distortion::instead(fault, &parts, &shared.address.to_string(), &shared.elsewhere) {
        return answer;
    }
    if let Fault::UploadBandwidth(rate) = fault {
        let length = u64::try_from(body.len()).unwrap();
        tokio::time::sleep(Duration::from_millis(1_000 * length / rate)).await;
    }
    let answer = shared.forward(&seen, &parts, body).await;
    distortion::distort(fault, &parts, answer).await
}

impl Shared {
    fn strike(&self, seen: &Seen) -> Option<Fault> {
        let mut active = lock(&self.active);
        let active = active.as_mut()?;
        if active.left == 0 || !(active.strikes)(seen) {
            return None;
        }
        active.left -= 1;
        active.struck += 1;
        Some(active.fault)
    }

    async fn forward(&self, seen: &Seen, parts: &Parts, body: Bytes) -> Distorted {
        let look = lock(&self.look).clone();
        if let Some(look) = look {
            look(seen, &body);
        }
        let rest = parts.uri.path_and_query().map_or("/", |rest| rest.as_str());
        let mut request = self
            .client
            .request(parts.method.clone(), format!("http://{}{rest}", self.upstream))
            .headers(parts.headers.clone());
        if !body.is_empty() || !parts.method.is_safe() {
            request = request.body(body);
        }
        let mut request = request.build().unwrap();
        request.headers_mut().remove(HOST);
        let answer = match self.client.execute(request).await {
            Ok(answer) => answer,
            Err(_) => return Distorted::new(StatusCode::BAD_GATEWAY, HeaderMap::new(), Bytes::new()),
        };
        let status = answer.status();
        let mut headers = answer.headers().clone();
        // The registry speaks of itself by the name that it knows.
        for name in [LOCATION, WWW_AUTHENTICATE] {
            if let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) {
                let renamed = value.replace(&self.upstream, &self.address.to_string());
                headers.insert(name, HeaderValue::from_str(&renamed).unwrap());
            }
        }
        let body = answer.bytes().await.unwrap_or_default();
        Distorted::new(status, headers, body)
    }
}
