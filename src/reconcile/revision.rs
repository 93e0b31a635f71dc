//! From a commit to what it asks for: which commit may be followed, its manifests, the ledger up to it.

use super::reconciler::Reconciler;
use super::{ReconcileError, history};
use crate::desired::{self, Accepted, Entry, Ledger, Resolved};
use crate::execute::World;
use crate::model::{CommitId, Diagnostic, Roots, Severity};
use crate::source::{Relation, Source};

/// What one commit says, judged.
#[derive(Debug)]
pub struct Revision {
    pub commit: CommitId,
    pub resolved: Resolved,
    /// What is wrong with files and with claims, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Every digest that was declared for a tag up to and with this commit.
    pub ledger: Ledger,
    /// What is read of this commit.
    pub roots: Roots,
}

impl Revision {
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Whether a commit becomes the one that is followed from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// Recorded as accepted; a head that leaves accepted commits out is refused.
    Accept,
    /// Read only, for a look.
    Look,
}

/// A ledger, and the commit up to which it is kept.
struct Known {
    ledger: Ledger,
    until: Option<CommitId>,
    /// All of it is in state.
    is_kept: bool,
}

/// What a commit adds to the ledger that state keeps.
struct NewEntries {
    entries: Vec<Entry>,
    /// The ledger in state is another one: all of it is kept again.
    anew: bool,
}

impl<W: World, S: Source> Reconciler<W, S> {
    /// Takes a commit as what shall be.
    ///
    /// # Errors
    /// Where the branch was rewritten or taken back, where landfall.toml does not parse, where Git or the state cannot
    /// be read. An error in one project's files is no error here: it is reported, and holds that project's claims.
    pub fn follow(&mut self, commit: CommitId, following: Following) -> Result<&Revision, ReconcileError> {
        match self.read_to_follow(commit, following) {
            Ok(revision) => {
                self.refused = None;
                Ok(self.revision.insert(revision))
            }
            Err(error) => {
                self.refused = Some(error.refusal(commit));
                Err(error)
            }
        }
    }

    /// The commit, judged and taken up. Where it is refused, what was followed before stays.
    fn read_to_follow(&mut self, commit: CommitId, following: Following) -> Result<Revision, ReconcileError> {
        let branch = self.source.branch()?;
        let accepted = self.recollection.accepted(&branch)?;
        if let (Some(accepted), Following::Accept) = (accepted, following) {
            match self.source.relation(accepted, commit)? {
                Relation::Same | Relation::FastForward => {}
                Relation::Behind | Relation::Diverged => {
                    return Err(ReconcileError::Rewritten {
                        branch,
                        accepted,
                        head: commit,
                    });
                }
            }
        }
        let accept = following == Following::Accept && accepted != Some(commit);
        let mut previous = self.revision.take();
        match self.next(commit, &mut previous, accept.then_some(&branch)) {
            Ok(revision) => Ok(revision),
            // What was followed goes on being followed until the next can be.
            Err(error) => {
                self.revision = previous;
                Err(error)
            }
        }
    }

    /// The revision that is followed from now on; where it cannot be taken, `previous` is left.
    fn next(
        &mut self,
        commit: CommitId,
        previous: &mut Option<Revision>,
        accept: Option<&String>,
    ) -> Result<Revision, ReconcileError> {
        if let Some(revision) = previous.take_if(|revision| revision.commit == commit) {
            // What was read for a look before has to be kept now.
            let keep = |branch: &String| self.recollection.accept(branch, commit, &revision.ledger, &[], true);
            if let Err(error) = accept.map_or(Ok(()), keep) {
                *previous = Some(revision);
                return Err(error);
            }
            return Ok(revision);
        }
        let (revision, NewEntries { entries, anew }) = self.read(commit, previous.as_ref())?;
        if let Some(branch) = accept {
            self.recollection
                .accept(branch, commit, &revision.ledger, &entries, anew)?;
        }
        self.take(&revision)?;
        Ok(revision)
    }

    /// Says that a head which leaves accepted commits out is meant.
    ///
    /// # Errors
    /// Where Git or the state cannot be read or written.
    pub fn accept_rewritten(&mut self, commit: CommitId) -> Result<(), ReconcileError> {
        let branch = self.source.branch()?;
        let (revision, _) = self.read(commit, None)?;
        self.recollection.accept(&branch, commit, &revision.ledger, &[], true)
    }

    fn read(
        &mut self,
        commit: CommitId,
        previous: Option<&Revision>,
    ) -> Result<(Revision, NewEntries), ReconcileError> {
        let Known {
            mut ledger,
            until,
            is_kept,
        } = self.known_ledger(commit, previous)?;
        let mut entries = match self.source.first_parent(commit)? {
            Some(parent) => history::declare(&*self.source, parent, until, &mut ledger)?,
            None => Vec::new(),
        };
        let roots = self.roots.of(&*self.source, commit)?;
        let mut parsed = desired::parse(&self.source.tree(commit, &roots)?, &mut self.parse_cache)
            .map_err(|diagnostics| ReconcileError::Invalid { commit, diagnostics })?;
        history::replace_broken_projects(&*self.source, commit, &mut parsed, &mut self.parse_cache)?;
        let previous = previous.map(|previous| &previous.resolved);
        let resolved = desired::resolve(&parsed, &Accepted { ledger: &ledger }, previous);
        entries.extend(ledger.record(&resolved.desired, previous.map(|previous| &previous.desired)));
        let mut diagnostics = [parsed.diagnostics(), &resolved.diagnostics].concat();
        diagnostics.sort();
        let revision = Revision {
            commit,
            resolved,
            diagnostics,
            ledger,
            roots,
        };
        let anew = !is_kept;
        Ok((revision, NewEntries { entries, anew }))
    }

    /// The ledger as far as it is known and lies on the way to `commit`.
    fn known_ledger(&self, commit: CommitId, previous: Option<&Revision>) -> Result<Known, ReconcileError> {
        let known = match previous {
            Some(revision) => Some((revision.commit, revision.ledger.clone())),
            None => self.recollection.ledger()?,
        };
        if let Some((until, ledger)) = known {
            // Otherwise it is a look at an older commit, or another branch: the ledger is made anew for it.
            if let Relation::Same | Relation::FastForward = self.source.relation(until, commit)? {
                return Ok(Known {
                    ledger,
                    // The commit itself is read whether or not the ledger has it.
                    is_kept: self.recollection.accepted(&self.source.branch()?)? == Some(until),
                    until: (until != commit).then_some(until).or(self.source.first_parent(commit)?),
                });
            }
        }
        Ok(Known {
            ledger: Ledger::default(),
            until: None,
            is_kept: false,
        })
    }
}
