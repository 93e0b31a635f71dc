//! Signers are looked at before anything is written.

use std::fs;

use crate::small_site::{Site, said};

async fn refused(site: &Site, because: &str) {
    let mark = site.store.now();
    let output = site.landfall(&["apply"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = said(&output);
    assert_eq!(told.matches(because).count(), 1, "{told}");
    assert_eq!(site.store.client_writes_since(mark), [], "nothing is written");
    let planned = site.landfall(&["plan"]).await;
    assert!(said(&planned).contains(because), "{planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_file_that_nobody_made_is_told_once_before_anything_is_copied() {
    let site = Site::set().await;
    site.commit(&[
        ("promotions/team/app.toml", &site.promotion("v1")),
        ("promotions/web/app.toml", &site.promotion("v2")),
    ]);
    fs::remove_file(site.path("release.password")).unwrap();
    refused(&site, "release.password cannot be read").await;
    let planned = site.landfall(&["plan"]).await;
    assert_eq!(planned.status.code(), Some(3), "{planned:?}");
    assert_eq!(landfall_accept(&site).await, Some(0));
    let mut run = site.run(&[]);
    assert_eq!(run.ends().await, Some(3), "{}", run.said);
    assert!(run.said.contains("release.password cannot be read"), "{}", run.said);
}

async fn landfall_accept(site: &Site) -> Option<i32> {
    site.landfall(&["accept", "main"]).await.status.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_another_pair_of_keys_are_told_before_anything_is_copied() {
    let site = Site::set().await;
    site.promote();
    fs::write(site.path("release.password"), "wrong").unwrap();
    refused(&site, "the password does not open the key").await;
    let other = landfall::trust::key_file::generate(b"other").unwrap();
    fs::write(site.path("release.key"), other.private_pem.as_bytes()).unwrap();
    fs::write(site.path("release.password"), "other").unwrap();
    refused(&site, "belongs to the public key").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_allow_writes_has_to_say_is_said_alike_by_plan_apply_and_run() {
    let site = Site::set().await;
    site.promote();
    site.configure("");
    let line = format!(
        "allow-writes = [\"{}/images\", \"{}/images\"]",
        site.primary.registry(),
        site.mirror.registry()
    );
    let planned = said(&site.landfall(&["plan"]).await);
    assert!(planned.contains(&line), "{planned}");
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(4), "{applied:?}");
    assert!(said(&applied).contains(&line), "{applied:?}");
    assert_eq!(landfall_accept(&site).await, Some(0));
    let mut run = site.run(&[]);
    let told = run.says("`allow-writes` does not cover").await;
    assert!(told.replace('\\', "").contains(&line), "{told}");
    assert_eq!(run.stop().await, Some(0));
    let proposals = run.said.matches("allow-writes = [").count();
    assert_eq!(proposals, 1, "{}", run.said);
    // The line that is printed works.
    site.configure(&format!("{line}\n"));
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
}
