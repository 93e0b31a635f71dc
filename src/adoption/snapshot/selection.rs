//! Which tags of a repository are written down.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::Timestamp;

use super::creation::creation;
use super::reading::{AT_ONCE, ReadError, Standing, read};
use super::signatures::is_signed;
use crate::model::{Digest, Limits, Repository, Tag};
use crate::registry::Registry;
use crate::trust::PublicKey;

/// Tags that are signed, of those the newest, of those that match.
#[derive(Debug)]
pub struct Selection {
    include: Option<GlobSet>,
    exclude: GlobSet,
    newest: Option<NonZeroUsize>,
    keys: Vec<PublicKey>,
}

/// What stands in a repository and was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    pub tags: BTreeMap<Tag, Digest>,
    /// Listed, and gone when their digests were asked for.
    pub vanished: Vec<Tag>,
    /// Left out: signed by none of the keys.
    pub unsigned: Vec<Tag>,
    /// Their images do not say when they were made; some may be among `tags`.
    pub undated: Vec<Tag>,
}

impl Selection {
    /// Tags that match one of `include` (without any, all) and none of `exclude`; the newest of them; those that one of
    /// the keys signed, where there are keys.
    ///
    /// # Errors
    /// Patterns that are too large together.
    pub fn new(
        include: &[Glob],
        exclude: &[Glob],
        newest: Option<NonZeroUsize>,
        keys: Vec<PublicKey>,
    ) -> Result<Self, globset::Error> {
        Ok(Self {
            include: (!include.is_empty()).then(|| set(include)).transpose()?,
            exclude: set(exclude)?,
            newest,
            keys,
        })
    }

    fn matches(&self, tag: &Tag) -> bool {
        let included = self.include.as_ref().is_none_or(|globs| globs.is_match(tag.as_str()));
        included && !self.exclude.is_match(tag.as_str())
    }

    /// What of a repository is asked for; `None` where the registry does not know it.
    ///
    /// # Errors
    /// As [`read`].
    pub async fn read<R: Registry>(
        &self,
        registry: &R,
        repository: &Repository,
        limits: &Limits,
    ) -> Result<Option<Selected>, ReadError> {
        let Some(Standing { tags, vanished }) = read(registry, repository, |tag| self.matches(tag)).await? else {
            return Ok(None);
        };
        let mut selected = Selected {
            tags,
            vanished,
            ..Selected::default()
        };
        if !self.keys.is_empty() {
            let signed = of_each(&selected.tags, |digest| async move {
                is_signed(registry, repository, &digest, &self.keys, limits).await
            });
            let signed = signed.await?;
            let (signed, unsigned): (BTreeMap<_, _>, BTreeMap<_, _>) =
                selected.tags.into_iter().partition(|(_, digest)| signed[digest]);
            selected.tags = signed;
            selected.unsigned = unsigned.into_keys().collect();
        }
        if let Some(count) = self.newest {
            let created = of_each(&selected.tags, |digest| async move {
                creation(registry, repository, &digest, limits).await
            });
            let created = created.await?;
            selected.undated = undated(&selected.tags, &created);
            selected.tags = newest(selected.tags, &created, count);
        }
        Ok(Some(selected))
    }
}

fn set(globs: &[Glob]) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(glob.clone());
    }
    builder.build()
}

/// Asks about each digest once.
async fn of_each<T, F: Future<Output = Result<T, ReadError>> + Send>(
    tags: &BTreeMap<Tag, Digest>,
    ask: impl Fn(Digest) -> F,
) -> Result<BTreeMap<Digest, T>, ReadError> {
    let digests: BTreeSet<Digest> = tags.values().copied().collect();
    let asked = digests.into_iter().map(|digest| {
        let answer = ask(digest);
        async move { Ok((digest, answer.await?)) }
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await
}

fn undated(tags: &BTreeMap<Tag, Digest>, created: &BTreeMap<Digest, Option<Timestamp>>) -> Vec<Tag> {
    let undated = tags.iter().filter(|(_, digest)| created[*digest].is_none());
    undated.map(|(tag, _)| tag.clone()).collect()
}

/// Of images made at the same time, those whose tags sort last.
fn newest(
    tags: BTreeMap<Tag, Digest>,
    created: &BTreeMap<Digest, Option<Timestamp>>,
    count: NonZeroUsize,
) -> BTreeMap<Tag, Digest> {
    let mut ordered: Vec<_> = tags.into_iter().collect();
    ordered.sort_by_cached_key(|(tag, digest)| Reverse((created[digest], tag.clone())));
    ordered.truncate(count.get());
    ordered.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_those_that_do_not_say_go_first() {
        let tags: BTreeMap<Tag, Digest> = ["a", "b", "c", "d"]
            .map(|tag| (tag.parse().unwrap(), Digest::of(tag.as_bytes())))
            .into();
        let at = |tag: &str, second: Option<i64>| {
            let time = second.map(|second| Timestamp::from_second(second).unwrap());
            (Digest::of(tag.as_bytes()), time)
        };
        let created = BTreeMap::from([at("a", Some(3)), at("b", None), at("c", Some(1)), at("d", Some(1))]);
        let kept = |count| {
            let kept = newest(tags.clone(), &created, NonZeroUsize::new(count).unwrap());
            kept.keys().map(Tag::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!([kept(1), kept(2), kept(3), kept(9)], ["a", "a d", "a c d", "a b c d"]);
        assert_eq!(undated(&tags, &created), ["b".parse().unwrap()]);
    }
}
