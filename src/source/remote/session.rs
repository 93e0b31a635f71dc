//! What is said to the other side: capabilities, one branch, its commits. The same over https and ssh.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use gix::bstr::{BString, ByteSlice as _};
use gix::progress::Discard;
use gix::protocol::fetch::negotiate::{self, Action};
use gix::protocol::fetch::{self, Arguments, Context, Negotiate, Response, Shallow, Tags};
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::{Handshake, LsRefsCommand};
use gix::{ObjectId, oid};
use gix_transport::client::blocking_io::Transport;
use gix_transport::{Protocol, Service};

use super::Fault;
use super::clone::CloneOnDisk;
use super::look::Look;
use super::pack;
use crate::model::{CommitId, nearest};
use crate::source::object::{object_id, sha1};

/// A branch as the other side has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tip {
    /// Without `refs/heads/`.
    pub branch: String,
    pub commit: ObjectId,
}

/// A conversation that has begun.
pub(super) struct Session<'a, T: Transport> {
    transport: &'a mut T,
    handshake: Handshake,
    look: &'a Look,
}

/// Who we are, to those who count their clients.
fn agent() -> (&'static str, Option<String>) {
    let name = concat!("landfall/", env!("CARGO_PKG_VERSION"));
    ("agent", Some(gix::protocol::agent(name)))
}

impl<'a, T: Transport> Session<'a, T> {
    pub fn begin(transport: &'a mut T, look: &'a Look) -> Result<Self, Fault> {
        let no_credentials = |_| Ok(None);
        let handshake = gix::protocol::handshake(
            &mut *transport,
            Service::UploadPack,
            no_credentials,
            Vec::new(),
            &mut Discard,
        )
        .map_err(|error| match look.fault(&error) {
            // What does not begin as Git does is something else.
            Fault::Damaged { reason } => Fault::NotGit { reason },
            fault => fault,
        })?;
        if handshake.server_protocol_version != Protocol::V2 {
            return Err(Fault::ProtocolVersion {
                version: handshake.server_protocol_version as u8,
            });
        }
        let format = handshake.capabilities.capability("object-format");
        let format = format.and_then(|format| format.value()).unwrap_or(b"sha1".into());
        if format != "sha1" {
            let digits = format.to_str_lossy().trim_start_matches("sha").to_owned();
            return Err(Fault::ObjectFormat {
                format: format!("SHA-{digits}"),
            });
        }
        Ok(Self {
            transport,
            handshake,
            look,
        })
    }

    fn list(&mut self, prefixes: &[&str]) -> Result<Vec<Ref>, Fault> {
        let mut wanted = RefPrefixes::new();
        wanted.extend(prefixes.iter().map(|prefix| BString::from(*prefix)));
        LsRefsCommand::new(Some(wanted), &self.handshake.capabilities, agent())
            .invoke_blocking(&mut *self.transport, &mut Discard, false)
            .map_err(|error| self.look.fault(&error))
    }

    /// The branch's tip; without a name, that of the one that HEAD points to.
    pub fn tip(&mut self, branch: Option<&str>) -> Result<Tip, Fault> {
        let Some(branch) = branch else {
            return self.default_branch();
        };
        let full = format!("refs/heads/{branch}");
        let found = self.list(&[&full])?.into_iter().find_map(|reference| match reference {
            Ref::Direct { full_ref_name, object }
            | Ref::Symbolic {
                full_ref_name, object, ..
            } => (full_ref_name == full).then_some(object),
            Ref::Peeled { .. } | Ref::Unborn { .. } => None,
        });
        match found {
            Some(commit) => Ok(Tip {
                branch: branch.to_owned(),
                commit,
            }),
            None => Err(self.no_such_branch(branch)),
        }
    }

    fn default_branch(&mut self) -> Result<Tip, Fault> {
        let short = |target: &BString| {
            let target = target.to_str_lossy();
            target.strip_prefix("refs/heads/").unwrap_or(&target).to_owned()
        };
        for reference in self.list(&["HEAD"])? {
            match reference {
                Ref::Symbolic {
                    full_ref_name,
                    target,
                    object,
                    ..
                } if full_ref_name == "HEAD" => {
                    return Ok(Tip {
                        branch: short(&target),
                        commit: object,
                    });
                }
                Ref::Unborn { target, .. } => return Err(Fault::Unborn { branch: short(&target) }),
                _ => {}
            }
        }
        Err(Fault::NoSuchBranch {
            branch: "HEAD".to_owned(),
            hint: ": the host names no default branch; name one as `branch` under [git] in config.toml".to_owned(),
        })
    }

    /// Best effort: it only adds to an error that stands already.
    fn no_such_branch(&mut self, branch: &str) -> Fault {
        let heads = self.list(&["refs/heads/", "HEAD"]).unwrap_or_default();
        let is_unborn = |reference: &Ref| matches!(reference, Ref::Unborn { target, .. } if target.ends_with(format!("/{branch}").as_bytes()));
        if heads.iter().any(is_unborn) {
            return Fault::Unborn {
                branch: branch.to_owned(),
            };
        }
        let names: Vec<String> = heads
            .iter()
            .filter_map(|reference| match reference {
                Ref::Direct { full_ref_name, .. } => full_ref_name.to_str().ok()?.strip_prefix("refs/heads/"),
                _ => None,
            })
            .map(str::to_owned)
            .collect();
        let hint = match nearest(branch, names.iter().map(String::as_str)) {
            Some(near) => format!("; did you mean `{near}`?"),
            None if names.is_empty() => String::new(),
            None => format!("; there are {}", crate::source::branch::shown(&names)),
        };
        Fault::NoSuchBranch {
            branch: branch.to_owned(),
            hint,
        }
    }

    /// Has these commits sent with all they stand on, but for what stands on `have`, and keeps them in the clone.
    pub fn fetch(&mut self, want: &[ObjectId], have: Vec<ObjectId>, clone: &CloneOnDisk) -> Result<(), Fault> {
        self.look.expect_pack();
        let _ends = EndsInTime::new(self.look);
        let mut kept = None;
        let shallow_file = clone.path().join("shallow");
        let outcome = gix::protocol::fetch(
            &mut Wanted { want, have },
            |reader, progress, interrupted| {
                kept = Some(pack::receive(reader, progress, interrupted, clone, self.look)?);
                Ok(true)
            },
            Discard,
            &self.look.interrupted,
            Context {
                handshake: &mut self.handshake,
                transport: &mut *self.transport,
                user_agent: agent(),
                trace_packetlines: false,
            },
            fetch::Options {
                shallow_file: shallow_file.clone(),
                shallow: &Shallow::NoChange,
                tags: Tags::None,
                reject_shallow_remote: false,
            },
        );
        let outcome = outcome.map_err(|error| pack::fault(self.look, &error, clone))?;
        let is_shallow = outcome.is_some_and(|outcome| !outcome.last_response.shallow_updates().is_empty());
        if is_shallow {
            clone.remove_file(&shallow_file)?;
            return Err(Fault::Shallow);
        }
        match kept {
            Some(received) => received.keep(clone),
            None => Err(Fault::Damaged {
                reason: "no pack came".to_owned(),
            }),
        }
    }

    /// The same for one commit that no branch may have; [`Fault::NoSuchCommit`] where the host does not give it.
    pub fn fetch_commit(&mut self, commit: CommitId, have: Vec<ObjectId>, clone: &CloneOnDisk) -> Result<(), Fault> {
        self.fetch(&[object_id(commit.0)], have, clone)
            .map_err(|fault| match fault {
                Fault::Damaged { reason } | Fault::CutOff { reason } if is_refusal_of_commit(&reason) => {
                    Fault::NoSuchCommit { commit }
                }
                fault => fault,
            })
    }
}

/// Whether the host says that it does not have what was wanted, or does not give it: in git's words, and in `JGit`'s.
fn is_refusal_of_commit(reason: &str) -> bool {
    ["not our ref", "not valid"].iter().any(|words| reason.contains(words))
}

impl Tip {
    pub fn id(&self) -> CommitId {
        CommitId(sha1(&self.commit))
    }
}

/// All that is wanted and had, said at once: one request.
struct Wanted<'a> {
    want: &'a [ObjectId],
    have: Vec<ObjectId>,
}

impl Negotiate for Wanted<'_> {
    fn mark_complete_and_common_ref(&mut self) -> gix::Result<Action> {
        Ok(Action::MustNegotiate {
            remote_ref_target_known: vec![false; self.want.len()],
        })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        for id in self.want {
            let id: &oid = id;
            arguments.want(id);
        }
        true
    }

    fn one_round(
        &mut self,
        _state: &mut negotiate::one_round::State,
        arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> gix::Result<(negotiate::Round, bool)> {
        for id in &self.have {
            arguments.have(id);
        }
        let round = negotiate::Round {
            haves_sent: self.have.len(),
            in_vain: 0,
            haves_to_send: self.have.len(),
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
}

/// Interrupts what is computed once the time is over.
struct EndsInTime {
    is_over: Arc<(Mutex<bool>, Condvar)>,
}

impl EndsInTime {
    fn new(look: &Look) -> Self {
        let is_over = Arc::new((Mutex::new(false), Condvar::new()));
        let (left, interrupted) = (look.left(), Arc::<AtomicBool>::clone(&look.interrupted));
        let shared = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let (lock, condition) = &*shared;
            let ended = lock.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = condition.wait_timeout_while(ended, left, |ended| !*ended);
            if waited.is_ok_and(|(_, waited)| waited.timed_out()) {
                interrupted.store(true, Ordering::Relaxed);
            }
        });
        Self { is_over }
    }
}

impl Drop for EndsInTime {
    fn drop(&mut self) {
        *self.is_over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.is_over.1.notify_all();
    }
}
