//! A history, followed from commit to commit: what each changes of what is asked for.

use std::collections::BTreeMap;

use super::claims::{self, Accepted};
use super::event::{Event, EventKind};
use super::rules::{self, Rules};
use crate::desired::{self, Ledger, ParseCache, Parsed};
use crate::model::{CommitId, Diagnostic, Severity, Tree};
use crate::reconcile::read_tree;
use crate::source::{Changed, GitRepository, Source as _, SourceError};

/// Judges every commit as [`crate::reconcile::history::resolve`] does, at the cost of what it changed.
pub(super) struct Follower<'s> {
    source: &'s GitRepository,
    tree: Tree,
    cache: ParseCache,
    ledger: Ledger,
    accepted: Option<Accepted>,
    /// Whether a rule changed since the last commit that was accepted.
    rules_changed: bool,
    /// Projects that cannot be read, each with the newest files of it that could be, if there are any.
    unreadable: BTreeMap<String, Option<Tree>>,
}

impl<'s> Follower<'s> {
    /// At the beginning of history.
    pub fn new(source: &'s GitRepository) -> Self {
        Self {
            source,
            tree: Tree {
                commit: CommitId([0; 20]),
                files: BTreeMap::new(),
            },
            cache: ParseCache::default(),
            ledger: Ledger::default(),
            accepted: None,
            rules_changed: true,
            unreadable: BTreeMap::new(),
        }
    }

    /// Where all up to and with `at` is told already. `ledger` goes up to there.
    ///
    /// # Errors
    /// Where Git cannot be read.
    pub fn begin(source: &'s GitRepository, at: CommitId, ledger: Ledger) -> Result<Self, SourceError> {
        let mut follower = Self {
            ledger,
            ..Self::new(source)
        };
        // What a refused commit follows goes on counting.
        let mut next = Some(at);
        while let Some(commit) = next {
            follower.tree = read_tree(source, commit)?;
            if let Ok(parsed) = desired::parse(&follower.tree, &mut follower.cache) {
                follower.take(commit, parsed)?;
                break;
            }
            next = source.first_parent(commit)?;
        }
        if next != Some(at) {
            follower.tree = read_tree(source, at)?;
            follower.rules_changed = true;
            follower.unreadable.clear();
        }
        Ok(follower)
    }

    /// What the next commit changes.
    ///
    /// # Errors
    /// Where Git cannot be read.
    pub fn advance(&mut self, commit: CommitId, changed: Vec<Changed>) -> Result<Vec<Event>, SourceError> {
        self.tree.commit = commit;
        for (path, file) in changed {
            self.rules_changed |= Rules::stand_in(&path);
            match file {
                Some(file) => drop(self.tree.files.insert(path, file)),
                None => drop(self.tree.files.remove(&path)),
            }
        }
        match desired::parse(&self.tree, &mut self.cache) {
            Err(diagnostics) => {
                // Which projects could be read here, nobody knows.
                self.unreadable.clear();
                Ok(if self.accepted.is_none() && self.tree.files.is_empty() {
                    Vec::new()
                } else {
                    vec![refused(&diagnostics)]
                })
            }
            Ok(parsed) => self.take(commit, parsed),
        }
    }

    fn take(&mut self, commit: CommitId, mut parsed: Parsed) -> Result<Vec<Event>, SourceError> {
        let mut events = self.replace_broken(commit, &mut parsed)?;
        let mut before = self.accepted.take();
        let ledger = desired::Accepted { ledger: &self.ledger };
        let resolved = desired::resolve(&parsed, &ledger, before.as_ref().map(|before| &before.resolved));
        let since = before.as_ref().map(|before| &before.resolved.desired);
        self.ledger.record(&resolved.desired, since);
        let rules = match &mut before {
            Some(before) if !self.rules_changed => std::mem::take(&mut before.rules),
            before => {
                let known = before.as_mut().map(|before| std::mem::take(&mut before.rules));
                let rules = Rules::of(&self.tree);
                events.extend(rules::compare(&known.unwrap_or_default(), &rules));
                rules
            }
        };
        self.rules_changed = false;
        let after = Accepted {
            parsed,
            resolved,
            rules,
        };
        events.extend(claims::compare(before.as_ref(), &after));
        self.accepted = Some(after);
        Ok(events)
    }

    /// Reads projects that cannot be read from the newest commit at which they could be.
    fn replace_broken(&mut self, commit: CommitId, parsed: &mut Parsed) -> Result<Vec<Event>, SourceError> {
        let broken: Vec<String> = parsed.broken_projects().map(str::to_owned).collect();
        self.unreadable.retain(|project, _| broken.contains(project));
        let mut events = Vec::new();
        for project in broken {
            if let Some(older) = self.unreadable.get(&project) {
                if let Some(older) = older {
                    parsed.substitute(&project, older, &mut self.cache);
                }
                continue;
            }
            events.push(unreadable(&project, parsed));
            let roots = parsed.roots();
            let mut found = None;
            let mut next = self.parent(commit)?;
            while let Some(at) = next {
                let tree = self.source.tree(at, &roots)?;
                if parsed.substitute(&project, &tree, &mut self.cache) {
                    found = Some(tree);
                    break;
                }
                next = self.parent(at)?;
            }
            self.unreadable.insert(project, found);
        }
        Ok(events)
    }

    fn parent(&self, of: CommitId) -> Result<Option<CommitId>, SourceError> {
        match self.source.first_parent(of) {
            Err(SourceError::Shallow { .. }) => Ok(None),
            parent => parent,
        }
    }
}

fn refused(diagnostics: &[Diagnostic]) -> Event {
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let first = errors.clone().next();
    let more = match errors.count().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Event {
        reason: first.map(|first| format!("{}{more}", first.message).into()),
        file: first.map(|first| first.file.clone()),
        line: first.map(|first| first.line),
        ..Event::new(EventKind::Refused)
    }
}

fn unreadable(project: &str, parsed: &Parsed) -> Event {
    let folder = format!("promotions/{project}");
    let mut errors = parsed.diagnostics().iter().filter(|found| {
        let below = found.file.as_str().strip_prefix(&*folder);
        found.severity == Severity::Error && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let first = errors.next();
    Event {
        project: Some(project.into()),
        reason: first.map(|first| first.message.as_str().into()),
        file: first.map(|first| first.file.clone()),
        line: first.map(|first| first.line),
        ..Event::new(EventKind::Unreadable)
    }
}
