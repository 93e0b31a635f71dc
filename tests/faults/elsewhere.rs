//! A host that landfall has no business with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Counts the credentials that it is shown.
pub struct Elsewhere {
    pub address: String,
    shown: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Elsewhere {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shown = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&shown);
        let router = Router::new().fallback(move |request: Request| {
            let count = Arc::clone(&count);
            async move {
                if request.headers().contains_key(AUTHORIZATION) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                StatusCode::NOT_FOUND
            }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            shown,
            serving,
        }
    }

    pub fn credentials_shown(&self) -> usize {
        self.shown.load(Ordering::Relaxed)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
