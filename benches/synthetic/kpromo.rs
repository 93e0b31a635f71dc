//! A repository of kpromo's manifests as large as kubernetes/k8s.io's, for the benches.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use landfall::model::{CommitId, Digest, RepoPath, Tree, TreeFile};

pub const PROJECTS: usize = 100;
pub const DIGESTS: usize = 10_000;
pub const DESTINATIONS: usize = 23;

const IMAGES: usize = 10;

/// landfall.toml, and a manifest and a list of images for each project.
pub fn tree() -> Tree {
    let mut files: BTreeMap<RepoPath, TreeFile> = BTreeMap::new();
    let mut add = |path: String, text: &str| files.insert(path.as_str().into(), super::file(text));
    add("landfall.toml".to_owned(), &landfall_toml());
    for project in 0..PROJECTS {
        let folder = format!("k8s-staging-{project:03}");
        add(
            format!("registry.k8s.io/manifests/{folder}/promoter-manifest.yaml"),
            &manifest(&folder),
        );
        add(
            format!("registry.k8s.io/images/{folder}/images.yaml"),
            &images(&folder, DIGESTS / PROJECTS),
        );
    }
    Tree {
        commit: CommitId([1; 20]),
        files,
    }
}

/// The next commit: a digest more in one project's list.
pub fn one_digest_more(tree: &Tree, more: usize) -> Tree {
    let mut next = tree.clone();
    let text = images("k8s-staging-042", DIGESTS / PROJECTS + more);
    next.files.insert(
        "registry.k8s.io/images/k8s-staging-042/images.yaml".into(),
        super::file(&text),
    );
    next.commit.0[..8].copy_from_slice(&(more as u64).to_be_bytes());
    next
}

fn prefix(region: usize) -> String {
    format!("region{region:02}-docker.pkg.example/artifacts-prod/images")
}

fn landfall_toml() -> String {
    let mut text = String::from(
        "version = 1\n\n[kpromo]\nroot = \"registry.k8s.io\"\npublic-name = \"registry.example.com\"\n\n[kpromo.endpoints]\n",
    );
    for region in 0..DESTINATIONS {
        let name = match region {
            0 => "primary".to_owned(),
            region => format!("region{region:02}"),
        };
        let _ = writeln!(text, "{name} = \"{}\"", prefix(region));
    }
    text
}

fn manifest(folder: &str) -> String {
    let mut text =
        format!("# Promoted by the release team.\nregistries:\n- name: staging.example.com/{folder}\n  src: true\n");
    for region in 0..DESTINATIONS {
        let _ = writeln!(
            text,
            "- name: {}/{folder}\n  service-account: promoter@artifacts-prod.example.com",
            prefix(region)
        );
    }
    text
}

fn images(folder: &str, digests: usize) -> String {
    let mut text = String::new();
    for image in 0..IMAGES {
        let _ = writeln!(text, "- name: image-{image}\n  dmap:");
        for version in (image..digests).step_by(IMAGES) {
            let digest = Digest::of(format!("{folder}/{version}").as_bytes());
            let _ = writeln!(text, "    \"{digest}\": [\"v1.{version}.0\"]");
        }
    }
    text
}
