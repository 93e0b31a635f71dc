//! The keys of one table, compared.

use std::fmt::Display;

use crate::desired::code;
use crate::desired::configuration::LANDFALL_TOML;
use crate::desired::finding::{Finding, listed};
use crate::desired::position::Position;
use crate::desired::shape::{List, Located};
use crate::model::RepoPath;

use super::remarks::Remarks;
use super::strictness::Strict;

/// A table of landfall.toml that both revisions have. Each method compares one key; `meaning` says what the change
/// brings about.
pub(super) struct Table<'r, 'a> {
    /// As in "target `production`".
    pub what: String,
    /// Where it stands now.
    pub at: Position,
    pub remarks: &'r mut Remarks<'a>,
}

impl Table<'_, '_> {
    /// Remarks at `at`, or at the table where what is spoken of is not there.
    pub fn add(&mut self, at: Option<Position>, finding: Finding) {
        self.remarks
            .at(&RepoPath::from(LANDFALL_TOML), at.unwrap_or(self.at), finding);
    }

    /// A setting that must not ask for less.
    pub fn ordered<T: Strict>(
        &mut self,
        (code, key): (&'static str, &str),
        before: Option<&Located<T>>,
        after: Option<&Located<T>>,
        default: T,
        meaning: &str,
    ) {
        let [from, to] = [before, after].map(|value| value.map_or(default, |value| value.value));
        if to.is_laxer_than(from) {
            let message = format!(
                "{}: `{key}` goes from \"{}\" to \"{}\"",
                self.what,
                from.word(),
                to.word()
            );
            self.add(
                after.map(|value| value.at),
                Finding::warning(code, message).help(meaning),
            );
        }
    }

    /// A name that is chosen: another one, or none any more.
    pub fn chosen<T: Display + PartialEq>(
        &mut self,
        (changed, removed): (&'static str, &'static str),
        key: &str,
        before: Option<&Located<T>>,
        after: Option<&Located<T>>,
        meaning: &str,
    ) {
        let Some(from) = before.map(|before| &before.value) else {
            return;
        };
        let finding = match after.map(|after| &after.value) {
            Some(to) if to == from => return,
            Some(to) => Finding::warning(changed, format!("{}: `{key}` goes from `{from}` to `{to}`", self.what)),
            None => Finding::warning(removed, format!("{}: `{key} = \"{from}\"` is removed", self.what)),
        };
        self.add(after.map(|after| after.at), finding.help(meaning));
    }

    /// A value that is required, and that much else hangs on.
    pub fn required<T: Display + PartialEq>(
        &mut self,
        code: &'static str,
        key: &str,
        before: &Located<T>,
        after: &Located<T>,
        meaning: &str,
    ) {
        self.chosen((code, code), key, Some(before), Some(after), meaning);
    }

    /// Entries of a list that are no longer there.
    pub fn lost<T: Display + PartialEq>(
        &mut self,
        key: &str,
        before: &[T],
        after: &[T],
        at: Option<Position>,
        meaning: &str,
    ) {
        let lost: Vec<String> = before
            .iter()
            .filter(|entry| !after.contains(entry))
            .map(ToString::to_string)
            .collect();
        if !lost.is_empty() {
            let message = format!(
                "{}: `{key}` loses {}",
                self.what,
                listed(lost.iter().map(String::as_str))
            );
            self.add(at, Finding::warning(code::SETTING_WEAKENED, message).help(meaning));
        }
    }

    /// Entries of a list that nothing in it held before.
    pub fn gained<T: Display>(
        &mut self,
        code: &'static str,
        key: &str,
        before: &[Located<T>],
        after: &[Located<T>],
        holds: impl Fn(&T, &T) -> bool,
        meaning: &str,
    ) {
        for entry in after {
            if !before.iter().any(|known| holds(&known.value, &entry.value)) {
                let message = format!("{}: `{key}` gains `{}`", self.what, entry.value);
                self.add(Some(entry.at), Finding::warning(code, message).help(meaning));
            }
        }
    }
}

/// The values of a list; none where it is absent.
pub(super) fn values<T: Clone>(list: Option<&List<T>>) -> Vec<T> {
    list.into_iter().flatten().map(|entry| entry.value.clone()).collect()
}
