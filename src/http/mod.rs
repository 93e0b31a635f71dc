//! One HTTP client: trusted roots, time-outs, size limits, redirects, budgets, redaction.

mod answer;
mod budget;
mod certificates;
mod client;
mod connector;
mod error;
mod least_rate;
mod network;
mod options;
mod redact;
mod redirect;
mod request;
mod retry;
mod retry_after;
mod secrets;
#[cfg(test)]
pub(crate) mod test_server;
mod upload;

pub use answer::{Answer, Reply};
pub use budget::{BudgetId, BudgetLimits, Lane, Line, Place};
pub use certificates::{CertificateFiles, ClientCertificate};
pub use client::HttpClient;
pub use connector::{Trust, TrustOptions};
pub use error::{HttpError, HttpErrorKind, method_name};
pub use least_rate::LeastRate;
pub use network::Network;
pub use options::{ClientOptions, Concurrency, RetryPolicy, Timeouts};
pub use redact::redacted;
pub use redirect::on_origin_of;
pub use request::{Follow, Home, Request};
pub use retry::Retries;
pub use retry_after::{http_date, retry_after};
pub use secrets::Secrets;
pub use upload::UploadError;
