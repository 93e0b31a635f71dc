//! Changes in real repositories, in every format.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ValidateCommand;
use crate::cli::arguments::WrittenFormat;
use crate::cli::{Common, ExitCode, Format, LogFormat};
use crate::model::{CommitId, Digest};
use crate::source::author::{self, Identity, Layout, NewCommit, Parents};

const RULES: &str = r#"version = 1

[targets.production]
public-name = "registry.example.com"
primary = "primary.example.com/images"
mutable-tags = ["latest"]

[projects.dns]
sources = ["staging.example.com/dns"]
targets = ["production"]
paths = ["dns"]

[projects.node]
sources = ["staging.example.com/node"]
targets = ["production"]
paths = ["node"]
"#;

fn digest(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

/// An image of the project that the path names, with the content of each tag.
pub fn manifest(image: &str, tags: &[(&str, &str)]) -> String {
    let lines = tags
        .iter()
        .map(|(tag, content)| format!("\"{tag}\" = \"{}\"\n", digest(content)));
    format!("[images.{image}.tags]\n{}", lines.collect::<String>())
}

/// A repository with a work tree, on branch `main`.
pub struct Repository {
    folder: TempDir,
    commits: i64,
}

impl Repository {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        author::init(&folder.path().join("repository"), Layout::WorkTree, "main").unwrap();
        let mut repository = Self { folder, commits: 0 };
        let dns = manifest("coredns", &[("latest", "2"), ("v1", "1"), ("v2", "2")]);
        let node = manifest("node", &[("v1", "1"), ("v2", "2")]);
        repository.commit(
            "main",
            Parents::Tip,
            &[
                ("landfall.toml", RULES),
                ("promotions/dns/coredns.toml", &dns),
                ("promotions/node/node.toml", &node),
            ],
        );
        repository
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn commit(&mut self, branch: &str, parents: Parents<'_>, files: &[(&str, &str)]) -> CommitId {
        self.commits += 1;
        let write: BTreeMap<String, Vec<u8>> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        NewCommit {
            branch,
            parents,
            write: &write,
            remove: &[],
            message: "Change",
            author: Identity {
                name: "A",
                mail: "a@example.com",
            },
            time: Timestamp::from_second(1_700_000_000 + self.commits).unwrap(),
        }
        .write_to(&self.path())
        .unwrap()
    }

    fn command(&self) -> ValidateCommand {
        ValidateCommand {
            directory: Some(self.path()),
            base: Some("main".to_owned()),
            head: None,
            detailed_exitcode: false,
        }
    }
}

/// The flags of every command, as they are without any.
pub(super) fn common(written: WrittenFormat) -> Common {
    Common {
        repo: None,
        revision: None,
        config: None,
        written,
        format: Format::Text,
        verbose: 0,
        quiet: false,
        no_progress: true,
        log_format: LogFormat::Text,
    }
}

fn run(command: ValidateCommand, format: WrittenFormat) -> (ExitCode, String) {
    let mut output = Vec::new();
    let code = command.run(&common(format), &mut output).unwrap();
    (code, String::from_utf8(output).unwrap())
}

/// A work tree with an error, something to look at, and something that is neither.
fn changed() -> Repository {
    let repository = Repository::new();
    repository.write("landfall.toml", &RULES.replace("[\"dns\"]", "[\"dns\", \"names\"]"));
    repository.write(
        "promotions/dns/coredns.toml",
        &manifest("coredns", &[("latest", "3"), ("v1", "2"), ("v3", "3")]),
    );
    repository
}

#[test]
fn people_read_what_is_wrong_what_to_look_at_and_what_happens() {
    let (code, output) = run(changed().command(), WrittenFormat::Text);
    assert_eq!(code, ExitCode::Invalid);
    insta::assert_snapshot!(output);
}

#[test]
fn programs_read_the_same() {
    let (_, output) = run(changed().command(), WrittenFormat::Json);
    insta::assert_snapshot!(output);
}

#[test]
fn pull_requests_get_annotations() {
    let (_, output) = run(changed().command(), WrittenFormat::Github);
    insta::assert_snapshot!(output);
}

#[test]
fn code_scanning_gets_sarif() {
    let (_, output) = run(changed().command(), WrittenFormat::Sarif);
    let log: Value = serde_json::from_str(&output).unwrap();
    let schema = jsonschema::validator_for(&sarif_schema()).unwrap();
    let wrong: Vec<String> = schema.iter_errors(&log).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    insta::assert_snapshot!(output);
}

/// Of the schema of SARIF 2.1.0, what says something about the objects that landfall writes.
fn sarif_schema() -> Value {
    let object = |properties: Value, required: &[&str]| json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required });
    let message = object(json!({ "text": { "type": "string" } }), &["text"]);
    let level = json!({ "enum": ["none", "note", "warning", "error"] });
    let positive = json!({ "type": "integer", "minimum": 1 });
    let region = object(
        json!({ "startLine": positive, "startColumn": positive, "endLine": positive, "endColumn": positive }),
        &[],
    );
    let artifact = object(
        json!({ "uri": { "type": "string", "format": "uri-reference" }, "uriBaseId": { "type": "string" } }),
        &[],
    );
    let physical = object(
        json!({ "artifactLocation": artifact, "region": region }),
        &["artifactLocation"],
    );
    let result = object(
        json!({
            "ruleId": { "type": "string" },
            "ruleIndex": { "type": "integer", "minimum": -1 },
            "level": level,
            "message": message,
            "locations": { "type": "array", "items": object(json!({ "physicalLocation": physical }), &[]) },
            "partialFingerprints": { "type": "object", "additionalProperties": { "type": "string" } },
        }),
        &["message"],
    );
    let rule = object(
        json!({
            "id": { "type": "string" },
            "shortDescription": message,
            "help": message,
            "defaultConfiguration": object(json!({ "level": level }), &[]),
        }),
        &["id"],
    );
    let driver = object(
        json!({
            "name": { "type": "string" },
            "semanticVersion": { "type": "string" },
            "rules": { "type": "array", "uniqueItems": true, "items": rule },
        }),
        &["name"],
    );
    let notification = object(json!({ "level": level, "message": message }), &["message"]);
    let invocation = object(
        json!({
            "executionSuccessful": { "type": "boolean" },
            "toolExecutionNotifications": { "type": "array", "items": notification },
        }),
        &["executionSuccessful"],
    );
    let run = object(
        json!({
            "tool": object(json!({ "driver": driver }), &["driver"]),
            "invocations": { "type": "array", "items": invocation },
            "columnKind": { "enum": ["utf16CodeUnits", "unicodeCodePoints"] },
            "results": { "type": "array", "items": result },
        }),
        &["tool"],
    );
    object(
        json!({
            "$schema": { "type": "string", "format": "uri" },
            "version": { "const": "2.1.0" },
            "runs": { "type": "array", "items": run },
        }),
        &["version", "runs"],
    )
}

#[test]
fn a_commit_is_judged_without_a_checkout_and_from_where_it_began() {
    let mut repository = Repository::new();
    let began = repository.commit("main", Parents::Tip, &[("README.md", "1")]);
    let v3 = manifest("coredns", &[("latest", "2"), ("v1", "1"), ("v2", "2"), ("v3", "3")]);
    let head = repository.commit(
        "change",
        Parents::Exactly(&[began]),
        &[("promotions/dns/coredns.toml", &v3)],
    );
    repository.commit(
        "main",
        Parents::Exactly(&[began]),
        &[("promotions/node/node.toml", &manifest("node", &[]))],
    );
    let command = ValidateCommand {
        head: Some("change".to_owned()),
        detailed_exitcode: true,
        ..repository.command()
    };
    let (code, output) = run(command, WrittenFormat::Json);
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(code, ExitCode::AsDesired, "{output}");
    assert_eq!(report["comparison"]["mergeBase"], began.to_string());
    assert_eq!(
        report["comparison"]["head"],
        json!({ "commit": head.to_string(), "workTree": false })
    );
    assert_eq!(report["changes"].as_array().unwrap().len(), 1);
    assert_eq!(report["changes"][0]["tag"], "v3");
}

#[test]
fn what_only_needs_a_look_ends_with_2_where_that_is_asked_for() {
    let repository = Repository::new();
    repository.write("promotions/node/node.toml", &manifest("node", &[("v2", "2")]));
    for (detailed_exitcode, expected) in [(false, ExitCode::AsDesired), (true, ExitCode::Differences)] {
        let command = ValidateCommand {
            detailed_exitcode,
            ..repository.command()
        };
        assert_eq!(run(command, WrittenFormat::Text).0, expected);
    }
}

#[test]
fn a_folder_of_a_repository_is_named_as_the_repository_knows_it() {
    let mut repository = Repository::new();
    repository.commit(
        "main",
        Parents::Tip,
        &[
            ("registries/a b/landfall.toml", RULES),
            ("registries/a b/promotions/dns/x.toml", &manifest("x", &[("v1", "1")])),
        ],
    );
    repository.write("registries/a b/promotions/dns/x.toml", &manifest("x", &[("v1", "2")]));
    let command = || ValidateCommand {
        directory: Some(repository.path().join("registries/a b")),
        ..repository.command()
    };
    let (_, annotations) = run(command(), WrittenFormat::Github);
    assert!(
        annotations.starts_with("::error file=registries/a b/promotions/dns/x.toml,line=2,"),
        "{annotations}"
    );
    let (_, sarif) = run(command(), WrittenFormat::Sarif);
    assert!(sarif.contains("\"registries/a%20b/promotions/dns/x.toml\""), "{sarif}");
}

#[test]
fn the_first_change_begins_everything() {
    let folder = TempDir::new().unwrap();
    author::init(&folder.path().join("repository"), Layout::WorkTree, "main").unwrap();
    let mut repository = Repository { folder, commits: 0 };
    repository.commit("main", Parents::Tip, &[("README.md", "1")]);
    repository.write("landfall.toml", RULES);
    let (code, output) = run(repository.command(), WrittenFormat::Text);
    assert_eq!(code, ExitCode::AsDesired);
    assert!(output.contains("there is no valid landfall.toml there"), "{output}");
}

fn refused(command: ValidateCommand) -> String {
    let error = command.run(&common(WrittenFormat::Text), &mut Vec::new()).unwrap_err();
    assert_eq!(ExitCode::of(&error), ExitCode::Invalid);
    format!("{error}")
}

#[test]
fn a_shallow_clone_is_refused_with_the_remedy() {
    let repository = Repository::new();
    let tip = repository.command();
    let head = crate::source::GitRepository::open(&repository.path(), Default::default()).unwrap();
    let head = crate::source::Source::head(&head).unwrap();
    fs::write(repository.path().join(".git/shallow"), format!("{head}\n")).unwrap();
    assert!(refused(tip).contains("fetch-depth: 0"));
}

#[test]
fn revisions_that_do_not_exist_or_share_nothing_are_refused() {
    let mut repository = Repository::new();
    let unknown = ValidateCommand {
        base: Some("origin/main".to_owned()),
        ..repository.command()
    };
    assert!(refused(unknown).contains("`origin/main` names no commit"));
    repository.commit("other", Parents::Exactly(&[]), &[("landfall.toml", RULES)]);
    let unrelated = ValidateCommand {
        head: Some("other".to_owned()),
        ..repository.command()
    };
    assert!(refused(unrelated).contains("no commit in common"));
    let outside = TempDir::new().unwrap();
    let nowhere = ValidateCommand {
        directory: Some(outside.path().to_owned()),
        ..repository.command()
    };
    assert!(refused(nowhere).contains("no Git repository"));
}

/// `git`, in a repository, with nothing of the user's.
fn git(repository: &Repository, arguments: &[&str]) {
    let status = std::process::Command::new("git")
        .arg("-C")
        .arg(repository.path())
        .args([
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.com",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{arguments:?}");
}

fn alone(repository: &Repository) -> ValidateCommand {
    ValidateCommand {
        base: None,
        ..repository.command()
    }
}

fn report(repository: &Repository) -> (ExitCode, Value) {
    let (code, output) = run(alone(repository), WrittenFormat::Json);
    (code, serde_json::from_str(&output).unwrap())
}

fn codes(report: &Value) -> Vec<&str> {
    let found = report["diagnostics"].as_array().unwrap();
    found.iter().map(|found| found["code"].as_str().unwrap()).collect()
}

#[test]
fn a_moved_immutable_tag_is_found_without_a_base() {
    let repository = Repository::new();
    assert_eq!(report(&repository).0, ExitCode::AsDesired);
    repository.write(
        "promotions/dns/coredns.toml",
        &manifest("coredns", &[("latest", "2"), ("v1", "2")]),
    );
    let (code, found) = report(&repository);
    assert_eq!((code, codes(&found)), (ExitCode::Invalid, vec!["immutable-tag"]));
    assert_eq!(
        (&found["uncommittedFiles"], &found["valid"]),
        (&json!(1), &json!(false))
    );
}

#[test]
fn history_that_was_not_looked_at_is_said_in_every_format() {
    let repository = Repository::new();
    let head = crate::source::GitRepository::open(&repository.path(), Default::default()).unwrap();
    let head = crate::source::Source::head(&head).unwrap();
    fs::write(repository.path().join(".git/shallow"), format!("{head}\n")).unwrap();
    for format in [
        WrittenFormat::Text,
        WrittenFormat::Json,
        WrittenFormat::Github,
        WrittenFormat::Sarif,
    ] {
        let (code, output) = run(alone(&repository), format);
        assert_eq!(code, ExitCode::AsDesired);
        assert!(output.contains("fetch-depth: 0"), "{output}");
    }
}

#[test]
fn what_git_ignores_is_not_judged_and_said() {
    let repository = Repository::new();
    repository.write(".gitignore", "more.toml\n");
    repository.write("promotions/dns/more.toml", "broken");
    let (code, found) = report(&repository);
    assert_eq!((code, codes(&found)), (ExitCode::AsDesired, vec!["ignored-file"]));
    git(&repository, &["add", "--force", "promotions/dns/more.toml"]);
    assert_eq!(codes(&report(&repository).1), ["syntax"]);
}

#[test]
fn a_submodule_is_no_folder_of_files() {
    let repository = Repository::new();
    let inner = Repository::new();
    let path = inner.path().display().to_string();
    git(
        &repository,
        &["submodule", "--quiet", "add", &path, "promotions/dns/team"],
    );
    let refused = |uncommitted: u64| {
        let (code, found) = report(&repository);
        assert_eq!((code, codes(&found)), (ExitCode::Invalid, vec!["submodule"]), "{found}");
        assert_eq!(found["diagnostics"][0]["file"], "promotions/dns/team");
        assert_eq!(found["uncommittedFiles"], uncommitted);
    };
    refused(1);
    git(&repository, &["commit", "-q", "-m", "The team's promotions"]);
    refused(0);
    // Without its files it is still one.
    git(&repository, &["submodule", "--quiet", "deinit", "--force", "--all"]);
    refused(0);
}

#[test]
fn promotions_as_a_submodule_are_refused() {
    let folder = TempDir::new().unwrap();
    author::init(&folder.path().join("repository"), Layout::WorkTree, "main").unwrap();
    let mut repository = Repository { folder, commits: 0 };
    repository.commit("main", Parents::Tip, &[("landfall.toml", RULES)]);
    let inner = Repository::new();
    git(
        &repository,
        &[
            "submodule",
            "--quiet",
            "add",
            &inner.path().display().to_string(),
            "promotions",
        ],
    );
    let (code, found) = report(&repository);
    assert_eq!((code, codes(&found)), (ExitCode::Invalid, vec!["submodule"]));
}

#[test]
fn a_file_that_passes_a_filter_is_judged_as_git_has_it() {
    let repository = Repository::new();
    repository.write(".gitattributes", "coredns.toml filter=upper\n");
    git(&repository, &["config", "filter.upper.clean", "echo broken"]);
    git(&repository, &["config", "filter.upper.smudge", "cat"]);
    // Changed: what a commit would hold is not known.
    repository.write("promotions/dns/coredns.toml", &manifest("coredns", &[("v1", "1")]));
    assert!(codes(&report(&repository).1).contains(&"filtered-file"));
    // Committed: what the index has of it is.
    git(&repository, &["add", "promotions/dns/coredns.toml"]);
    git(&repository, &["update-index", "--refresh", "-q"]);
    age_index(&repository);
    let (code, found) = report(&repository);
    assert_eq!(code, ExitCode::Invalid);
    assert!(codes(&found).contains(&"syntax"), "{found}");
}

/// Files that are as young as the index may have been changed since it was written.
fn age_index(repository: &Repository) {
    let file = repository.path().join("promotions/dns/coredns.toml");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    fs::File::open(&file).unwrap().set_modified(old).unwrap();
    git(repository, &["update-index", "--refresh", "-q"]);
}

#[test]
fn an_error_of_the_base_is_shown_in_the_files_that_a_change_touches() {
    let mut repository = Repository::new();
    let broken = manifest("coredns", &[("v1", "1"), ("v2", "2")]).replace(&digest("2"), "sha256:abc");
    repository.commit("main", Parents::Tip, &[("promotions/dns/coredns.toml", &broken)]);
    repository.write(
        "promotions/node/node.toml",
        &manifest("node", &[("v1", "1"), ("v2", "2"), ("v3", "3")]),
    );
    let (code, output) = run(repository.command(), WrittenFormat::Json);
    let elsewhere: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, codes(&elsewhere)), (ExitCode::AsDesired, Vec::new()));
    assert_eq!(elsewhere["comparison"]["findingsAtBase"], 1);
    // A tag that moves in the list whose other line is wrong is found.
    let moved = broken.replace(&digest("1"), &digest("9"));
    repository.write("promotions/dns/coredns.toml", &moved);
    let (code, output) = run(repository.command(), WrittenFormat::Json);
    let here: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(
        (code, codes(&here)),
        (ExitCode::Invalid, vec!["immutable-tag", "invalid-digest"])
    );
}

#[test]
fn the_repository_is_named_once() {
    let repository = Repository::new();
    let named = |directory: Option<PathBuf>, repo: Option<PathBuf>| {
        let command = ValidateCommand {
            directory,
            ..alone(&repository)
        };
        let common = Common {
            repo: repo.map(|path| path.display().to_string()),
            ..common(WrittenFormat::Text)
        };
        command
            .run(&common, &mut Vec::new())
            .map_err(|error| ExitCode::of(&error))
    };
    assert_eq!(named(None, Some(repository.path())), Ok(ExitCode::AsDesired));
    assert_eq!(named(Some(repository.path()), None), Ok(ExitCode::AsDesired));
    assert_eq!(
        named(Some(repository.path()), Some("/elsewhere".into())),
        Err(ExitCode::Invalid)
    );
    assert_eq!(named(None, Some("/nowhere/at/all".into())), Err(ExitCode::Invalid));
}
