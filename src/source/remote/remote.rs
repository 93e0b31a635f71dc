//! A repository elsewhere, looked at again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use gix_transport::client::blocking_io::Transport;

use super::clone::CloneOnDisk;
use super::http::Line;
use super::look::{Look, Reach};
use super::session::{Session, Tip};
use super::ssh::Ssh;
use super::{Fault, RemoteError, RemoteOptions, RemoteUrl};
use crate::model::CommitId;
use crate::source::{GitRepository, Options, Source as _, SourceError};

/// A remote repository and its clone. Looks block: they must be made on a thread that no runtime uses for tasks.
pub struct Remote {
    options: RemoteOptions,
    way: Way,
    clone: CloneOnDisk,
    standing: RwLock<Standing>,
    /// When the clone was made anew because it was damaged.
    mended: Mutex<Option<Instant>>,
    running: Mutex<Running>,
}

/// The looks that are under way.
#[derive(Default)]
struct Running {
    is_over: bool,
    looks: Vec<Weak<AtomicBool>>,
}

enum Way {
    Https(Arc<Line>),
    Ssh(Ssh),
}

/// How things stand after the last look.
#[derive(Default)]
struct Standing {
    repository: Option<Arc<GitRepository>>,
    /// The branch that the repository was opened at.
    branch: Option<String>,
    /// The branch that is followed, once a look has found it: a host that renames its default branch has no other one
    /// followed.
    followed: Option<String>,
    fault: Option<RemoteError>,
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub branch: String,
    pub tip: CommitId,
    /// The branch stood elsewhere at the look before, or there was none.
    pub is_new: bool,
    /// Where the host says that the repository is now.
    pub moved: Option<String>,
    /// Bytes that came.
    pub bytes: u64,
}

/// What is to be there after a look beside the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    Nothing,
    Commit(CommitId),
    Branch(&'a str),
}

/// A clone that is damaged again so soon was not damaged here.
const MENDED_AT_MOST_EVERY: Duration = Duration::from_secs(3600);

impl Remote {
    /// Without the network. A clone that is there already can be read at once.
    ///
    /// # Errors
    /// Options that cannot be used.
    pub fn new(options: RemoteOptions) -> Result<Self, SourceError> {
        let unusable = |reason: String| Fault::NotAllowed { reason }.at(&options.url);
        let way = match &options.url {
            RemoteUrl::Http(url) => {
                let line = Line::new(url, &options.https, options.limits)
                    .map_err(|reason| SourceError::Remote(Box::new(unusable(reason))))?;
                Way::Https(Arc::new(line))
            }
            RemoteUrl::Ssh(url) => Way::Ssh(Ssh::new(url.clone(), options.ssh.clone())),
        };
        let remote = Self {
            way,
            clone: CloneOnDisk::new(options.clones.join(format!("{}.git", options.url.key()))),
            standing: RwLock::default(),
            mended: Mutex::default(),
            running: Mutex::default(),
            options,
        };
        let configured = remote.options.followed.branch.clone();
        if let Some(branch) = configured.or_else(|| remote.clone.default_branch())
            && remote.clone.is_usable()
            && remote.clone.tip(&branch).is_some()
        {
            remote.take(&branch, false)?;
        }
        Ok(remote)
    }

    #[must_use]
    pub fn url(&self) -> &RemoteUrl {
        &self.options.url
    }

    /// Where the clone lies.
    #[must_use]
    pub fn clone_path(&self) -> &std::path::Path {
        self.clone.path()
    }

    /// Ends a look that is under way, and every later one.
    pub fn interrupt(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.is_over = true;
        for look in running.looks.iter().filter_map(Weak::upgrade) {
            look.store(true, Ordering::Relaxed);
        }
    }

    /// A new look, which [`Self::interrupt`] ends.
    fn begin_look(&self) -> Arc<Look> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let interrupted = Arc::new(AtomicBool::new(running.is_over));
        running.looks.retain(|look| look.strong_count() > 0);
        running.looks.push(Arc::downgrade(&interrupted));
        Arc::new(Look::new(self.options.limits, interrupted))
    }

    /// Looks at the branch, and has its commits sent where it has moved.
    ///
    /// # Errors
    /// What kept it from that. The clone stays as it was, and [`Self::fault`] tells of it until a look ends well.
    pub fn look(&self, wanted: Wanted<'_>) -> Result<Seen, RemoteError> {
        let seen = match &self.way {
            Way::Https(line) => self.look_by(line, wanted),
            Way::Ssh(ssh) => self.look_by(ssh, wanted),
        };
        let seen = seen.map_err(|fault| fault.at(&self.options.url));
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        standing.fault = seen.as_ref().err().cloned();
        if let Ok(seen) = &seen {
            standing.followed = Some(seen.branch.clone());
        }
        seen
    }

    fn look_by<R: Reach>(&self, reach: &R, wanted: Wanted<'_>) -> Result<Seen, Fault> {
        let look = self.begin_look();
        let mut transport = reach.open(&look)?;
        let looked = self.converse(&mut transport, &look, wanted);
        match looked {
            Ok((tip, is_new)) => Ok(Seen {
                tip: tip.id(),
                branch: tip.branch,
                is_new,
                moved: reach.moved(&transport, &self.options.url),
                bytes: look.bytes(),
            }),
            Err(fault) => Err(reach.explain(transport, fault)),
        }
    }

    fn converse<T: Transport>(&self, transport: &mut T, look: &Look, wanted: Wanted<'_>) -> Result<(Tip, bool), Fault> {
        let followed = self.followed();
        let mut session = Session::begin(transport, look)?;
        let tip = session
            .tip(followed.as_deref())
            .map_err(|fault| self.told_apart(fault))?;
        let _lock = self.clone.lock()?;
        let is_usable = self.clone.is_usable();
        let before = self.clone.tip(&tip.branch).filter(|_| is_usable);
        let anew = !is_usable || before != Some(tip.commit) && self.clone.is_scattered();
        if anew {
            self.clone_anew(&mut session, &tip, is_usable)?;
        } else if before != Some(tip.commit) {
            session.fetch(&[tip.commit], self.clone.haves(), &self.clone)?;
            self.clone.point(&tip.branch, tip.id())?;
        }
        match wanted {
            Wanted::Commit(commit) if !self.clone.holds(commit) => {
                session.fetch_commit(commit, self.clone.haves(), &self.clone)?;
            }
            Wanted::Branch(branch) if branch != tip.branch => {
                let other = session.tip(Some(branch))?;
                if self.clone.tip(branch) != Some(other.commit) {
                    session.fetch(&[other.commit], self.clone.haves(), &self.clone)?;
                    self.clone.point(branch, other.id())?;
                }
            }
            Wanted::Nothing | Wanted::Commit(_) | Wanted::Branch(_) => {}
        }
        if self.options.followed.branch.is_none() {
            self.clone.note_default_branch(&tip.branch)?;
        }
        self.take(&tip.branch, anew).map_err(|error| Fault::Disk {
            path: self.clone.path().to_owned(),
            reason: error.to_string(),
        })?;
        let is_new = anew || before != Some(tip.commit);
        Ok((tip, is_new))
    }

    /// Makes the clone anew, with what state may still ask for. The former one is there until the new one is whole.
    fn clone_anew<T: Transport>(&self, session: &mut Session<'_, T>, tip: &Tip, is_usable: bool) -> Result<(), Fault> {
        let is_damaged = !is_usable && self.clone.path().exists();
        if is_damaged {
            let mut mended = self.mended.lock().unwrap_or_else(PoisonError::into_inner);
            if mended.is_some_and(|last| last.elapsed() < MENDED_AT_MOST_EVERY) {
                return Err(Fault::Damaged {
                    reason: "the clone was made anew, and is damaged again".to_owned(),
                });
            }
            *mended = Some(Instant::now());
            tracing::warn!(clone = %self.clone.path().display(), "the clone is damaged: it is made anew");
        }
        let fresh = self.clone.fresh()?;
        session.fetch(&[tip.commit], Vec::new(), &fresh)?;
        fresh.point(&tip.branch, tip.id())?;
        if is_usable && let Some(before) = self.clone.tip(&tip.branch) {
            // What was followed may have been rewritten away, and goes on being kept.
            let before = CommitId(crate::source::object::sha1(&before));
            if !fresh.holds(before) {
                session.fetch_commit(before, fresh.haves(), &fresh)?;
            }
        }
        fresh.replace(&self.clone)
    }

    /// A branch that is not there was deleted, where it was there before.
    fn told_apart(&self, fault: Fault) -> Fault {
        match fault {
            Fault::NoSuchBranch { branch, hint } => match self.clone.tip(&branch) {
                Some(last) => Fault::BranchDeleted {
                    last: CommitId(crate::source::object::sha1(&last)),
                    branch,
                },
                None => Fault::NoSuchBranch { branch, hint },
            },
            fault => fault,
        }
    }

    /// Reads from the clone as it is now; opened before, it is opened again only where it was made anew.
    fn take(&self, branch: &str, anew: bool) -> Result<(), SourceError> {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        let is_open = standing.branch.as_deref() == Some(branch) && standing.repository.is_some();
        if anew || !is_open {
            let options = Options {
                branch: Some(branch.to_owned()),
                ..self.options.followed.clone()
            };
            let name = self.options.url.to_string();
            standing.repository = Some(Arc::new(GitRepository::open_clone(self.clone.path(), &name, options)?));
        }
        standing.branch = Some(branch.to_owned());
        Ok(())
    }

    /// The branch that is followed, where it is known.
    fn followed(&self) -> Option<String> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing
            .followed
            .clone()
            .or_else(|| self.options.followed.branch.clone())
    }

    /// The clone, to be read.
    ///
    /// # Errors
    /// Where there is none yet: why the last look failed.
    pub fn repository(&self) -> Result<Arc<GitRepository>, SourceError> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        match (&standing.repository, &standing.fault) {
            (Some(repository), _) => Ok(Arc::clone(repository)),
            (None, Some(fault)) => Err(SourceError::Remote(Box::new(fault.clone()))),
            (None, None) => Err(SourceError::NotLookedAt {
                url: self.options.url.to_string(),
            }),
        }
    }

    /// Why the last look failed.
    #[must_use]
    pub fn fault(&self) -> Option<RemoteError> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.fault.clone()
    }

    /// What reading the clone gave: where it is damaged, the next look makes it anew.
    pub(in crate::source) fn noted<T>(&self, read: Result<T, SourceError>) -> Result<T, SourceError> {
        if let Err(error) = &read
            && error.is_damage()
        {
            self.clone.mark_damaged();
        }
        read
    }

    /// The newest commit of the branch in the clone, whatever the last look found.
    ///
    /// # Errors
    /// Where the clone cannot be read.
    pub fn tip(&self) -> Result<CommitId, SourceError> {
        self.noted(self.repository()?.head())
    }
}
