//! What `landfall run` says while it runs, and how it ends.

use crate::small_site::{CONVERGED, Daemon, Site, said};

async fn accepted() -> Site {
    let site = Site::set().await;
    site.promote();
    let output = site.landfall(&["accept", "main"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_tells_what_it_does_and_what_stood_where_it_should_not() {
    let site = accepted().await;
    let mut run = site.run(&[]);
    run.says("landfall runs").await;
    run.says("done: copy production/team/app@").await;
    run.says(CONVERGED).await;
    assert!(run.said.contains("is followed"), "{}", run.said);
    assert_eq!(run.said.matches("done: tag production/team/app:v1").count(), 2);
    assert!(!run.said.contains("TagId"), "{}", run.said);

    let foreign = site.disturb();
    let told = run.says("put back: tag production/team/app:v1").await;
    assert!(told.contains("WARN") && told.contains("europe"), "{told}");
    let moved = format!("from {foreign} to {}", site.image.root());
    assert!(told.contains(&moved), "{told}");
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
    assert_eq!(site.mirrored(), Some(site.image.root()));
    assert!(!run.said.contains('\u{1b}') && !run.said.contains("error=\"\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_holds_the_memory_is_named_with_what_to_do() {
    let site = accepted().await;
    let mut run = site.run(&[]);
    run.says(CONVERGED).await;
    for arguments in [&["plan"][..], &["apply"]] {
        let output = site.landfall(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = said(&output);
        assert!(told.contains("stop it") && told.contains("landfall run"), "{told}");
        assert!(!told.contains("folder of its own"), "{told}");
    }
    assert_eq!(run.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_commit_is_told_with_its_line_and_its_mending_too() {
    let site = accepted().await;
    let mut run = site.run(&[]);
    run.says(CONVERGED).await;
    let good = site.promotion("v1");
    site.commit(&[
        ("promotions/team/app.toml", &good),
        (
            "promotions/web/app.toml",
            "[images.app.tags]\n\"v1\" = \"sha256:short\"\n",
        ),
    ]);
    let told = run.says("promotions/web/app.toml:2:").await;
    assert!(told.contains("ERROR"), "{told}");
    run.says("not as desired: ").await;
    let broken = run.said.clone();
    site.commit(&[("promotions/team/app.toml", &good), ("promotions/web/app.toml", "")]);
    run.says(CONVERGED).await;
    assert_eq!(run.stop().await, Some(0));
    assert_eq!(broken.matches("not as desired").count(), 1, "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_told_with_a_way_out_that_works() {
    let site = Site::set().await;
    let foreign = site.image.manifests()[0].digest;
    let place = Site::at(&site.mirror, "images/team/app");
    site.image.push(&site.store, &place);
    site.store.set_tag(&place, &"v1".parse().unwrap(), foreign);
    site.promote();
    assert_eq!(site.landfall(&["accept", "main"]).await.status.code(), Some(0));
    let mut run = site.run(&[]);
    let told = run.says(&format!("stands on {foreign}")).await;
    assert!(!told.contains("stop `landfall run`"), "{told}");
    assert!(!told.contains("delete"), "{told}");
    let command = told
        .split('`')
        .find(|part| part.starts_with("landfall adopt"))
        .unwrap_or_else(|| panic!("{told}"));
    let adopted = shell(&site, command).await;
    assert_eq!(adopted.status.code(), Some(0), "{adopted:?}");
    run.says(CONVERGED).await;
    assert_eq!(site.mirrored(), Some(site.image.root()));
    assert_eq!(run.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_taken_over_without_a_daemon_too() {
    let site = Site::set().await;
    let foreign = site.image.manifests()[0].digest;
    let place = Site::at(&site.mirror, "images/team/app");
    site.image.push(&site.store, &place);
    site.store.set_tag(&place, &"v1".parse().unwrap(), foreign);
    site.promote();
    assert_eq!(site.landfall(&["accept", "main"]).await.status.code(), Some(0));
    let planned = said(&site.landfall(&["plan"]).await);
    let command = planned
        .split('`')
        .find(|part| part.starts_with("landfall adopt"))
        .unwrap_or_else(|| panic!("{planned}"));
    let adopted = shell(&site, command).await;
    assert_eq!(adopted.status.code(), Some(0), "{adopted:?}");
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert_eq!(site.mirrored(), Some(site.image.root()));
}

async fn shell(site: &Site, line: &str) -> std::process::Output {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_landfall")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    tokio::process::Command::new("bash")
        .args(["-c", line])
        .current_dir(site.folder.path())
        .env("PATH", path)
        .env("HOME", site.folder.path())
        .output()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_reader_that_goes_away_ends_no_work() {
    let site = Site::set().await;
    site.promote();
    let line = "set -o pipefail; landfall apply -vvv --config config.toml 2>&1 | head -2";
    let output = shell(&site, line).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(site.mirrored(), Some(site.image.root()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_memory_fails_ends_so_that_it_is_started_again() {
    let site = accepted().await;
    // No file may grow beyond 64 KiB, as on a disk that is full.
    let line = "trap '' XFSZ; ulimit -f 64; exec landfall run --config config.toml";
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_landfall")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut command = tokio::process::Command::new("bash");
    command
        .args(["-c", line])
        .current_dir(site.folder.path())
        .env("PATH", path)
        .env("HOME", site.folder.path());
    let mut run = Daemon::start(command);
    assert_eq!(run.ends().await, Some(1), "{}", run.said);
    assert!(run.said.contains("memory"), "{}", run.said);
    let mut run = site.run(&[]);
    run.says(CONVERGED).await;
    assert_eq!(run.stop().await, Some(0));
}
