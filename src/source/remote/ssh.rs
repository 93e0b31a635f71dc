//! Git's smart protocol over the program `ssh`, which is given a fixed list of arguments.

use std::io::{self, Read, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gix_transport::Protocol;
use gix_transport::client::TransportWithoutIO;
use gix_transport::client::blocking_io::{RequestWriter, SetServiceResponse, Transport};
use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;
use gix_transport::client::{Error, MessageKind, WriteMode};
use tempfile::NamedTempFile;

use super::error::shown;
use super::look::{Look, Reach};
use super::options::{KnownHosts, SshIdentity, SshOptions};
use super::url::SshUrl;
use super::{Fault, RemoteUrl};

/// How a host is reached.
pub(super) struct Ssh {
    url: SshUrl,
    options: SshOptions,
}

/// The name under which a key that stands in the configuration is looked up.
const FIXED_HOST: &str = "landfall-fixed-host";

/// How long ssh may take to end by itself once it has no more input.
const LEAVE_TAKING: Duration = Duration::from_secs(1);

/// What is kept of what ssh writes for people.
const MOST_WORDS: u64 = 8 << 10;

impl Ssh {
    pub fn new(url: SshUrl, options: SshOptions) -> Self {
        Self { url, options }
    }

    /// Everything that ssh is told. No file of the user or the machine adds to it.
    fn arguments(&self, known_hosts: Option<&str>, connect_seconds: u64) -> Vec<String> {
        let mut arguments: Vec<String> = ["-F", "none", "-T", "-x", "-a"].map(str::to_owned).into();
        let mut set = |key: &str, value: &str| arguments.extend(["-o".to_owned(), format!("{key}={value}")]);
        set("BatchMode", "yes");
        set("StrictHostKeyChecking", "yes");
        set("UpdateHostKeys", "no");
        set("VerifyHostKeyDNS", "no");
        set("PreferredAuthentications", "publickey");
        set("ClearAllForwardings", "yes");
        set("PermitLocalCommand", "no");
        set("ControlPath", "none");
        set("ConnectTimeout", &connect_seconds.to_string());
        set("ServerAliveInterval", "15");
        set("ServerAliveCountMax", "3");
        set("SendEnv", "GIT_PROTOCOL");
        set("LogLevel", "ERROR");
        match (&self.options.hosts, known_hosts) {
            (KnownHosts::Usual, _) => {}
            (KnownHosts::File(file), _) => {
                set("UserKnownHostsFile", &quoted(&file.display().to_string()));
                set("GlobalKnownHostsFile", "none");
            }
            (KnownHosts::Key(_), file) => {
                set("UserKnownHostsFile", &quoted(file.unwrap_or("none")));
                set("GlobalKnownHostsFile", "none");
                set("HostKeyAlias", FIXED_HOST);
            }
        }
        match &self.options.identity {
            SshIdentity::Agent => {}
            SshIdentity::File(file) => {
                set("IdentitiesOnly", "yes");
                set("IdentityAgent", "none");
                set("IdentityFile", &quoted(&file.display().to_string()));
            }
        }
        if let Some(user) = &self.url.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.url.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        let command = format!("git-upload-pack {}", single_quoted(&self.url.path));
        arguments.extend(["--".to_owned(), self.url.host.clone(), command]);
        arguments
    }
}

/// A word for ssh's own reader of options.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('%', "%%"))
}

/// A word for the shell on the other side, as git writes it.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''").replace('!', r"'\!'"))
}

impl Reach for Ssh {
    type Transport = SshTransport;

    fn open(&self, look: &Arc<Look>) -> Result<SshTransport, Fault> {
        let fixed = match &self.options.hosts {
            KnownHosts::Key(key) => Some(known_hosts_of(key)?),
            KnownHosts::Usual | KnownHosts::File(_) => None,
        };
        let path = fixed.as_ref().map(|file| file.path().display().to_string());
        let mut child = Command::new("ssh")
            .args(self.arguments(path.as_deref(), look.limits.connect.as_secs().max(1)))
            .env_clear()
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .env("GIT_PROTOCOL", "version=2")
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Fault::NoSsh {
                reason: error.to_string(),
            })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(words)) = pipes else {
            return Err(Fault::NoSsh {
                reason: "it was started without pipes".to_owned(),
            });
        };
        let told = std::thread::spawn(move || {
            let mut told = Vec::new();
            // What there is of it is shown.
            let _ = words.take(MOST_WORDS).read_to_end(&mut told);
            String::from_utf8_lossy(&told).into_owned()
        });
        let running = Running::watched(child, look);
        let output = Counted {
            output,
            look: Arc::clone(look),
        };
        let no_host: Option<(String, Option<u16>)> = None;
        Ok(SshTransport {
            connection: Connection::new(
                output,
                input,
                Protocol::V2,
                self.url.path.as_str(),
                no_host,
                ConnectMode::Process,
                false,
            ),
            running,
            told,
            _fixed: fixed,
        })
    }

    fn moved(&self, _transport: &SshTransport, _from: &RemoteUrl) -> Option<String> {
        None
    }

    fn explain(&self, transport: SshTransport, fault: Fault) -> Fault {
        // Only an end of what was read can be ssh's own end.
        if !matches!(
            fault,
            Fault::CutOff { .. } | Fault::NotGit { .. } | Fault::Damaged { .. }
        ) {
            return fault;
        }
        let SshTransport {
            connection,
            running,
            told,
            ..
        } = transport;
        drop(connection);
        // Ends with ssh, which ends without input, or when its time is over.
        let told = told.join().unwrap_or_default();
        if running.is_overdue.load(Ordering::Relaxed) {
            return Fault::TimedOut {
                doing: "the ssh session",
                limit: running.limit,
                key: "time",
            };
        }
        of_words(&told).unwrap_or(fault)
    }
}

fn known_hosts_of(key: &str) -> Result<NamedTempFile, Fault> {
    let written = NamedTempFile::new().and_then(|mut file| {
        writeln!(file, "{FIXED_HOST} {key}")?;
        file.flush()?;
        Ok(file)
    });
    written.map_err(|error| Fault::NotAllowed {
        reason: format!("the host's key cannot be given to ssh: {error}"),
    })
}

/// What ssh's words mean, as OpenSSH and the common hosts write them.
fn of_words(words: &str) -> Option<Fault> {
    let reason = || shown(words);
    let has = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    if words.trim().is_empty() {
        None
    } else if has(&["command not found"]) {
        Some(Fault::Ssh { reason: reason() })
    } else if has(&[
        "Host key verification failed",
        "HOST IDENTIFICATION HAS CHANGED",
        "host key is known for",
    ]) {
        Some(Fault::HostKey { reason: reason() })
    } else if has(&[
        "Permission denied (",
        "Too many authentication failures",
        "no such identity",
    ]) || has(&["UNPROTECTED PRIVATE KEY FILE", "invalid format", "error in libcrypto"])
    {
        Some(Fault::Login {
            reason: format!(
                "the host takes none of the keys ({}): see [git.ssh] in config.toml",
                reason()
            ),
        })
    } else if has(&[
        "Could not resolve hostname",
        "Connection refused",
        "Connection timed out",
        "No route to host",
    ]) || has(&["Network is unreachable", "kex_exchange_identification"])
    {
        Some(Fault::Unreachable { reason: reason() })
    } else if has(&[
        "not appear to be a git repository",
        "not found",
        "does not exist",
        "No such file",
        "Cannot find",
    ]) {
        Some(Fault::NotFound)
    } else {
        Some(Fault::Ssh { reason: reason() })
    }
}

/// ssh, ended once the look's time is over, or nobody reads from it any more.
struct Running {
    ended: Arc<(Mutex<bool>, Condvar)>,
    is_overdue: Arc<AtomicBool>,
    limit: Duration,
    watching: Option<JoinHandle<()>>,
}

impl Running {
    fn watched(mut child: Child, look: &Look) -> Self {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let is_overdue = Arc::new(AtomicBool::new(false));
        let (shared, overdue, left) = (Arc::clone(&ended), Arc::clone(&is_overdue), look.left());
        let watching = std::thread::spawn(move || {
            let (lock, condition) = &*shared;
            let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = condition.wait_timeout_while(guard, left, |ended| !*ended);
            if waited.is_ok_and(|(_, waited)| waited.timed_out()) {
                overdue.store(true, Ordering::Relaxed);
            }
            let asked = Instant::now();
            while !overdue.load(Ordering::Relaxed) && asked.elapsed() < LEAVE_TAKING {
                if !matches!(child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            // Both fail only where it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        });
        Self {
            ended,
            is_overdue,
            limit: look.limits.time,
            watching: Some(watching),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.1.notify_all();
        if let Some(watching) = self.watching.take() {
            let _ = watching.join();
        }
    }
}

/// Bytes from ssh, counted.
struct Counted {
    output: ChildStdout,
    look: Arc<Look>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.output.read(buffer)?;
        self.look.take(read)?;
        Ok(read)
    }
}

/// One session. It ends when it is dropped.
pub(super) struct SshTransport {
    connection: Connection<Counted, ChildStdin>,
    running: Running,
    told: JoinHandle<String>,
    _fixed: Option<NamedTempFile>,
}

impl TransportWithoutIO for SshTransport {
    fn to_url(&self) -> std::borrow::Cow<'_, gix::bstr::BStr> {
        self.connection.to_url()
    }

    fn connection_persists_across_multiple_requests(&self) -> bool {
        true
    }

    fn configure(&mut self, config: &dyn std::any::Any) -> gix::Result {
        self.connection.configure(config)
    }
}

impl Transport for SshTransport {
    fn handshake<'a>(
        &mut self,
        service: gix_transport::Service,
        parameters: &'a [(&'a str, Option<&'a str>)],
    ) -> Result<SetServiceResponse<'_>, Error> {
        self.connection.handshake(service, parameters)
    }

    fn request(&mut self, mode: WriteMode, last: MessageKind, trace: bool) -> Result<RequestWriter<'_>, Error> {
        self.connection.request(mode, last, trace)
    }
}
