//! One image's whole story: who asked for it, and where it stands.

use landfall::sim::registry::Requests;
use serde_json::Value;

use crate::small_site::{Site, said};

#[tokio::test(flavor = "multi_thread")]
async fn an_images_story_goes_from_the_commit_to_what_stands_at_each_endpoint() {
    let site = Site::set().await;
    site.promote();
    assert_eq!(site.landfall(&["apply"]).await.status.code(), Some(0));
    let digest = site.image.root();
    let name = "images.example.com/team/app:v1";
    let output = site.landfall(&["why", name]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = said(&output);
    for told in [
        &format!("images.example.com/team/app@{digest}"),
        "as v1, at target production, by project team (promotions/team/app.toml:2)",
        "Ada <ada@example.com>",
        "stands whole",
        "by signer release",
        "gate unchecked (mode off)",
        "borne out by Git",
        "git show",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains("NOT borne out"), "{text}");
    for same in [
        digest.to_string(),
        format!("images.example.com/team/app@{digest}"),
        "images.example.com/team/app".to_owned(),
    ] {
        let output = site.landfall(&["why", &same, "--format", "json"]).await;
        let story: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(story["images"].as_array().unwrap().len(), 1, "{story:#}");
        let image = &story["images"][0];
        assert_eq!(image["digest"], digest.to_string());
        assert_eq!(image["history"][0]["events"][0]["kind"], "promoted");
        assert_eq!(image["standing"].as_array().unwrap().len(), 2);
        assert_eq!(image["standing"][1]["records"][0]["borneOut"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_is_told_offline_and_what_was_never_asked_for_is_refused() {
    let site = Site::set().await;
    site.promote();
    site.commit(&[("promotions/team/app.toml", &site.promotion("v2"))]);
    let before = site.store.requests();
    let text = said(
        &site
            .landfall(&["why", "images.example.com/team/app:v1", "--offline"])
            .await,
    );
    assert!(text.contains("promoted") && text.contains("removed"), "{text}");
    assert!(text.contains("no registry was asked"), "{text}");
    assert_eq!(site.store.requests(), before);
    assert_eq!(before, Requests::default());
    let wrong = site.landfall(&["why", "images.example.com/team/ap:v1"]).await;
    assert_eq!(wrong.status.code(), Some(3), "{wrong:?}");
    assert!(
        said(&wrong).contains("did you mean `images.example.com/team/app"),
        "{wrong:?}"
    );
}
