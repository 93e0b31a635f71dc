//! Each thing that goes wrong is told by its name, and what was fetched before goes on being kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use landfall::source::remote::{Again, Fault, Login, LoginFuture, RefusedFuture, Remote};
use reqwest::header::HeaderValue;

use super::{Followed, look, options};
use crate::git_host::{Fault as Broken, GitHost, host_git};

/// Says the same each time.
struct Token(&'static str);

impl Login for Token {
    fn authorization(&self) -> LoginFuture<'_> {
        Box::pin(async { Ok(Some(HeaderValue::from_static(self.0))) })
    }

    fn refused(&self) -> RefusedFuture<'_> {
        Box::pin(async { Again::No })
    }
}

fn told(fault: &Fault) -> &'static str {
    match fault {
        Fault::Unreachable { .. } => "unreachable",
        Fault::TimedOut { .. } => "timed out",
        Fault::CutOff { .. } => "cut off",
        Fault::Throttled { .. } => "throttled",
        Fault::Unavailable { .. } => "unavailable",
        Fault::NoCredentials => "no credentials",
        Fault::WrongCredentials => "wrong credentials",
        Fault::Forbidden => "forbidden",
        Fault::NotFound => "not found",
        Fault::MovedElsewhere { .. } => "moved elsewhere",
        Fault::NotAllowed { .. } => "not allowed",
        Fault::NotGit { .. } => "not git",
        Fault::ProtocolVersion { .. } => "protocol version",
        Fault::ObjectFormat { .. } => "object format",
        Fault::Shallow => "shallow",
        Fault::Unborn { .. } => "unborn",
        Fault::NoSuchBranch { .. } => "no such branch",
        Fault::BranchDeleted { .. } => "branch deleted",
        Fault::TooLarge { .. } => "too large",
        Fault::TooManyObjects { .. } => "too many objects",
        Fault::Damaged { .. } => "damaged",
        _ => "something else",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_which_a_host_fails_is_told_apart_and_takes_nothing_away() {
    let followed = Followed::start_with(|options| options.limits.time = Duration::from_secs(2)).await;
    let kept = followed.commit("version = 1\n");
    followed.look().await.unwrap();
    followed.commit("version = 1 # more\n");
    let status = |status, header, value: &str| Broken::Status(status, header, value.to_owned());
    for (broken, expected) in [
        (status(401, "WWW-Authenticate", "Basic"), "no credentials"),
        (status(403, "X-Any", "a"), "no credentials"),
        (status(404, "X-Any", "a"), "not found"),
        (status(500, "X-Any", "a"), "unavailable"),
        (status(418, "X-Any", "a"), "not git"),
        (status(301, "Location", "http://127.0.0.1:1/x"), "not allowed"),
        (Broken::Garbage, "not git"),
        (Broken::OldProtocol, "protocol version"),
        (Broken::CutPack(150), "cut off"),
        (Broken::FlippedPack, "damaged"),
        (Broken::Stall, "timed out"),
    ] {
        followed.host.break_with(broken.clone());
        let looked = followed.look().await;
        let error = looked.expect_err(&format!("{broken:?}"));
        let expected = match told(&error.fault) {
            // Where it is answered from is a matter of addresses.
            "unreachable" if expected == "not allowed" => "unreachable",
            _ => expected,
        };
        assert_eq!(told(&error.fault), expected, "{broken:?}: {error}");
        assert_eq!(followed.remote.fault(), Some(error));
        assert_eq!(followed.remote.tip(), Ok(kept), "{broken:?}");
    }
    followed.host.mend();
    assert_ne!(followed.look().await.unwrap().tip, kept);
    assert_eq!(followed.remote.fault(), None);
    // Last, for it is left alone from then on.
    for (busy, expected) in [
        // The client tries again, and holds back by itself for a moment: either may come first.
        (status(503, "X-Any", "a"), &["unavailable", "throttled"][..]),
        (status(429, "Retry-After", "70"), &["throttled"]),
    ] {
        followed.host.break_with(busy);
        let error = followed.look().await.unwrap_err();
        assert!(expected.contains(&told(&error.fault)), "{error}");
        assert!(!error.to_string().contains("for 0 s"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asks_to_be_left_alone_is_heard() {
    let followed = Followed::start().await;
    followed.commit("version = 1\n");
    for (status, seconds) in [(429, 70), (503, 80), (403, 90)] {
        followed
            .host
            .break_with(Broken::Status(status, "Retry-After", seconds.to_string()));
        let remote = {
            let mut options = options(&followed.host.url(), followed.clones.path());
            options.https.login = Arc::new(Token("Basic cm9ib3Q6MQ=="));
            Arc::new(Remote::new(options).unwrap())
        };
        let error = look(&remote).await.unwrap_err();
        assert_eq!(error.fault.retry_after(), Some(Duration::from_secs(seconds)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_told_apart_and_given_to_nobody_else() {
    let followed = Followed::start_with(|options| options.https.login = Arc::new(Token("Basic cm9ib3Q6MQ=="))).await;
    let kept = followed.commit("version = 1\n");
    followed.host.admit("Basic cm9ib3Q6MQ==");
    followed.look().await.unwrap();
    assert!(followed.host.asked().iter().all(|asked| asked.authorization.is_some()));

    followed.host.admit("Basic others");
    let error = followed.look().await.unwrap_err();
    assert_eq!(told(&error.fault), "wrong credentials");
    assert!(!error.to_string().contains("cm9ib3Q6MQ"), "{error}");
    followed.host.break_with(Broken::Status(403, "X-Any", "a".to_owned()));
    assert_eq!(told(&followed.look().await.unwrap_err().fault), "forbidden");
    followed.host.mend();
    followed.host.admit("Basic cm9ib3Q6MQ==");

    // Sent on to another host, which wants to know who comes.
    let other = GitHost::start().await;
    other.admit("Basic cm9ib3Q6MQ==");
    followed.host.break_with(Broken::Redirect(other.url()));
    let error = followed.look().await.unwrap_err();
    assert_eq!(told(&error.fault), "moved elsewhere", "{error}");
    assert!(error.to_string().contains(&other.url()), "{error}");
    let asked = other.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|asked| asked.authorization.is_none()),
        "{asked:?}"
    );
    assert_eq!(followed.remote.tip(), Ok(kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_has_moved_to_an_open_place_is_followed_there_and_that_is_told() {
    let followed = Followed::start().await;
    followed.commit("version = 1\n");
    let other = GitHost::start().await;
    let there = other
        .commit("main", &[("landfall.toml", "version = 1 # there\n")])
        .parse()
        .unwrap();
    followed.host.break_with(Broken::Redirect(other.url()));
    let seen = followed.look().await.unwrap();
    assert_eq!((seen.tip, seen.moved), (there, Some(other.url())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_not_there_and_one_that_is_gone_are_told_apart() {
    let followed = Followed::start().await;
    let error = followed.look().await.unwrap_err();
    assert_eq!(told(&error.fault), "unborn", "{error}");
    followed.host.commit("mian", &[("landfall.toml", "version = 1\n")]);
    followed.host.git(&["symbolic-ref", "HEAD", "refs/heads/mian"]);
    let error = followed.look().await.unwrap_err();
    assert_eq!(told(&error.fault), "no such branch");
    assert!(error.to_string().contains("did you mean `mian`?"), "{error}");

    let last = followed.commit("version = 1\n");
    followed.look().await.unwrap();
    followed.host.git(&["update-ref", "-d", "refs/heads/main"]);
    let error = followed.look().await.unwrap_err();
    let gone = Fault::BranchDeleted {
        branch: "main".to_owned(),
        last,
    };
    assert_eq!(error.fault, gone);
    assert_eq!(followed.remote.tip(), Ok(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_its_limit_is_refused_before_it_is_kept() {
    let host = GitHost::start().await;
    let noise: String = (0_u64..20_000)
        .map(|line| format!("{}\n", line.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    host.commit("main", &[("landfall.toml", &noise)]);
    let clones = tempfile::tempdir().unwrap();
    for (objects, bytes, expected) in [(2, 1 << 30, "too many objects"), (1_000, 10_000, "too large")] {
        let mut options = options(&host.url(), clones.path());
        options.limits.objects = objects;
        options.limits.pack_bytes = bytes;
        let remote = Arc::new(Remote::new(options).unwrap());
        let error = look(&remote).await.unwrap_err();
        // What is not a pack may come to a few megabytes.
        if expected == "too large" && bytes < 4 << 20 {
            assert!(matches!(told(&error.fault), "too large"), "{error}");
        } else {
            assert_eq!(told(&error.fault), expected, "{error}");
        }
        assert!(remote.repository().is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_that_this_version_does_not_read_are_named_with_a_way_out() {
    let host = GitHost::start().await;
    let first = host.commit("main", &[("landfall.toml", "version = 1\n")]);
    host.commit("main", &[("landfall.toml", "version = 1 # again\n")]);
    let root = host.repository().parent().unwrap().to_owned();
    let made = |arguments: &[&str]| host_git(Path::new(&root), arguments);
    made(&[
        "init",
        "-q",
        "--bare",
        "-b",
        "main",
        "--object-format=sha256",
        "long.git",
    ]);
    let source = format!("file://{}", host.repository().display());
    made(&["clone", "-q", "--bare", "--depth", "1", &source, "shallow.git"]);
    assert!(!first.is_empty());
    let clones = tempfile::tempdir().unwrap();
    for (name, expected, remedy) in [
        ("long.git", "object format", "git fast-import"),
        ("shallow.git", "shallow", "git fetch --unshallow"),
        ("missing.git", "not found", "check `url`"),
    ] {
        let remote = Arc::new(Remote::new(options(&host.at(name), clones.path())).unwrap());
        let error = look(&remote).await.unwrap_err();
        assert_eq!(told(&error.fault), expected, "{error}");
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_be_written_is_told_and_the_next_look_is_whole() {
    let followed = Followed::start().await;
    let kept = followed.commit("version = 1\n");
    followed.look().await.unwrap();
    let next = followed.commit("version = 1 # more\n");
    // A folder stands where the clone's lock is to be made.
    let lock = followed.remote.clone_path().with_extension("lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let error = followed.look().await.unwrap_err();
    assert!(matches!(error.fault, Fault::Disk { .. }), "{error}");
    assert_eq!(followed.remote.tip(), Ok(kept));
    std::fs::remove_dir(&lock).unwrap();
    assert_eq!(followed.look().await.unwrap().tip, next);
}
