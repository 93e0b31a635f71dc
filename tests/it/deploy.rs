//! What `deploy/` and the hooks for pre-commit run, in a repository with a change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use landfall::model::Digest;
use landfall::source::author::{self, Identity, Layout};
use tempfile::TempDir;

const RULES: &str = "version = 1\n\n[targets.production]\npublic-name = \"registry.example.com\"\n\
    primary = \"primary.example.com/images\"\n\n[projects.dns]\nsources = [\"staging.example.com/dns\"]\n\
    targets = [\"production\"]\npaths = [\"dns\"]\n";
const PATH: &str = "promotions/dns/coredns.toml";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(content: &str) -> String {
    format!(
        "[images.coredns.tags]\n\"v1\" = \"{}\"\n",
        Digest::of(content.as_bytes())
    )
}

/// A checkout in which `origin/main` is what was merged last.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let checkout = Self(folder);
        let path = checkout.path();
        author::init(&path, Layout::WorkTree, "main").unwrap();
        let formatted = |path: &str, text: &str| landfall::desired::format(&path.into(), text).unwrap().into_bytes();
        let files: BTreeMap<String, Vec<u8>> = [("landfall.toml", RULES), (PATH, &manifest("1"))]
            .map(|(path, text)| (path.to_owned(), formatted(path, text)))
            .into();
        let author = Identity {
            name: "A",
            mail: "a@example.com",
        };
        let time = Timestamp::from_second(1_700_000_000).unwrap();
        let commit = author::commit(&path, "main", &files, "Begin", author, time).unwrap();
        let remote = path.join(".git/refs/remotes/origin");
        fs::create_dir_all(&remote).unwrap();
        fs::write(remote.join("main"), format!("{commit}\n")).unwrap();
        checkout
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("repository")
    }

    fn write(&self, text: &str) {
        fs::write(self.path().join(PATH), text).unwrap();
    }

    fn run(&self, command: &mut Command) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = command.current_dir(self.path()).output().unwrap();
        let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        (status.code(), said)
    }

    /// Runs a line of a template as its runner would, with landfall on PATH.
    fn shell(&self, line: &str) -> (Option<i32>, String) {
        let program = Path::new(env!("CARGO_BIN_EXE_landfall")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        self.run(
            Command::new("bash")
                .args(["-c", line])
                .env("PATH", path)
                .env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")
                .env("LANDFALL_DIRECTORY", "."),
        )
    }

    fn action(&self, variables: &[(&str, &Path)]) -> (Option<i32>, String) {
        self.run(
            Command::new(root().join("deploy/github-action/validate.sh"))
                .env_remove("GITHUB_STEP_SUMMARY")
                .env("LANDFALL", env!("CARGO_BIN_EXE_landfall"))
                .envs(variables.iter().copied()),
        )
    }
}

#[test]
fn the_action_annotates_summarises_and_keeps_sarif_where_something_is_wrong() {
    let checkout = Checkout::new();
    checkout.write(&manifest("2"));
    let (sarif, summary) = (
        checkout.0.path().join("landfall.sarif"),
        checkout.0.path().join("summary.md"),
    );
    let (code, said) = checkout.action(&[
        ("LANDFALL_BASE", Path::new("origin/main")),
        ("LANDFALL_SARIF", &sarif),
        ("GITHUB_STEP_SUMMARY", &summary),
    ]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with(&format!("::error file={PATH},line=2,")), "{said}");
    let sarif: serde_json::Value = serde_json::from_str(&fs::read_to_string(sarif).unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "immutable-tag");
    let summary = fs::read_to_string(summary).unwrap();
    assert!(summary.lines().all(|line| line.starts_with("    ")), "{summary}");
    assert!(summary.contains("invalid: 1 error"), "{summary}");
}

#[test]
fn the_action_passes_what_is_right_and_refuses_to_guess_a_base() {
    let checkout = Checkout::new();
    let (code, said) = checkout.action(&[("LANDFALL_BASE", Path::new("origin/main"))]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = checkout.action(&[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("LANDFALL_BASE"), "{said}");
}

/// The texts behind `key` in a file of ours; each stands on a line of its own.
fn lines_of(file: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(key))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_lines_of_the_gitlab_template_run() {
    let lines = lines_of("deploy/gitlab-ci.yml", "- landfall ");
    assert_eq!(lines.len(), 3);
    let checkout = Checkout::new();
    for line in &lines {
        let (code, said) = checkout.shell(&format!("landfall {line}"));
        assert_eq!(code, Some(0), "{line}: {said}");
    }
    checkout.write(&manifest("2"));
    assert_eq!(checkout.shell(&format!("landfall {}", lines[0])).0, Some(3));
    let report = fs::read_to_string(checkout.path().join("landfall.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&report).unwrap()["valid"],
        true
    );
}

#[test]
fn the_hooks_refuse_what_does_not_belong_into_a_commit() {
    let hooks = lines_of(".pre-commit-hooks.yaml", "entry: ");
    let [validate, fmt] = &hooks[..] else {
        panic!("{hooks:?}")
    };
    let checkout = Checkout::new();
    let fmt = format!("{fmt} {PATH}");
    assert_eq!(checkout.shell(validate).0, Some(0));
    assert_eq!(checkout.shell(&fmt).0, Some(0));
    checkout.write(&manifest("1").replace(" = ", "="));
    assert_eq!(checkout.shell(&fmt).0, Some(2));
    checkout.write("v1 = 1\n");
    assert_eq!(checkout.shell(validate).0, Some(3));
}

#[test]
fn every_template_is_yaml() {
    for file in [
        ".pre-commit-hooks.yaml",
        "deploy/github-action/action.yml",
        "deploy/github-workflow.yml",
        "deploy/gitlab-ci.yml",
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for event in saphyr_parser::Parser::new_from_str(&text) {
            assert!(event.is_ok(), "{file}: {event:?}");
        }
    }
}
