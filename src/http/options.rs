//! How the client behaves towards every host.

use std::time::Duration;

use url::Url;

use super::least_rate::LeastRate;

/// Settings of an [`super::HttpClient`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    pub user_agent: String,
    pub timeouts: Timeouts,
    pub concurrency: Concurrency,
    pub retries: RetryPolicy,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count. Loopback is always reached directly.
    pub environment_proxy: bool,
    /// The proxy that counts instead.
    pub proxy: Option<Url>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("landfall/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeouts: Timeouts::default(),
            concurrency: Concurrency::default(),
            retries: RetryPolicy::default(),
            environment_proxy: true,
            proxy: None,
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A connection, TLS included.
    pub connect: Duration,
    /// From the first byte of a request without a body to the last byte of the answer's head.
    pub head: Duration,
    /// Between two pieces of a body, either way.
    pub idle: Duration,
    /// The whole body of an answer that is read into memory.
    pub body: Duration,
    /// From the last byte of a write to the answer's head: registries verify and move what they were given.
    pub commit: Duration,
    /// Of bodies, either way, however steadily their pieces come.
    pub least_rate: LeastRate,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            body: Duration::from_secs(60),
            commit: Duration::from_secs(300),
            least_rate: LeastRate::default(),
        }
    }
}

/// How much may be under way at one host (name and port) at once. The kinds are counted apart, because whoever uploads
/// holds a download: a common pool would deadlock once it is full of downloads that wait to upload. For the same reason
/// nobody may hold one upload back until another has its place: where one download feeds several uploads, those that
/// have a place must go on without those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// The most requests of each kind (tokens, reads, small writes) whose answers are awaited at once. Each host is begun
    /// with 16, and given more while that helps.
    pub requests: usize,
    /// Blobs being read.
    pub downloads: usize,
    /// Blobs being written.
    pub uploads: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            requests: 256,
            downloads: 16,
            uploads: 32,
        }
    }
}

/// Repetitions. Of a GET or HEAD after a passing fault, or a refusal for the time being (429, or 503 with a time to come
/// back); of other requests whose body is in memory after a 429 only, which says that nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Repetitions of one question after faults.
    pub attempts: u32,
    /// The mean pause before the first repetition; it doubles for each further one.
    pub pause: Duration,
    /// Repetitions of one question after refusals. When they come is the budget's affair.
    pub refusals: u32,
    /// The longest stop of a budget that is waited for, and how long one question may be repeated after refusals.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 2,
            pause: Duration::from_millis(200),
            refusals: 4,
            patience: Duration::from_secs(60),
        }
    }
}
