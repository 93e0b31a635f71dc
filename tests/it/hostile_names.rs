//! Names that others chose never steer a terminal, nor a build service that reads what is said.

use crate::small_site::{Site, said};

const NAMES: [&str; 3] = [
    "promotions/team/\u{1b}]0;owned\u{7}\n::error::x.toml",
    "promotions/team/a\u{202e}lmot.toml",
    "promotions/team/##[error]\u{9b}2J.toml",
];

fn assert_harmless(what: &str, told: &str) {
    for steering in ['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}', '\r'] {
        assert!(!told.contains(steering), "{what}: {told:?}");
    }
    assert!(!told.contains("##["), "{what}: {told:?}");
    let command = told.lines().find(|line| line.trim_start().starts_with("::"));
    assert_eq!(command, None, "{what}: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_names_are_shown_and_not_obeyed() {
    let site = Site::set().await;
    let texts = ["v1", "v2", "v3"].map(|tag| site.promotion(tag));
    let files: Vec<_> = NAMES
        .iter()
        .zip(&texts)
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    site.commit(&files);
    let wrong: Vec<_> = NAMES
        .iter()
        .map(|name| (name.replace("/team/", "/web/"), "[images.app.tags]\n\"v1\" = 3\n"))
        .collect();
    let all: Vec<_> = files
        .iter()
        .copied()
        .chain(wrong.iter().map(|(name, text)| (name.as_str(), *text)))
        .collect();
    site.commit(&all);
    for arguments in [
        &["plan"][..],
        &["plan", "--format", "json"],
        &["plan", "--diagram", "mermaid"],
        &["graph"],
        &["apply", "-vvv"],
        &["apply", "--format", "json", "--log-format", "json", "-vv"],
    ] {
        let output = site.landfall(arguments).await;
        assert_harmless(&arguments.join(" "), &said(&output));
    }
    let validated = crate::program::landfall(site.folder.path(), &["validate", "releases"]).await;
    assert_harmless("validate", &said(&validated));
    assert_eq!(site.landfall(&["accept", "main"]).await.status.code(), Some(0));
    let mut run = site.run(&[]);
    run.says("not as desired").await;
    run.stop().await;
    assert_harmless("run", &run.said);
    let annotated = crate::program::landfall(site.folder.path(), &["validate", "releases", "--format", "github"]).await;
    let told = said(&annotated);
    assert!(told.lines().all(|line| line.starts_with("::")), "{told:?}");
    assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{told:?}");
}
