//! A Git repository with a long past, for the benches: made with `git fast-import` and packed as a clone is.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use landfall::model::Digest;

use super::fast_import::{Import, git};

pub const COMMITS: usize = 20_000;
pub const MANIFESTS: usize = 2_000;
const PROJECTS: usize = 100;
/// Tags that a commit adds to its manifest: in the end, 40,000 claims.
pub const TAGS_EACH: usize = 2;
/// Every so many commits landfall.toml changes.
const RULES_EVERY: usize = 199;

/// Writes a repository with a work tree: one commit sets the rules, each other one adds tags to one of the manifests,
/// or changes the rules: every second time, which tags may move.
pub fn write(repository: &Path) {
    git(Command::new("git")
        .args(["init", "--quiet", "--initial-branch", "main"])
        .arg(repository));
    let mut import = Import::begin(repository);
    let mut commit = |number: usize, path: &str, text: &str| import.commit(1_700_000_000 + number, &[(path, text)]);
    commit(0, "landfall.toml", &landfall_toml(0));
    for number in 1..COMMITS {
        if number % RULES_EVERY == 0 {
            commit(number, "landfall.toml", &landfall_toml(number / RULES_EVERY));
        } else {
            let (manifest, commits) = (number % MANIFESTS, number / MANIFESTS + 1);
            commit(number, &path(manifest), &promotions(manifest, commits * TAGS_EACH));
        }
    }
    import.end();
    for arguments in [&["repack", "-adfq"][..], &["reset", "--quiet", "--hard"]] {
        git(Command::new("git").arg("-C").arg(repository).args(arguments));
    }
}

/// Adds a commit that adds to one manifest.
pub fn one_line_more(repository: &Path, number: usize) {
    let manifest = number % MANIFESTS;
    let text = promotions(manifest, (COMMITS / MANIFESTS + number.div_ceil(MANIFESTS)) * TAGS_EACH);
    let mut import = Import::begin(repository);
    import.commit_on_head(1_800_000_000 + number, &[(&path(manifest), &text)]);
    import.end();
}

fn landfall_toml(revision: usize) -> String {
    let mutable = if revision % 4 < 2 { "latest" } else { "edge" };
    let mut text = format!(
        "# revision {revision}\nversion = 1\n\n[targets.production]\npublic-name = \"registry.example.com\"\n\
         primary = \"primary.example.net/acme/images\"\nmutable-tags = [\"{mutable}\"]\n"
    );
    for project in 0..PROJECTS {
        let _ = write!(
            text,
            "\n[projects.p{project:03}]\nsources = [\"staging.example.com/p{project:03}\"]\n\
             targets = [\"production\"]\npaths = [\"p{project:03}\"]\n"
        );
    }
    text
}

fn path(manifest: usize) -> String {
    format!("promotions/p{:03}/r{manifest:04}.toml", manifest % PROJECTS)
}

fn promotions(manifest: usize, lines: usize) -> String {
    let mut text = format!("[images.r{manifest:04}.tags]\n");
    for line in 0..lines {
        let digest = Digest::of(format!("{manifest}/{line}").as_bytes());
        let _ = writeln!(text, "\"v1.{line}\" = \"{digest}\"");
    }
    text
}
