//! What is asked for, listed in the forms that people pipe, now and as it was.

use landfall::sim::registry::Requests;
use serde_json::Value;

use crate::small_site::{Site, said};

async fn listed(site: &Site, arguments: &[&str]) -> String {
    let output = site.landfall(&[&["list"], arguments].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_listed_in_every_format_without_a_network() {
    let site = Site::set().await;
    site.promote();
    let digest = site.image.root();
    let text = listed(&site, &[]).await;
    let line = text.lines().nth(1).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        cells,
        [
            "images.example.com/team/app:v1",
            &digest.to_string(),
            "production",
            "team",
            "promotions/team/app.toml:2"
        ]
    );
    let digests = listed(&site, &["--format", "digests"]).await;
    assert_eq!(digests, format!("images.example.com/team/app@{digest}\n"));
    let at = listed(&site, &["--format", "digests", "--endpoint", "europe"]).await;
    assert_eq!(at, format!("{}/images/team/app@{digest}\n", site.mirror.registry()));
    let csv = listed(&site, &["--format", "csv"]).await;
    let source = format!("{}/staging/app", site.source.registry());
    assert_eq!(
        csv,
        format!(
            "target,project,reference,tag,digest,source,endpoints,signer,file,line\n\
             production,team,images.example.com/team/app,v1,{digest},{source},primary europe,release,promotions/team/app.toml,2\n"
        )
    );
    let json: Value = serde_json::from_str(&listed(&site, &["--format", "json"]).await).unwrap();
    assert_eq!(json["images"][0]["tags"][0], "v1");
    assert_eq!(json["images"][0]["digest"], digest.to_string());
    assert_eq!(site.store.requests(), Requests::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_earlier_is_listed_as_it_stood() {
    let site = Site::set().await;
    site.promote();
    site.commit(&[("promotions/team/app.toml", &site.promotion("v2"))]);
    assert!(listed(&site, &[]).await.contains("team/app:v2"));
    assert!(listed(&site, &["--at", "HEAD~1"]).await.contains("team/app:v1"));
    let before = site.landfall(&["list", "--at", "2001-01-01"]).await;
    assert_eq!(before.status.code(), Some(3), "{before:?}");
    assert!(said(&before).contains("begins after 2001-01-01"), "{before:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_history_binds_to_another_digest_is_not_listed_and_names_that_are_not_there_are_told() {
    let site = Site::set().await;
    site.promote();
    let other = site.image.manifests()[0].digest;
    let moved = format!("[images.app.tags]\n\"v1\" = \"{other}\"\n");
    site.commit(&[("promotions/team/app.toml", &moved)]);
    let output = site.landfall(&["list", "--format", "digests"]).await;
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b""[..]));
    assert!(said(&output).contains("1 claim of commit"), "{output:?}");
    let wrong = site.landfall(&["list", "--target", "producton"]).await;
    assert_eq!(wrong.status.code(), Some(3));
    assert!(said(&wrong).contains("did you mean `production`?"), "{wrong:?}");
}
