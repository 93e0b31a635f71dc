//! How much may be under way at one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::options::Concurrency;

/// Which count of [`Concurrency`] a request falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Request,
    Download,
    Upload,
}

/// A place in a host's budget, free again when dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// One budget per host and port, for everything sent there: tokens, reads, writes.
#[derive(Debug)]
pub(super) struct Budgets {
    concurrency: Concurrency,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    requests: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
}

/// Redirects may lead to any number of hosts; beyond this many, those with nothing under way are forgotten.
const HOSTS: usize = 1024;

impl Budgets {
    pub(super) fn new(concurrency: Concurrency) -> Self {
        Self {
            concurrency,
            hosts: Mutex::default(),
        }
    }

    /// Waits for a place.
    pub(super) async fn acquire(&self, url: &Url, lane: Lane) -> Place {
        let host = self.host(url);
        let semaphore = match lane {
            Lane::Request => &host.requests,
            Lane::Download => &host.downloads,
            Lane::Upload => &host.uploads,
        };
        let permit = Arc::clone(semaphore).acquire_owned().await;
        Place(permit.expect("the semaphore is never closed"))
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let name = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS && !hosts.contains_key(&name) {
            let concurrency = self.concurrency;
            hosts.retain(|_, host| host.is_busy(concurrency));
        }
        Arc::clone(hosts.entry(name).or_insert_with(|| {
            let semaphore = |places: usize| Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
            Arc::new(Host {
                requests: semaphore(self.concurrency.requests),
                downloads: semaphore(self.concurrency.downloads),
                uploads: semaphore(self.concurrency.uploads),
            })
        }))
    }
}

impl Host {
    fn is_busy(&self, concurrency: Concurrency) -> bool {
        self.requests.available_permits() < concurrency.requests
            || self.downloads.available_permits() < concurrency.downloads
            || self.uploads.available_permits() < concurrency.uploads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_full_lane_waits_and_the_other_lanes_and_hosts_do_not() {
        let budgets = Budgets::new(Concurrency {
            requests: 1,
            downloads: 1,
            uploads: 1,
        });
        let here = Url::parse("https://example.com/v2/").unwrap();
        let there = Url::parse("https://example.com:8443/v2/").unwrap();
        let held = budgets.acquire(&here, Lane::Request).now_or_never().unwrap();
        assert!(budgets.acquire(&here, Lane::Request).now_or_never().is_none());
        assert!(budgets.acquire(&here, Lane::Download).now_or_never().is_some());
        assert!(budgets.acquire(&here, Lane::Upload).now_or_never().is_some());
        assert!(budgets.acquire(&there, Lane::Request).now_or_never().is_some());
        drop(held);
        assert!(budgets.acquire(&here, Lane::Request).now_or_never().is_some());
    }

    #[test]
    fn hosts_with_nothing_under_way_are_forgotten() {
        let budgets = Budgets::new(Concurrency::default());
        let url = |index: usize| Url::parse(&format!("https://h{index}.example.com/")).unwrap();
        let held = budgets.acquire(&url(0), Lane::Download).now_or_never().unwrap();
        for index in 1..HOSTS + 10 {
            drop(budgets.acquire(&url(index), Lane::Request).now_or_never());
        }
        let hosts = budgets.hosts.lock().unwrap();
        assert!(hosts.len() < HOSTS);
        assert!(hosts.contains_key("h0.example.com:443"));
        drop(held);
    }
}
