//! Running a credential helper: within limits, with little of the environment, and nothing of what it writes shown.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::config::Environment;

/// What a helper program may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelperLimits {
    /// From its start to its end.
    pub time: Duration,
    /// Bytes on its standard output.
    pub output: usize,
    /// How long its answer holds: the protocol names no end.
    pub life: Duration,
}

impl Default for HelperLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            output: 64 << 10,
            life: Duration::from_secs(300),
        }
    }
}

/// What helpers get to see of this process's environment: where programs, keyrings and proxies are, and what the clouds'
/// own helpers read. Nothing else, which may be the password of a signing key.
const VARIABLES: [&str; 28] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "GNUPGHOME",
    "GPG_TTY",
    "PASSWORD_STORE_DIR",
    "REGISTRY_AUTH_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];
const VARIABLE_PREFIXES: [&str; 5] = ["AWS_", "AZURE_", "CLOUDSDK_", "DOCKER_", "GOOGLE_"];

/// Where git keeps helpers of its own, which are on nobody's PATH.
const GIT_FOLDERS: [&str; 3] = [
    "/usr/lib/git-core",
    "/usr/libexec/git-core",
    "/usr/local/libexec/git-core",
];

/// A helper, by its file name.
pub(super) struct Program<'a> {
    pub environment: &'a Environment,
    pub limits: HelperLimits,
    pub name: &'a str,
}

impl Program<'_> {
    /// Runs it with one argument and this input; what it writes is not shown to anybody.
    pub async fn run(&self, argument: &str, input: &[u8]) -> Result<(ExitStatus, Zeroizing<Vec<u8>>), String> {
        let name = self.name;
        let program = self.find()?;
        let cannot = |error: std::io::Error| format!("{} cannot be run: {error}", program.display());
        let mut child = Command::new(&program)
            .arg(argument)
            .env_clear()
            .envs(self.variables())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let limit = self.limits.output;
        let work = async {
            if let Some(mut stdin) = stdin {
                match stdin.write_all(input).await {
                    // It has its answer already.
                    Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(cannot(error)),
                    _ => {}
                }
            }
            // At its full size from the start, so that no part of a secret stays behind in memory.
            let mut output = Zeroizing::new(Vec::with_capacity(limit + 1));
            if let Some(stdout) = stdout {
                let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
                stdout.take(most).read_to_end(&mut output).await.map_err(cannot)?;
            }
            if output.len() > limit {
                return Err(format!("{name} writes more than {limit} bytes"));
            }
            Ok((child.wait().await.map_err(cannot)?, output))
        };
        timeout(self.limits.time, work)
            .await
            .unwrap_or_else(|_| Err(format!("{name} did not end within {} s", self.limits.time.as_secs())))
    }

    fn find(&self) -> Result<PathBuf, String> {
        let path = self.environment.get("PATH").unwrap_or_default();
        let own = GIT_FOLDERS.iter().filter(|_| self.name.starts_with("git-"));
        // Relative entries would have it depend on the folder that this process was started in.
        std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .chain(own.map(|folder| Path::new(folder).to_owned()))
            .map(|folder| folder.join(self.name))
            .find(|candidate| candidate.is_file())
            .ok_or_else(|| format!("the credential helper {} is in no folder of PATH", self.name))
    }

    fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        let shown = |name: &OsStr| {
            name.to_str().is_some_and(|name| {
                VARIABLES.contains(&name) || VARIABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            })
        };
        self.environment
            .variables()
            .into_iter()
            .filter(move |(name, _)| shown(name))
    }
}
