//! Registries, repositories, prefixes, tags, digests, commits: what parses is written as what parses to the same.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use landfall::model::{CommitId, Digest, Prefix, Registry, Repository, RepositoryPath, Tag};

fn check<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let written = value.to_string();
    assert_eq!(
        written.parse::<T>().ok().as_ref(),
        Some(&value),
        "{text:?} is written as {written:?}"
    );
    Some(value)
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    check::<Registry>(text);
    check::<RepositoryPath>(text);
    check::<Tag>(text);
    check::<Digest>(text);
    check::<CommitId>(text);
    let repository = check::<Repository>(text);
    if let (Some(prefix), Some(repository)) = (check::<Prefix>(text), repository) {
        assert!(prefix.contains(&repository) || repository.to_string() != prefix.to_string());
    }
});
