//! What the comparisons of landfall.toml's tables share.

use std::collections::BTreeMap;

use crate::desired::configuration::LANDFALL_TOML;
use crate::desired::scalar::Name;
use crate::desired::shape::{Entries, Located};
use crate::model::Desired;

pub(super) const LANDFALL: &str = LANDFALL_TOML;

/// Tables by name, each with its header.
pub(super) type ByName<'a, T> = BTreeMap<&'a str, (&'a Located<Name>, &'a T)>;

pub(super) fn named<T>(entries: Option<&Entries<Name, T>>) -> ByName<'_, T> {
    let entries = entries.into_iter().flatten();
    entries
        .map(|(name, table)| (name.value.as_str(), (name, table)))
        .collect()
}

/// How many claims a project held.
pub(super) fn claims_of(held: &Desired, project: &str) -> usize {
    let found = held.projects.iter().find(|candidate| *candidate.name == *project);
    found.map_or(0, |project| project.claims.len())
}
