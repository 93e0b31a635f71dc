//! All budgets: those that have names, and one for each other host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::gate::{Lane, Line};
use super::host::{HostBudget, Place, Refused};
use crate::http::options::Concurrency;

/// A budget made with [`super::super::HttpClient::add_budget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BudgetId(usize);

/// What a budget never exceeds. Below that it finds its own limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetLimits {
    pub requests_per_second: Option<f64>,
    /// Requests under way at once, of each kind (tokens, reads, writes).
    pub in_flight: usize,
    /// The other side counts reads and writes apart: what one is refused for does not slow the other down.
    pub separate: bool,
}

#[derive(Debug)]
pub(in crate::http) struct Budgets {
    streams: Concurrency,
    patience: Duration,
    named: Vec<Arc<HostBudget>>,
    hosts: Mutex<HashMap<String, Arc<HostBudget>>>,
}

/// Redirects may lead to any number of hosts; beyond this many, those with nothing under way are forgotten.
const HOSTS: usize = 1024;

impl Budgets {
    /// `patience`: the longest stop that is waited for.
    pub(in crate::http) fn new(streams: Concurrency, patience: Duration) -> Self {
        Self {
            streams,
            patience,
            named: Vec::new(),
            hosts: Mutex::default(),
        }
    }

    pub(in crate::http) fn add(&mut self, limits: &BudgetLimits) -> BudgetId {
        let budget = HostBudget::new(limits, self.streams, self.patience);
        self.named.push(Arc::new(budget));
        BudgetId(self.named.len() - 1)
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// Where the host wants to be left alone for longer than is waited.
    pub(in crate::http) async fn acquire(
        &self,
        url: &Url,
        named: Option<BudgetId>,
        lane: Lane,
        line: Line,
    ) -> Result<Place, Refused> {
        let budget = named
            .and_then(|BudgetId(index)| self.named.get(index).cloned())
            .unwrap_or_else(|| self.host(url));
        budget.acquire(lane, line).await
    }

    fn host(&self, url: &Url) -> Arc<HostBudget> {
        let name = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS && !hosts.contains_key(&name) {
            hosts.retain(|_, host| !host.is_idle());
        }
        let limits = BudgetLimits {
            requests_per_second: None,
            in_flight: self.streams.requests,
            separate: false,
        };
        let make = || Arc::new(HostBudget::new(&limits, self.streams, self.patience));
        Arc::clone(hosts.entry(name).or_insert_with(make))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn one_at_a_time() -> Budgets {
        let streams = Concurrency {
            requests: 1,
            downloads: 1,
            uploads: 1,
        };
        Budgets::new(streams, Duration::from_secs(60))
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn now(budgets: &Budgets, at: &Url, named: Option<BudgetId>, lane: Lane) -> Option<Place> {
        let place = budgets.acquire(at, named, lane, Line::default()).now_or_never()?;
        Some(place.unwrap())
    }

    #[test]
    fn a_full_lane_waits_and_the_other_lanes_and_hosts_do_not() {
        let budgets = one_at_a_time();
        let here = url("https://example.com/v2/");
        let there = url("https://example.com:8443/v2/");
        let held = now(&budgets, &here, None, Lane::Read).unwrap();
        assert!(now(&budgets, &here, None, Lane::Read).is_none());
        for lane in [Lane::Token, Lane::Write, Lane::Download, Lane::Upload, Lane::Part] {
            assert!(now(&budgets, &here, None, lane).is_some(), "{lane:?}");
        }
        assert!(now(&budgets, &there, None, Lane::Read).is_some());
        drop(held);
        assert!(now(&budgets, &here, None, Lane::Read).is_some());
    }

    #[test]
    fn a_named_budget_is_one_whatever_the_host() {
        let mut budgets = one_at_a_time();
        let limits = BudgetLimits {
            requests_per_second: None,
            in_flight: 1,
            separate: false,
        };
        let shared = Some(budgets.add(&limits));
        let (here, there) = (url("https://eu.example.com/"), url("https://us.example.com/"));
        let held = now(&budgets, &here, shared, Lane::Read);
        assert!(held.is_some());
        assert!(now(&budgets, &there, shared, Lane::Read).is_none());
        assert!(now(&budgets, &there, None, Lane::Read).is_some());
        let apart = Some(budgets.add(&limits));
        assert!(now(&budgets, &here, apart, Lane::Read).is_some());
    }

    #[test]
    fn hosts_with_nothing_under_way_are_forgotten() {
        let budgets = one_at_a_time();
        let host = |index: usize| url(&format!("https://h{index}.example.com/"));
        let held = now(&budgets, &host(0), None, Lane::Download);
        for index in 1..HOSTS + 10 {
            drop(now(&budgets, &host(index), None, Lane::Read));
        }
        let hosts = budgets.hosts.lock().unwrap();
        assert!(hosts.len() < HOSTS);
        assert!(hosts.contains_key("h0.example.com:443"));
        drop(hosts);
        drop(held);
    }
}
