//! A Git repository with one long list that changes now and then, for the benches: made with `git fast-import`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use landfall::model::Digest;

use super::fast_import::{Import, git};

/// Versions of the long list.
const VERSIONS: usize = 87;
const LIST_COMMITS: usize = 971;
const LIST_IMAGES: usize = 60;
const LIST_DIGESTS: usize = 220;

/// Writes a bare repository of kpromo's manifests: one list of 1.2 MB, to each image of which some commits add a digest,
/// and a short one that the other commits change.
pub fn write(repository: &Path) {
    git(Command::new("git")
        .args(["init", "--quiet", "--bare", "--initial-branch", "main"])
        .arg(repository));
    let mut import = Import::begin(repository);
    let mut commit = |number: usize, files: &[(&str, &str)]| import.commit(1_700_000_000 + number, files);
    let manifest = |project: &str| {
        format!(
            "registries:\n- name: staging.example.com/{project}\n  src: true\n- name: k.example.net/images/{project}\n- name: k.example.net/images\n"
        )
    };
    let rules = "version = 1\n[kpromo]\nroot = \".\"\npublic-name = \"registry.example.com\"\n\
                 [kpromo.endpoints]\nprimary = \"k.example.net/images\"\n";
    commit(
        0,
        &[
            ("landfall.toml", rules),
            ("manifests/long/promoter-manifest.yaml", &manifest("long")),
            ("manifests/short/promoter-manifest.yaml", &manifest("short")),
            (
                "images/long/images.yaml",
                &list("long", LIST_IMAGES, LIST_DIGESTS - VERSIONS),
            ),
            ("images/short/images.yaml", &list("short", 1, 1)),
        ],
    );
    let every = LIST_COMMITS / VERSIONS;
    for number in 1..LIST_COMMITS {
        if number % every == 0 && number / every <= VERSIONS {
            let text = list("long", LIST_IMAGES, LIST_DIGESTS - VERSIONS + number / every);
            commit(number, &[("images/long/images.yaml", &text)]);
        } else {
            commit(number, &[("images/short/images.yaml", &list("short", 1, number + 1))]);
        }
    }
    import.end();
    git(Command::new("git").arg("-C").arg(repository).args(["repack", "-adfq"]));
}

fn list(project: &str, images: usize, digests: usize) -> String {
    let mut text = String::new();
    for image in 0..images {
        let _ = writeln!(text, "- name: {project}-{image}\n  dmap:");
        for number in 0..digests {
            let digest = Digest::of(format!("{project}/{image}/{number}").as_bytes());
            let _ = writeln!(text, "    \"{digest}\": [\"v1.{number}\"]");
        }
    }
    text
}
