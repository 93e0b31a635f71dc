//! Lists that come in pages.

use std::collections::HashSet;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::access::Access;
use super::classify::error;
use super::client::HttpRegistries;
use super::error::{ErrorKind, RegistryError};
use super::exchange::Ask;
use super::link;
use crate::http::{Follow, Reply, on_origin_of};

/// A page with so many names may be one that was cut off.
pub(super) const FULL: usize = 1_000;

/// Pages in a row that may bring nothing: some registries leave out what we may not see, and so leave pages empty.
pub(super) const BARREN: usize = 10;
/// After so many pages, each is to have brought so many entries on average.
pub(super) const PAGES: usize = 50;
const FEW: usize = 5;

/// The names in a list as it stands on a page. `None` where it is no list of names. `null` is how some registries write
/// an empty one.
pub(super) fn names(list: Value) -> Option<Vec<String>> {
    match list {
        Value::Null => Some(Vec::new()),
        Value::Array(names) => names
            .into_iter()
            // Nobody's name: it must not hide the others.
            .filter(|name| !name.is_null())
            .map(|name| match name {
                Value::String(name) => Some(name),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The pages of one list, each linked from the one before (OCI distribution specification, "Listing Tags").
pub(super) struct Pages<'a> {
    registries: &'a HttpRegistries,
    access: &'a Access<'a>,
    accept: &'static str,
    first: Url,
    next: Option<Url>,
    seen: HashSet<Url>,
    /// The page that comes, or came last, was linked by nobody.
    beyond: bool,
    /// Entries of all pages, and pages in a row that brought none.
    entries: usize,
    barren: usize,
}

impl<'a> Pages<'a> {
    pub(super) fn new(
        registries: &'a HttpRegistries,
        access: &'a Access<'a>,
        first: Url,
        accept: &'static str,
    ) -> Self {
        Self {
            registries,
            access,
            accept,
            next: Some(first.clone()),
            first,
            seen: HashSet::new(),
            beyond: false,
            entries: 0,
            barren: 0,
        }
    }

    /// Takes in how many entries the page just read brought that no page before it had. A list that goes on and on without
    /// bringing much is no list: a server that makes up its pages would be read for hours.
    pub(super) fn bring(&mut self, reply: &Reply, new: usize) -> Result<(), RegistryError> {
        self.entries += new;
        self.barren = if new == 0 { self.barren + 1 } else { 0 };
        let few = self.seen.len() > PAGES && self.entries < self.seen.len() * FEW;
        if self.next.is_some() && (self.barren >= BARREN || few) {
            let message = format!(
                "the list goes on without bringing anything new: {} entries on {} pages",
                self.entries,
                self.seen.len()
            );
            return Err(error(reply, ErrorKind::Malformed, message));
        }
        Ok(())
    }

    /// Whether no page, or only the first, has been read.
    pub(super) fn at_first(&self) -> bool {
        self.seen.len() <= 1
    }

    /// The next answer, whatever its status; the list goes on only after a 200.
    pub(super) async fn next(&mut self) -> Result<Option<Reply>, RegistryError> {
        let Some(url) = self.next.take() else {
            return Ok(None);
        };
        self.seen.insert(url.clone());
        let ask = Ask::new(Method::GET, self.access, url)
            .header(ACCEPT, HeaderValue::from_static(self.accept))
            .follow(Follow::ToTheSame);
        let reply = self.registries.ask(&ask).await?;
        if reply.status == StatusCode::OK {
            self.next = self.following(&reply)?;
        }
        Ok(Some(reply))
    }

    /// Looks beyond the end of a list of names: go-containerregistry's registry cuts tag lists off at the number asked
    /// for, and lists of repositories at 10,000, without linking to the rest. Whether `page`, the names just read, ends
    /// the list is told by asking for what comes after it: by a registry that has more it is answered with new names, by
    /// one that does not know the question with the old ones. Say how many of the page's names were `new`.
    pub(super) fn look_beyond(&mut self, reply: &Reply, page: &[String], new: usize) -> Result<(), RegistryError> {
        self.bring(reply, new)?;
        let asked_beyond = std::mem::take(&mut self.beyond);
        if asked_beyond && 0 < new && new < page.len() {
            return Err(error(
                reply,
                ErrorKind::Malformed,
                "the registry cuts the list short, without saying where it goes on",
            ));
        }
        if self.next.is_some() || page.len() < FULL || asked_beyond && new == 0 {
            return Ok(());
        }
        if let Some(last) = page.last() {
            let mut url = self.first.clone();
            url.query_pairs_mut().append_pair("last", last);
            if !self.seen.contains(&url) && self.seen.len() < self.access.limits.pages {
                self.next = Some(url);
                self.beyond = true;
            }
        }
        Ok(())
    }

    fn following(&self, reply: &Reply) -> Result<Option<Url>, RegistryError> {
        let refuse = |kind: ErrorKind, message: String| error(reply, kind, message);
        let Some(target) = link::next_page(&reply.headers).map_err(|e| refuse(ErrorKind::Malformed, e.to_string()))?
        else {
            return Ok(None);
        };
        let url = reply
            .url
            .join(&target)
            .map_err(|_| refuse(ErrorKind::Malformed, "the link to the next page is no URL".to_owned()))?;
        let url = on_origin_of(&self.access.home.url, &url).ok_or_else(|| {
            refuse(
                ErrorKind::NotAllowed,
                "the link to the next page leads to another host".to_owned(),
            )
        })?;
        if self.seen.contains(&url) {
            return Err(refuse(
                ErrorKind::Malformed,
                "the links between the pages run in a circle".to_owned(),
            ));
        }
        let limit = self.access.limits.pages;
        if self.seen.len() >= limit {
            return Err(refuse(
                ErrorKind::TooLarge,
                format!("the list has more than the {limit} pages allowed"),
            ));
        }
        Ok(Some(url))
    }
}
