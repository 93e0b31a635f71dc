//! One verdict on a commit, told alike by plan and apply, as text and as JSON.

use serde_json::Value;

use crate::small_site::{Site, said};

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_one_project_is_told_with_its_line_and_nothing_is_said_to_be_as_desired() {
    let site = Site::set().await;
    site.promote();
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    let good = site.promotion("v1");
    site.commit(&[
        ("promotions/team/app.toml", &good),
        (
            "promotions/web/app.toml",
            "[images.app.tags]\n\"v1\" = \"sha256:short\"\n",
        ),
    ]);
    for arguments in [&["plan"][..], &["apply"], &["plan", "--detailed-exitcode"]] {
        let output = site.landfall(arguments).await;
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            !told.contains("Nothing to do") && !told.contains("as desired"),
            "{told}"
        );
        assert!(told.contains("promotions/web/app.toml:2:"), "{told}");
        let output = site.landfall(&[arguments, &["--format", "json"]].concat()).await;
        let told = json(&output);
        assert_eq!(told["result"], "partly", "{told}");
        assert_eq!(told["shortfall"]["errors"], 1, "{told}");
        assert_eq!(told["diagnostics"][0]["file"], "promotions/web/app.toml");
        assert_eq!(told["diagnostics"][0]["line"], 2);
        assert!(told["held"].is_array());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_reported_is_not_as_desired_either() {
    let mut site = Site::set().await;
    site.promote();
    assert_eq!(site.landfall(&["apply"]).await.status.code(), Some(0));
    site.rules = site
        .rules
        .replace("signer = \"release\"", "signer = \"release\"\ndrift = \"report\"");
    site.promote();
    let foreign = site.disturb();
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(5), "{applied:?}");
    let told = said(&applied);
    assert!(told.contains("1 step only reported"), "{told}");
    assert!(told.contains(&format!("from {foreign}")), "{told}");
    assert_eq!(site.mirrored(), Some(foreign));
    let planned = site.landfall(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(planned.status.code(), Some(2), "{planned:?}");
    assert!(!said(&planned).contains("Nothing to do"), "{planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_from_drift_and_from_all_being_well() {
    let site = Site::set().await;
    site.promote();
    let drift = site.landfall(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(drift.status.code(), Some(2), "{drift:?}");
    let Site {
        folder,
        source,
        primary,
        mirror,
        ..
    } = site;
    // Nobody listens at their ports from here on.
    for registry in [source, primary, mirror] {
        registry.shutdown().await;
    }
    for arguments in [&["plan"][..], &["plan", "--detailed-exitcode"]] {
        let all = [arguments, &["--config", "config.toml"]].concat();
        let output = crate::program::landfall(folder.path(), &all).await;
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {output:?}");
        let told = said(&output);
        assert!(told.contains("curl -i http://127.0.0.1"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_saved_is_applied_to_its_end_with_what_travels() {
    let site = Site::set().await;
    site.promote();
    let planned = site.landfall(&["plan", "--out", "plan.json"]).await;
    assert_eq!(planned.status.code(), Some(0), "{planned:?}");
    assert!(
        said(&planned).contains("`landfall apply plan.json --config config.toml` runs it"),
        "{planned:?}"
    );
    let applied = site.landfall(&["apply", "plan.json"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert!(said(&applied).contains("as desired"), "{applied:?}");
    assert_eq!(site.mirrored(), Some(site.image.root()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_look_says_that_nothing_is_remembered() {
    let site = Site::set().await;
    site.promote();
    let planned = site.landfall(&["plan"]).await;
    assert!(said(&planned).contains("knows no commit of `main` yet"), "{planned:?}");
    assert_eq!(site.landfall(&["apply"]).await.status.code(), Some(0));
    let planned = site.landfall(&["plan"]).await;
    assert!(!said(&planned).contains("knows no commit"), "{planned:?}");
    std::fs::remove_dir_all(site.path("state")).unwrap();
    let planned = site.landfall(&["plan"]).await;
    assert!(said(&planned).contains("knows no commit of `main` yet"), "{planned:?}");
}
