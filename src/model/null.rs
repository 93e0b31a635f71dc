//! Programs in Go write what is empty as `null`, and read `null` as what is empty.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Reads `null` as what stands where nothing is written.
///
/// # Errors
/// Where something else is written that is no `T`.
pub fn null_or<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a map, `null` as an empty one, and leaves out what is `null` in it.
///
/// # Errors
/// Where something else is written that is no such map.
pub fn null_or_map<'de, T, D>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let read: Option<BTreeMap<String, Option<T>>> = Option::deserialize(deserializer)?;
    let entries = read.unwrap_or_default().into_iter();
    Ok(entries.filter_map(|(key, value)| Some((key, value?))).collect())
}
