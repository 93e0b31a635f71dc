//! Commands beside a running `landfall run`: they have it do what they ask for, through its socket.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tokio::net::UnixDatagram;

use crate::program;
use crate::small_site::{CONVERGED, Daemon, Site, said};

async fn running() -> (Site, Daemon) {
    let site = Site::set().await;
    site.promote();
    let output = site.landfall(&["accept", "main"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut run = site.run(&[]);
    run.says(CONVERGED).await;
    (site, run)
}

async fn json(site: &Site, arguments: &[&str]) -> Value {
    let output = site.landfall(&[arguments, &["--format", "json"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_everything_and_of_one_image_is_told() {
    let (site, mut run) = running().await;
    let told = said(&site.landfall(&["status"]).await);
    assert!(told.contains("As desired: commit"), "{told}");
    assert!(told.contains("production: 1 of 1 image as desired"), "{told}");
    assert!(told.contains("europe"), "{told}");

    let status = json(&site, &["status"]).await;
    let target = &status["targets"][0];
    assert_eq!(target["asDesired"], 1, "{status:#}");
    let ready = target["conditions"].as_array().unwrap();
    let ready = ready.iter().find(|condition| condition["type"] == "Ready").unwrap();
    assert_eq!(ready["status"], "True", "{status:#}");

    for reference in ["images.example.com/team/app:v1", "production/team/app", "production"] {
        let images = json(&site, &["status", reference]).await;
        assert_eq!(images["total"], 1, "{reference}: {images:#}");
        let endpoints = images["items"][0]["endpoints"].as_array().unwrap();
        assert_eq!(endpoints.len(), 2, "{images:#}");
        for part in endpoints
            .iter()
            .flat_map(|endpoint| endpoint["parts"].as_array().unwrap())
        {
            assert_eq!(part["state"], "stands", "{images:#}");
        }
    }
    let unknown = site.landfall(&["status", "images.example.com/team/other"]).await;
    assert_ne!(unknown.status.code(), Some(0));
    assert!(
        said(&unknown).contains("nothing that is promoted is called"),
        "{unknown:?}"
    );
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_looks_now_and_waits_until_what_is_wrong_is_put_right() {
    let (site, mut run) = running().await;
    site.disturb();
    let output = site.landfall(&["reconcile", "images.example.com/team/app:v1"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said(&output).contains("As desired"), "{output:?}");
    assert_eq!(site.mirrored(), Some(site.image.root()));
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_while_writes_are_paused_and_a_restart_does_not_forget_it() {
    let (site, mut run) = running().await;
    let paused = site.landfall(&["pause", "--reason", "the registry is moved"]).await;
    assert_eq!(paused.status.code(), Some(0), "{paused:?}");
    let foreign = site.disturb();
    let output = site.landfall(&["reconcile"]).await;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(said(&output).contains("the registry is moved"), "{output:?}");
    assert_eq!(site.mirrored(), Some(foreign), "nothing was written");
    let told = said(&site.landfall(&["status"]).await);
    assert!(
        told.contains("the registry is moved") && told.contains("landfall resume"),
        "{told}"
    );
    assert_eq!(run.stop().await, Some(0), "{}", run.said);

    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(1), "{applied:?}");
    assert!(said(&applied).contains("the registry is moved"), "{applied:?}");
    let mut run = site.run(&[]);
    run.says("landfall runs").await;
    let output = site.landfall(&["reconcile"]).await;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_eq!(site.mirrored(), Some(foreign), "nothing was written");
    let resumed = site.landfall(&["resume"]).await;
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
    let output = site.landfall(&["reconcile"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(site.mirrored(), Some(site.image.root()));
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_its_owners_alone_and_is_gone_with_the_daemon() {
    let (site, mut run) = running().await;
    let socket = site.path("state/landfall.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
    assert!(!socket.exists());
    let output = site.landfall(&["status"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said(&output).contains("no `landfall run` listens"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_that_it_is_ready_that_it_lives_and_that_it_stops() {
    let site = Site::set().await;
    site.promote();
    let accepted = site.landfall(&["accept", "main"]).await;
    assert_eq!(accepted.status.code(), Some(0), "{accepted:?}");
    let path = site.path("notify.sock");
    let told = UnixDatagram::bind(&path).unwrap();
    let mut command = program::command(site.folder.path(), &["run", "--config", "config.toml"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let mut run = Daemon::start(command);
    let mut heard = Vec::new();
    // Whoever is told that it is ready may ask it.
    while heard.last().map(String::as_str) != Some("WATCHDOG=1") {
        heard.push(next(&told).await);
    }
    assert_eq!(heard[0], "READY=1", "{heard:?}");
    let output = site.landfall(&["status"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
    while heard.last().map(String::as_str) != Some("STOPPING=1") {
        heard.push(next(&told).await);
    }
}

async fn next(told: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), told.recv(&mut message)).await;
    let length = waited.expect("systemd is told nothing").unwrap();
    String::from_utf8(message[..length].to_vec())
        .unwrap()
        .trim_end()
        .to_owned()
}
