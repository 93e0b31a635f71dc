//! Connections, bounded in number, size and time.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listen::{Connection, Listener};
use super::{Access, ServeLimits};

/// Where no descriptors are left, trying at once would only take the processor too.
const AFTER_A_REFUSAL: Duration = Duration::from_millis(100);

/// Serves until told to stop, and lets what is under way end for a moment.
pub async fn serve(listener: Listener, router: Router, access: Access, limits: ServeLimits, stop: CancellationToken) {
    let router = router.layer(Extension(access));
    let room = Arc::new(Semaphore::new(limits.connections.max(1)));
    let connections = TaskTracker::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (router, stop) = (router.clone(), stop.clone());
        match accepted {
            Ok(Connection::Address(stream)) => connections.spawn(async move {
                one(stream, router, limits, stop).await;
                drop(place);
            }),
            Ok(Connection::Socket(stream)) => connections.spawn(async move {
                one(stream, router, limits, stop).await;
                drop(place);
            }),
            Err(error) => {
                // No descriptors are left, or a peer went away at once: the next attempt finds out.
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(AFTER_A_REFUSAL).await;
                continue;
            }
        };
    }
    connections.close();
    let _ = tokio::time::timeout(limits.stop_time, connections.wait()).await;
}

async fn one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: ServeLimits,
    stop: CancellationToken,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let served = async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        }
    };
    match tokio::time::timeout(limits.connection_time, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended"),
        Err(_) => tracing::debug!("a connection lasted too long"),
    }
}
