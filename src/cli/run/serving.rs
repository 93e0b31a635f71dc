//! Answers while the daemon runs: on its socket, and at an address where one is configured.

use std::sync::Arc;

use miette::{IntoDiagnostic as _, Report, WrapErr as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::{ExitCode, WithExitCode as _};
use crate::config::{Config, SecretSource};
use crate::model::Asked;
use crate::serve::{Access, Daemon, Listener, Metrics, ServeLimits, Service, Token, router, serve};

/// What serves, until it is stopped.
pub struct Serving {
    pub daemon: Daemon,
    stop: CancellationToken,
    serving: JoinSet<()>,
}

impl Serving {
    /// # Errors
    /// Where nothing can be listened on, or the token cannot be read.
    pub async fn start(config: &Config, asked: mpsc::Sender<Asked>, metrics: Arc<Metrics>) -> Result<Self, Report> {
        let limits = ServeLimits::default();
        let daemon = Daemon {
            asked,
            turn_time: limits.turn_time,
        };
        let service = Service {
            daemon: daemon.clone(),
            metrics,
        };
        let router = router(service, &limits);
        let mut listeners = vec![(Listener::socket(&config.serve.socket).into_diagnostic()?, Access::All)];
        if let Some(address) = config.serve.address {
            let token = config.serve.token.as_ref().map(|source| token(source, config));
            let access = Access::Read {
                token: token.transpose()?,
            };
            listeners.push((Listener::address(address).await.into_diagnostic()?, access));
        }
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        for (listener, access) in listeners {
            tracing::info!(at = listener.place(), access = ?access, "answers");
            serving.spawn(serve(listener, router.clone(), access, limits, stop.clone()));
        }
        Ok(Self { daemon, stop, serving })
    }

    /// Lets what is being answered end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.serving.join_next().await.is_some() {}
    }
}

fn token(source: &SecretSource, config: &Config) -> Result<Token, Report> {
    source
        .read("the token of `serve.token-file`", &config.environment)
        .map(|secret| Token::new(secret.expose()))
        .into_diagnostic()
        .wrap_err("changes cannot be asked for at the address")
        .with_exit_code(ExitCode::Invalid)
}
