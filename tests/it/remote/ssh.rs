//! Over ssh, by a program of that name that runs what it is told on this machine and keeps its arguments.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use landfall::source::remote::{Fault, KnownHosts, Remote, RemoteOptions, SshIdentity};

use super::{look, options};
use crate::git_host::GitHost;

/// A folder with such a program.
struct FakeSsh(tempfile::TempDir);

impl FakeSsh {
    /// `instead` is done before anything else.
    fn new(instead: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ssh");
        let here = folder.path().display();
        let text = format!(
            "#!/bin/bash\nprintf '%s\\n' \"$@\" > '{here}/asked'\nenv > '{here}/environment'\n{instead}\n\
             export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null\nexec bash -c \"${{@: -1}}\"\n"
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn options(&self, url: &str, clones: &Path) -> RemoteOptions {
        let mut options = options(url, clones);
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        options.ssh.environment = vec![("PATH".to_owned(), path)];
        options
    }

    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.path().join("asked")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn url(repository: &Path) -> String {
    format!("ssh://git@git.example.com:2222{}", repository.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_followed_over_ssh_with_arguments_that_nobody_adds_to() {
    let host = GitHost::start().await;
    let first = host.commit("main", &[("landfall.toml", "version = 1\n")]);
    let ssh = FakeSsh::new("");
    let clones = tempfile::tempdir().unwrap();
    let mut options = ssh.options(&url(&host.repository()), clones.path());
    options.ssh.identity = SshIdentity::File("/etc/landfall/git key".into());
    options.ssh.hosts = KnownHosts::File("/etc/landfall/known_hosts".into());
    let remote = Arc::new(Remote::new(options).unwrap());
    assert_eq!(look(&remote).await.unwrap().tip.to_string(), first);
    assert!(!look(&remote).await.unwrap().is_new);
    let second = host.commit("main", &[("landfall.toml", "version = 1 # more\n")]);
    assert_eq!(look(&remote).await.unwrap().tip.to_string(), second);

    let asked = ssh.asked();
    for expected in [
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        "UserKnownHostsFile=\"/etc/landfall/known_hosts\"",
        "GlobalKnownHostsFile=none",
        "IdentityFile=\"/etc/landfall/git key\"",
        "IdentitiesOnly=yes",
        "ClearAllForwardings=yes",
    ] {
        assert!(
            asked.iter().any(|argument| argument == expected),
            "{expected}: {asked:?}"
        );
    }
    assert_eq!(&asked[..2], ["-F", "none"]);
    let end = &asked[asked.len() - 3..];
    let command = format!("git-upload-pack '{}'", host.repository().display());
    assert_eq!(end, ["--", "git.example.com", command.as_str()]);
    let environment = fs::read_to_string(ssh.0.path().join("environment")).unwrap();
    assert!(
        environment.contains("GIT_PROTOCOL=version=2") && !environment.contains("CARGO"),
        "{environment}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_with_quotes_is_one_word_to_the_other_side() {
    let host = GitHost::start().await;
    host.create("it's; touch oops.git");
    let ssh = FakeSsh::new("");
    let clones = tempfile::tempdir().unwrap();
    let path = host.repository().with_file_name("it's; touch oops.git");
    let scp = format!("git@git.example.com:{}", path.display());
    let remote = Arc::new(Remote::new(ssh.options(&scp, clones.path())).unwrap());
    let error = look(&remote).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unborn { .. }), "{error}");
    assert!(!host.repository().with_file_name("oops.git").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ssh_says_when_it_fails_is_told_apart() {
    let host = GitHost::start().await;
    host.commit("main", &[("landfall.toml", "version = 1\n")]);
    type Is = fn(&Fault) -> bool;
    let is: [(&str, Is); 7] = [
        ("Host key verification failed.", |fault| {
            matches!(fault, Fault::HostKey { .. })
        }),
        ("git@git.example.com: Permission denied (publickey).", |fault| {
            matches!(fault, Fault::Login { .. })
        }),
        (
            "ssh: Could not resolve hostname git.example.com: Name or service not known",
            |fault| matches!(fault, Fault::Unreachable { .. }),
        ),
        (
            "ssh: connect to host git.example.com port 22: Connection refused",
            |fault| matches!(fault, Fault::Unreachable { .. }),
        ),
        ("ERROR: Repository not found.", |fault| matches!(fault, Fault::NotFound)),
        ("bash: line 1: git-upload-pack: command not found", |fault| {
            matches!(fault, Fault::Ssh { .. })
        }),
        ("Something that nobody foresaw", |fault| {
            matches!(fault, Fault::Ssh { .. })
        }),
    ];
    for (words, is_told) in is {
        let ssh = FakeSsh::new(&format!("echo '{words}' >&2; exit 255"));
        let clones = tempfile::tempdir().unwrap();
        let remote = Arc::new(Remote::new(ssh.options(&url(&host.repository()), clones.path())).unwrap());
        let error = look(&remote).await.unwrap_err();
        assert!(is_told(&error.fault), "{words}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_hangs_is_ended_and_a_program_that_is_not_there_is_named() {
    let host = GitHost::start().await;
    host.commit("main", &[("landfall.toml", "version = 1\n")]);
    let clones = tempfile::tempdir().unwrap();
    let ssh = FakeSsh::new("exec sleep 600");
    let mut options = ssh.options(&url(&host.repository()), clones.path());
    options.limits.time = std::time::Duration::from_millis(300);
    let remote = Arc::new(Remote::new(options.clone()).unwrap());
    let error = look(&remote).await.unwrap_err();
    assert!(matches!(error.fault, Fault::TimedOut { .. }), "{error}");

    options.ssh.environment = vec![("PATH".to_owned(), "/nonexistent".to_owned())];
    let remote = Arc::new(Remote::new(options).unwrap());
    let error = look(&remote).await.unwrap_err();
    assert!(matches!(error.fault, Fault::NoSsh { .. }), "{error}");
}
