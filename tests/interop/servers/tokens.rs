//! A token server for distribution: its "Token Authentication Specification", and "Token Authentication Implementation"
//! for what a token holds.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::server::{PASSWORD, USER, tls_file};

pub(super) const SERVICE: &str = "registry.test";
pub(super) const ISSUER: &str = "tokens.test";
/// In seconds: the shortest that the specification lets clients expect.
const LIFETIME: i64 = 60;

/// Gives [`USER`] what is asked for, and nothing to anybody else.
pub(super) struct TokenServer {
    address: SocketAddr,
    issuer: Arc<Issuer>,
    stop: CancellationToken,
}

struct Issuer {
    key: EcdsaKeyPair,
    /// Base64, as `x5c` has it.
    certificate: String,
    issued: AtomicU64,
}

impl TokenServer {
    /// In a thread of its own: whoever tests may block theirs.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (issuer, stop) = (Arc::new(Issuer::new()), CancellationToken::new());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&issuer));
        let stopped = stop.clone().cancelled_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router).into_future() => served.unwrap(),
                    () = stopped => {}
                }
            });
        });
        Self { address, issuer, stop }
    }

    /// By name: crane and cosign refuse private addresses.
    pub fn realm(&self) -> String {
        format!("http://localhost:{}/token", self.address.port())
    }

    /// A token for everything in this repository.
    pub fn token_for(&self, repository: &str) -> String {
        let access = access(&format!("repository:{repository}:pull,push,delete"));
        self.issuer.token(&[access.unwrap()])
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Issuer {
    /// With the key and the certificate in `testdata/tls`, whose authority the registry trusts.
    fn new() -> Self {
        let read = |name| pem::parse(std::fs::read(tls_file(name)).unwrap()).unwrap();
        let key = read("server.key");
        Self {
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.contents()).unwrap(),
            certificate: STANDARD.encode(read("server.pem").contents()),
            issued: AtomicU64::new(0),
        }
    }

    fn token(&self, access: &[Value]) -> String {
        let now = Timestamp::now().as_second();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [self.certificate] });
        let claims = json!({
            "iss": ISSUER,
            "sub": USER,
            "aud": SERVICE,
            "exp": now + LIFETIME,
            "nbf": now - 10,
            "iat": now,
            "jti": self.issued.fetch_add(1, Ordering::Relaxed).to_string(),
            "access": access,
        });
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A scope as a token's claim: `TYPE:NAME:ACTION,ACTION`.
fn access(scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let actions: Vec<&str> = actions.split(',').collect();
    Some(json!({ "type": kind, "name": name, "actions": actions }))
}

async fn answer(State(issuer): State<Arc<Issuer>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET || uri.path() != "/token" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    if headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) != Some(&expected) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let asked: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
    if !asked.iter().any(|(name, value)| name == "service" && value == SERVICE) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let scopes = asked.iter().filter(|(name, _)| name == "scope");
    let granted: Vec<Value> = scopes
        .flat_map(|(_, value)| value.split(' '))
        .filter_map(access)
        .collect();
    let body = json!({ "token": issuer.token(&granted), "expires_in": LIFETIME });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
