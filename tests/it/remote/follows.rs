//! What a look costs, what it brings, and what is kept.

use std::fs;
use std::sync::Arc;

use landfall::source::Source as _;
use landfall::source::remote::{Fault, Remote};

use super::{Followed, look, look_for, options};

/// Commits enough that a whole clone differs from the last of them.
fn fill(followed: &Followed) {
    for number in 0..3 {
        let noise: String = (0..2_000)
            .map(|line| format!("# {number} {line} {}\n", line * 7_919))
            .collect();
        followed.commit(&noise);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_finds_nothing_new_takes_two_requests_on_one_connection() {
    let followed = Followed::start().await;
    let commit = followed.commit("version = 1\n");
    let seen = followed.look().await.unwrap();
    assert_eq!((seen.tip, seen.is_new, seen.branch.as_str()), (commit, true, "main"));
    let first = followed.host.asked();
    assert_eq!(first.len(), 3);

    let seen = followed.look().await.unwrap();
    assert!(!seen.is_new && seen.bytes < 2_000, "{seen:?}");
    let asked = followed.host.asked();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    let expected = [
        "GET /releases.git/info/refs?service=git-upload-pack",
        "POST /releases.git/git-upload-pack",
    ];
    assert_eq!(lines, expected);
    assert!(
        first.iter().chain(&asked).all(|asked| asked.from == first[0].from),
        "one connection is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_sent() {
    let followed = Followed::start().await;
    fill(&followed);
    let whole = followed.look().await.unwrap().bytes;
    let commit = followed.host.commit("main", &[("small", "x")]).parse().unwrap();
    let seen = followed.look().await.unwrap();
    assert_eq!((seen.tip, seen.is_new), (commit, true));
    assert!(seen.bytes * 5 < whole, "{} of {whole}", seen.bytes);
    let repository = followed.remote.repository().unwrap();
    assert_eq!(repository.head(), Ok(commit));
    assert!(repository.first_parent(commit).unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_is_read_after_a_restart_without_the_host() {
    let followed = Followed::start().await;
    let commit = followed.commit("version = 1\n");
    followed.look().await.unwrap();
    let (url, clones) = (followed.host.url(), followed.clones.path().to_owned());
    drop(followed.host);
    let remote = Arc::new(Remote::new(options(&url, &clones)).unwrap());
    assert_eq!(remote.repository().unwrap().head(), Ok(commit));
    let error = look(&remote).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unreachable { .. }), "{error}");
    assert_eq!(remote.tip(), Ok(commit));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_branch_that_of_head_is_followed_and_known_after_a_restart() {
    let followed = Followed::start_with(|options| options.followed.branch = None).await;
    let commit = followed.commit("version = 1\n");
    assert_eq!(followed.look().await.unwrap().branch, "main");
    let again = || {
        let mut options = options(&followed.host.url(), followed.clones.path());
        options.followed.branch = None;
        Arc::new(Remote::new(options).unwrap())
    };
    let remote = again();
    assert_eq!(remote.repository().unwrap().head(), Ok(commit));
    // Who follows one goes on with it; who begins takes what HEAD says now.
    followed.host.git(&["branch", "trunk"]);
    followed.host.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    assert_eq!(followed.look().await.unwrap().branch, "main");
    assert_eq!(look(&remote).await.unwrap().branch, "trunk");
    assert_eq!(again().repository().unwrap().branch().as_deref(), Ok("trunk"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_forced_push_left_behind_is_still_here_and_can_be_had_again() {
    let followed = Followed::start().await;
    let first = followed.commit("version = 1\n");
    let lost = followed.commit("version = 1 # lost\n");
    followed.look().await.unwrap();
    followed
        .host
        .git(&["update-ref", "refs/heads/main", &first.to_string()]);
    let other = followed.commit("version = 1 # other\n");
    assert_eq!(followed.look().await.unwrap().tip, other);
    let repository = followed.remote.repository().unwrap();
    assert_eq!(repository.first_parent(lost), Ok(Some(first)));

    fs::remove_dir_all(followed.remote.clone_path()).unwrap();
    let remote = followed.reopened();
    look_for(&remote, lost).await.unwrap();
    assert_eq!(remote.repository().unwrap().first_parent(lost), Ok(Some(first)));
    let nowhere = "0123456789012345678901234567890123456789".parse().unwrap();
    let error = look_for(&remote, nowhere).await.unwrap_err();
    assert_eq!(error.fault, Fault::NoSuchCommit { commit: nowhere });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_was_deleted_or_damaged_is_made_anew() {
    let followed = Followed::start().await;
    fill(&followed);
    let tip = followed.look().await.unwrap().tip;
    fs::remove_dir_all(followed.remote.clone_path()).unwrap();
    assert!(followed.look().await.unwrap().is_new);
    assert_eq!(followed.remote.tip(), Ok(tip));

    // Every object becomes something else.
    let objects = followed.remote.clone_path().join("objects");
    for folder in fs::read_dir(&objects).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            fs::remove_file(&file).unwrap();
            fs::write(&file, "damaged").unwrap();
        }
    }
    let remote = followed.reopened();
    let seen = look(&remote).await.unwrap();
    assert_eq!((seen.tip, seen.is_new), (tip, true));
    let repository = remote.repository().unwrap();
    assert!(repository.first_parent(repository.head().unwrap()).unwrap().is_some());
}
