//! The program beside a Git host: `run`, `plan`, `validate`, `list`.

use std::fs;

use crate::git_host::{Fault, GitHost};
use crate::small_site::{CONVERGED, Site, said};

/// A site whose repository is served, and looked at there.
struct Elsewhere {
    site: Site,
    host: GitHost,
}

impl Elsewhere {
    async fn set() -> Self {
        let site = Site::set().await;
        site.promote();
        let host = GitHost::serving(site.folder.path()).await;
        let elsewhere = Self { site, host };
        elsewhere.configure("");
        elsewhere
    }

    fn url(&self) -> String {
        self.host.at("releases/.git")
    }

    /// `more` comes below [git].
    fn configure(&self, more: &str) {
        self.site.configure(&self.site.allowed());
        let path = self.site.path("config.toml");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("url = \"releases\"\n", &format!("url = \"{}\"\n{more}", self.url()));
        fs::write(path, text).unwrap();
    }

    async fn accept(&self) {
        let output = self.site.landfall(&["accept", "main"]).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_follows_a_repository_elsewhere_and_keeps_what_it_said_while_it_is_away() {
    let elsewhere = Elsewhere::set().await;
    let site = &elsewhere.site;
    elsewhere.accept().await;
    let mut run = site.run(&[]);
    run.says(CONVERGED).await;
    assert_eq!(site.mirrored(), Some(site.image.root()));

    elsewhere.host.break_with(Fault::Status(503, "X-Any", "a".to_owned()));
    let told = run.says("the host answers 503").await;
    assert!(told.contains("ERROR") && told.contains(&elsewhere.url()), "{told}");
    site.disturb();
    run.says("put back: tag production/team/app:v1").await;
    elsewhere.host.mend();
    run.says("over: ").await;

    let v2 = format!("{}\"v2\" = \"{}\"\n", site.promotion("v1"), site.image.root());
    site.commit(&[("promotions/team/app.toml", &v2)]);
    run.says("done: tag production/team/app:v2").await;
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_starts_without_its_host_and_holds_on_when_history_is_rewritten() {
    let elsewhere = Elsewhere::set().await;
    let (site, host) = (&elsewhere.site, &elsewhere.host);
    let repository = site.path("releases");
    let git = |arguments: &[&str]| crate::git_host::host_git(&repository, arguments);
    elsewhere.accept().await;
    host.break_with(Fault::Status(502, "X-Any", "a".to_owned()));
    let mut run = site.run(&[]);
    run.says("the clone that is here is used").await;
    run.says("done: copy production/team/app@").await;
    run.says("done: tag production/team/app:v1").await;
    host.mend();
    run.says("over: ").await;

    let former = git(&["rev-parse", "main"]);
    git(&["checkout", "-q", "--orphan", "other"]);
    git(&["commit", "-q", "-m", "Another history"]);
    git(&["branch", "-f", "main", "other"]);
    let told = run.says("no longer contains commit").await;
    assert!(told.contains(&former) && told.contains("accept"), "{told}");
    site.disturb();
    run.says("put back: tag production/team/app:v1").await;
    git(&["branch", "-D", "main"]);
    let told = run.says("branch `main` is gone").await;
    assert!(told.contains(&former) || told.contains("goes on being kept"), "{told}");
    assert_eq!(run.stop().await, Some(0), "{}", run.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_takes_the_same_urls_and_says_who_was_refused() {
    let elsewhere = Elsewhere::set().await;
    let site = &elsewhere.site;
    let url = elsewhere.url();
    for (arguments, code) in [
        (&["validate", "--repo", &url][..], 0),
        (&["list"], 0),
        (&["log"], 0),
        (&["graph"], 0),
        (&["plan"], 0),
        (&["plan", "--revision", "main"], 0),
        (&["plan", "--revision", "mian"], 3),
        (&["apply"], 0),
    ] {
        let output = site.landfall(arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    }
    assert_eq!(site.mirrored(), Some(site.image.root()));

    elsewhere.host.admit("Basic cm9ib3Q6aHVudGVyMg==");
    let output = site.landfall(&["plan"]).await;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(
        said(&output).contains("name them as `login` under [git]"),
        "{}",
        said(&output)
    );
    fs::write(site.path("token"), "wrong\n").unwrap();
    elsewhere.configure("login = { username = \"robot\", password-file = \"token\" }\n");
    let output = site.landfall(&["plan"]).await;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(said(&output).contains("refuses the credentials"), "{}", said(&output));
    fs::write(site.path("token"), "hunter2\n").unwrap();
    let output = site.landfall(&["plan", "-vvv"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("hunter2") && !said(&output).contains("cm9ib3Q6"));
}
