//! What one look may take, and what went wrong in it first.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::options::FetchLimits;
use super::{Fault, RemoteUrl};

/// What everything but a pack may come to: capabilities, and a few references.
const ANSWERS: u64 = 4 << 20;

/// What a short pack may come with beside a sixteenth of its limit: side-band frames, and what the host says meanwhile.
const FRAMES: u64 = 64 << 10;

/// Shared by all who read in one look. gix's errors are texts; what happened at the edges is kept here as it is.
#[derive(Debug)]
pub(super) struct Look {
    pub limits: FetchLimits,
    began: Instant,
    allowed: AtomicU64,
    expects_pack: AtomicBool,
    taken: AtomicU64,
    fault: Mutex<Option<Fault>>,
    /// Ends what is computed meanwhile. Of this look alone: the next one has its own time.
    pub interrupted: Arc<AtomicBool>,
}

impl Look {
    pub fn new(limits: FetchLimits, interrupted: Arc<AtomicBool>) -> Self {
        Self {
            limits,
            began: Instant::now(),
            allowed: AtomicU64::new(ANSWERS),
            expects_pack: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            fault: Mutex::default(),
            interrupted,
        }
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.limits.time.saturating_sub(self.began.elapsed())
    }

    /// From now on a pack may come, with what frames it and tells of its progress.
    pub fn expect_pack(&self) {
        let pack = self.limits.pack_bytes;
        let framed = pack.saturating_add(pack / 16).saturating_add(FRAMES);
        let taken = self.taken.load(Ordering::Relaxed);
        self.allowed.store(taken.saturating_add(framed), Ordering::Relaxed);
        self.expects_pack.store(true, Ordering::Relaxed);
    }

    /// Counts bytes that came.
    pub fn take(&self, bytes: usize) -> io::Result<()> {
        let taken = self.taken.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let allowed = self.allowed.load(Ordering::Relaxed);
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(self.fail(self.interruption()));
        }
        if taken <= allowed {
            return Ok(());
        }
        Err(self.fail(if self.expects_pack.load(Ordering::Relaxed) {
            Fault::TooLarge {
                limit: self.limits.pack_bytes,
                key: "pack",
            }
        } else {
            Fault::NotGit {
                reason: format!("it lists more than {ANSWERS} bytes where a few lines were expected"),
            }
        }))
    }

    fn interruption(&self) -> Fault {
        if self.left().is_zero() {
            return self.timed_out("fetching");
        }
        Fault::CutOff {
            reason: "landfall was told to stop".to_owned(),
        }
    }

    pub fn bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Remembers what went wrong, if it is the first, and gives an error to end reading with.
    pub fn fail(&self, fault: Fault) -> io::Error {
        let text = fault.to_string();
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(fault);
        io::Error::other(text)
    }

    pub fn timed_out(&self, doing: &'static str) -> Fault {
        Fault::TimedOut {
            doing,
            limit: self.limits.time,
            key: "time",
        }
    }

    /// What went wrong first; where nothing is remembered, what gix's error says.
    pub fn fault(&self, error: &gix::Error) -> Fault {
        let first = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| {
            let reason = super::error::shown(&crate::source::object::reason(error));
            match error.downcast_any_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                    Fault::CutOff { reason }
                }
                _ => Fault::Damaged { reason },
            }
        })
    }
}

/// What is needed to reach one repository, look after look.
pub(super) trait Reach {
    type Transport: gix_transport::client::blocking_io::Transport;

    /// Begins a look.
    fn open(&self, look: &Arc<Look>) -> Result<Self::Transport, Fault>;

    /// Where the repository has moved to, by the other side's word.
    fn moved(&self, transport: &Self::Transport, from: &RemoteUrl) -> Option<String>;

    /// What else is known of a look that failed.
    fn explain(&self, transport: Self::Transport, fault: Fault) -> Fault {
        drop(transport);
        fault
    }
}
