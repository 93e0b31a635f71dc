//! The promotion log, of histories that real git makes, held against what `git log -p` shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use landfall::model::Digest;
use landfall::sim::Seed;
use serde_json::Value;

use crate::program::landfall;

const RULES: &str = "version = 1\n[targets.production]\npublic-name = \"images.example.com\"\n\
                     primary = \"primary.example.com/images\"\nmutable-tags = [\"*\"]\n\
                     [projects.dns]\nsources = [\"staging.example.com/dns\"]\ntargets = [\"production\"]\npaths = [\"dns\"]\n";

/// A repository with a work tree, and a clock that stands still now and then.
struct Repository {
    folder: tempfile::TempDir,
    clock: i64,
    numbers: u64,
}

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("releases")).unwrap();
        let mut repository = Self {
            folder,
            clock: 1_767_225_600,
            numbers: 0,
        };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.write("landfall.toml", RULES);
        repository.write_image("dns", "coredns", &[("v0", "0")]);
        repository.commit("Begin");
        repository
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("releases")
    }

    fn git(&mut self, arguments: &[&str]) -> String {
        self.git_with(arguments, "Ada")
    }

    fn git_with(&mut self, arguments: &[&str], name: &str) -> String {
        let time = format!("{} +0000", self.clock);
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_EDITOR", "true")
            .envs([("GIT_AUTHOR_NAME", name), ("GIT_COMMITTER_NAME", name)])
            .envs([
                ("GIT_AUTHOR_EMAIL", "a@example.com"),
                ("GIT_COMMITTER_EMAIL", "c@example.com"),
            ])
            .envs([("GIT_AUTHOR_DATE", &time), ("GIT_COMMITTER_DATE", &time)])
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn write_image(&self, project: &str, image: &str, tags: &[(&str, &str)]) {
        let lines = tags
            .iter()
            .map(|(tag, content)| format!("\"{tag}\" = \"{}\"\n", Digest::of(content.as_bytes())));
        let text = format!("[images.{image}.tags]\n{}", lines.collect::<String>());
        self.write(&format!("promotions/{project}/{image}.toml"), &text);
    }

    /// Gives an image tags that no commit had before.
    fn promote(&mut self, image: &str) {
        self.numbers += 1;
        let (tag, content) = (format!("v{}", self.numbers % 3), self.numbers.to_string());
        self.write_image("dns", image, &[(&tag, &content), ("latest", &content)]);
        self.commit(&format!("Promote {image}"));
    }

    fn commit(&mut self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    /// Branches off, changes these images, and comes back.
    fn branch(&mut self, name: &str, images: &[&str]) {
        self.git(&["checkout", "--quiet", "-b", name]);
        for image in images {
            self.promote(image);
        }
        self.git(&["checkout", "--quiet", "main"]);
    }
}

/// A tag of a reference: what stood there before a commit, and after it.
type Moves = BTreeMap<(String, String), (Option<String>, Option<String>)>;

/// What `git log -p` shows, by commit, newest first; what changes nothing is left out.
fn shown_by_git(repository: &mut Repository) -> Vec<(String, Moves)> {
    let text = repository.git(&[
        "log",
        "--first-parent",
        "-m",
        "-p",
        "--unified=0",
        "--no-renames",
        "--format=commit %H",
        "--",
        "promotions",
    ]);
    let mut commits: Vec<(String, Moves)> = Vec::new();
    let mut image = String::new();
    for line in text.lines() {
        if let Some(id) = line.strip_prefix("commit ") {
            commits.push((id.to_owned(), Moves::new()));
        } else if let Some(path) = line.strip_prefix("diff --git a/") {
            let path = path.split(' ').next().unwrap();
            image = Path::new(path).file_stem().unwrap().to_string_lossy().into_owned();
        } else if let Some((tag, digest)) = line.get(1..).and_then(|line| line.split_once(" = "))
            && let Some(tag) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'))
        {
            let key = (format!("images.example.com/dns/{image}"), tag.to_owned());
            let entry = commits.last_mut().unwrap().1.entry(key).or_default();
            let digest = Some(digest.trim_matches('"').to_owned());
            match &line[..1] {
                "-" => entry.0 = digest,
                "+" => entry.1 = digest,
                _ => {}
            }
        }
    }
    for (_, moves) in &mut commits {
        moves.retain(|_, (before, after)| before != after);
    }
    commits.retain(|(_, moves)| !moves.is_empty());
    commits
}

/// The same, as landfall tells it.
fn told(log: &Value) -> Vec<(String, Moves)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut commits = Vec::new();
    for entry in log["entries"].as_array().unwrap() {
        let mut moves = Moves::new();
        for event in entry["events"].as_array().unwrap() {
            if ["promoted", "moved", "removed"].contains(&event["kind"].as_str().unwrap()) {
                let key = (text(&event["reference"]).unwrap(), text(&event["tag"]).unwrap());
                moves.insert(key, (text(&event["before"]), text(&event["after"])));
            }
        }
        if !moves.is_empty() {
            commits.push((text(&entry["commit"]).unwrap(), moves));
        }
    }
    commits
}

async fn log(repository: &Repository, arguments: &[&str]) -> Value {
    let all = [&["log", "--repo", "releases", "--format", "json"], arguments].concat();
    let output = landfall(repository.folder.path(), &all).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One of so many, by a seed.
fn draw(seed: u64, step: u64, of: u64) -> u64 {
    let bytes = Digest::of(format!("{} {step}", Seed(seed).0).as_bytes());
    u64::from(bytes.as_bytes()[0]) % of
}

fn grow(repository: &mut Repository, seed: u64) {
    const IMAGES: [&str; 3] = ["coredns", "kubedns", "node"];
    for step in 0..24 {
        let image = IMAGES[draw(seed, step * 2, 3) as usize];
        // Every third commit has the time of the one before.
        repository.clock += i64::from(step % 3 != 0);
        let name = format!("branch-{seed}-{step}");
        match draw(seed, step * 2 + 1, 7) {
            0 => repository.promote(image),
            1 => {
                repository.branch(&name, &[image, image]);
                repository.git(&["merge", "--quiet", "--no-ff", "--no-edit", &name]);
            }
            2 => {
                let (one, other) = (format!("{name}-one"), format!("{name}-other"));
                repository.branch(&one, &[IMAGES[0]]);
                repository.branch(&other, &[IMAGES[1]]);
                repository.promote(IMAGES[2]);
                repository.git(&["merge", "--quiet", "--no-edit", &one, &other]);
            }
            3 => {
                repository.promote(image);
                repository.git(&["revert", "--no-edit", "HEAD"]);
            }
            4 => {
                repository.branch(&name, &[image]);
                repository.promote(if image == "node" { "coredns" } else { "node" });
                repository.git(&["cherry-pick", &name]);
            }
            5 => {
                let path = repository.path().join(format!("promotions/dns/{image}.toml"));
                if path.exists() {
                    fs::remove_file(path).unwrap();
                }
                repository.commit("Withdraw it");
            }
            _ => {
                repository.numbers += 1;
                let content = repository.numbers.to_string();
                repository.write_image("dns", image, &[("latest", &content)]);
                repository.git(&["add", "--all"]);
                let encoded = [
                    "-c",
                    "i18n.commitEncoding=ISO-8859-1",
                    "commit",
                    "--quiet",
                    "-m",
                    "Über",
                ];
                repository.git_with(&encoded, "Zo\u{eb}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_what_git_shows_of_merges_reverts_cherry_picks_and_equal_times() {
    for seed in 0..3 {
        let mut repository = Repository::new();
        grow(&mut repository, seed);
        let shown = shown_by_git(&mut repository);
        assert!(shown.len() > 10, "seed {seed}");
        assert_eq!(told(&log(&repository, &[]).await), shown, "seed {seed}");
        // Told again from what was kept, and with what came since.
        assert_eq!(told(&log(&repository, &[]).await), shown, "seed {seed}");
        grow(&mut repository, seed + 100);
        let shown = shown_by_git(&mut repository);
        assert_eq!(told(&log(&repository, &[]).await), shown, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_tells_its_request_its_reviewers_and_who_wrote_what_it_brought_in() {
    let mut repository = Repository::new();
    repository.branch("coredns", &["coredns"]);
    let message = "Merge branch 'coredns' into 'main'\n\nPromote coredns\n\nSee merge request acme/images!34\nApproved-by: Bo <bo@example.com>";
    repository.clock += 60;
    repository.git_with(&["merge", "--quiet", "--no-ff", "-m", message, "coredns"], "Forge");
    let log = log(&repository, &["-n", "1"]).await;
    let entry = &log["entries"][0];
    assert_eq!(entry["author"]["name"], "Forge");
    assert_eq!(entry["pullRequest"]["forge"], "git-lab");
    assert_eq!(entry["pullRequest"]["name"], "acme/images!34");
    assert_eq!(entry["reviews"][0], "Approved-by: Bo <bo@example.com>");
    assert_eq!(entry["merged"]["commits"], 1);
    assert_eq!(entry["merged"]["authors"][0], "Ada <a@example.com>");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_the_log_is_all_that_it_shows() {
    let mut repository = Repository::new();
    repository.clock += 86_400;
    repository.promote("coredns");
    repository.clock += 86_400;
    repository.promote("node");
    let kinds = |log: Value| -> Vec<String> {
        let entries = log["entries"].as_array().unwrap().iter();
        let events = entries.flat_map(|entry| entry["events"].as_array().unwrap().clone());
        events
            .map(|event| {
                format!(
                    "{} {}",
                    event["kind"].as_str().unwrap(),
                    event["tag"].as_str().unwrap_or("-")
                )
            })
            .collect()
    };
    let told = kinds(log(&repository, &["images.example.com/dns/coredns"]).await);
    assert_eq!(told, ["promoted latest", "removed v0", "promoted v1", "promoted v0"]);
    let told = kinds(log(&repository, &["promotions/dns/node.toml"]).await);
    assert_eq!(told, ["promoted latest", "promoted v2"]);
    let told = kinds(
        log(
            &repository,
            &["--since", "2026-01-03", "--author", "ADA", "--project", "dns"],
        )
        .await,
    );
    assert_eq!(told, ["promoted latest", "promoted v2"]);
    let told = kinds(log(&repository, &["--until", "2026-01-01", "--kind", "promoted"]).await);
    assert_eq!(told, ["promoted v0"]);
    let digest = Digest::of(b"1").to_string();
    let told = kinds(log(&repository, &[&digest]).await);
    assert_eq!(told, ["promoted latest", "promoted v1"]);
    let csv = landfall(
        repository.folder.path(),
        &[
            "log",
            "--repo",
            "releases",
            "--format",
            "csv",
            "images.example.com/dns/node:latest",
        ],
    )
    .await;
    let text = String::from_utf8(csv.stdout).unwrap();
    assert!(
        text.lines()
            .nth(1)
            .unwrap()
            .contains(",promoted,production,dns,images.example.com/dns/node,latest,"),
        "{text}"
    );
    for (arguments, told) in [
        (
            &["images.example.com/dns/cordns"][..],
            "did you mean `images.example.com/dns/coredns`?",
        ),
        (&["--project", "dsn"], "did you mean `dns`?"),
        (&["--kind", "moves"], "there are: promoted, moved"),
        (&["--since", "yesterday"], "is no point in time"),
    ] {
        let output = landfall(
            repository.folder.path(),
            &[&["log", "--repo", "releases"], arguments].concat(),
        )
        .await;
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(told), "{text}");
    }
}
