//! kpromo's manifests, compared: where a project's images come from and go to follows from them alone.

use std::sync::Arc;

use crate::desired::code;
use crate::desired::finding::{Finding, listed};
use crate::desired::kpromo::Manifest;
use crate::desired::manifest_file::Content;
use crate::desired::project_files::ProjectFiles;
use crate::desired::shape::Located;
use crate::model::{Prefix, RepoPath};

use super::named::claims_of;
use super::projects::removed;
use super::remarks::Remarks;
use super::side::Side;

pub(super) fn compare(before: &Side<'_>, after: &Side<'_>, remarks: &mut Remarks<'_>) {
    for (name, files) in &after.parsed.projects {
        let Some((path, manifest)) = manifest(files) else {
            continue;
        };
        match before.parsed.projects.get(name).map(Project::of) {
            None | Some(Project::Unlike) => added(name, path, manifest, remarks),
            Some(Project::Granting(known)) => grants(name, path, known, manifest, remarks),
            // What it granted cannot be told.
            Some(Project::Unreadable) => {}
        }
    }
    for (name, files) in &before.parsed.projects {
        if let Some((path, manifest)) = manifest(files)
            && !after.parsed.projects.contains_key(name)
        {
            let claims = claims_of(&before.resolved.desired, name);
            let finding = removed(&format!("kpromo's project `{name}`"), claims);
            remarks.gone(path, manifest.source.at, finding);
        }
    }
}

enum Project<'a> {
    Granting(&'a Manifest),
    Unreadable,
    /// One of landfall's own.
    Unlike,
}

impl<'a> Project<'a> {
    fn of(files: &'a ProjectFiles) -> Self {
        match manifest(files) {
            Some((_, manifest)) => Self::Granting(manifest),
            None if files.is_kpromo() => Self::Unreadable,
            None => Self::Unlike,
        }
    }
}

fn manifest(files: &ProjectFiles) -> Option<(&RepoPath, &Manifest)> {
    files.files.iter().find_map(|file| match &file.content {
        Some(Content::KpromoManifest(manifest)) => Some((&file.path, manifest)),
        _ => None,
    })
}

fn added(name: &Arc<str>, path: &RepoPath, manifest: &Manifest, remarks: &mut Remarks<'_>) {
    let destinations: Vec<String> = manifest
        .destinations
        .iter()
        .map(|found| found.value.to_string())
        .collect();
    let message = format!(
        "kpromo's project `{name}` is new: it may promote from {} to {}",
        manifest.source.value,
        listed(destinations.iter().map(String::as_str)),
    );
    let finding = Finding::warning(code::PROJECT_ADDED, message)
        .help("whoever may merge changes of its list of images may promote all that");
    remarks.at(path, manifest.source.at, finding);
}

fn grants(name: &Arc<str>, path: &RepoPath, before: &Manifest, after: &Manifest, remarks: &mut Remarks<'_>) {
    if !before.source.value.contains_prefix(&after.source.value) {
        let message = format!(
            "kpromo's project `{name}`: its source goes from {} to {}",
            before.source.value, after.source.value
        );
        let finding =
            Finding::warning(code::GRANTS_WIDENED, message).help("the project may then promote whatever stands there");
        remarks.at(path, after.source.at, finding);
    }
    for gained in lacking(&after.destinations, &before.destinations) {
        let message = format!("kpromo's project `{name}` gains the destination {}", gained.value);
        let finding = Finding::warning(code::GRANTS_WIDENED, message)
            .help("its images are then copied there, and it may write every repository below");
        remarks.at(path, gained.at, finding);
    }
    for lost in lacking(&before.destinations, &after.destinations) {
        let message = format!("kpromo's project `{name}` loses the destination {}", lost.value);
        let finding = Finding::warning(code::SETTING_WEAKENED, message).help("what stands there is no longer repaired");
        remarks.gone(path, lost.at, finding);
    }
}

/// What of `list` is not in `other`.
fn lacking<'a>(list: &'a [Located<Prefix>], other: &[Located<Prefix>]) -> impl Iterator<Item = &'a Located<Prefix>> {
    list.iter()
        .filter(|entry| !other.iter().any(|known| known.value == entry.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::review::tests::{Files, digest, edited, found, reviewed};

    const MANIFEST: &str = "root/manifests/dns/promoter-manifest.yaml";
    const NODE: &str = "root/manifests/node/promoter-manifest.yaml";

    fn base() -> Files {
        let landfall = "version = 1\n\n[kpromo]\nroot = \"root\"\npublic-name = \"registry.example.com\"\n\n\
                        [kpromo.endpoints]\nprimary = \"primary.example.com\"\nasia = \"asia.example.com\"\n";
        let manifest = |name: &str| {
            format!(
                "registries:\n- name: staging.example.com/{name}\n  src: true\n- name: primary.example.com/{name}\n\
                 - name: asia.example.com/{name}\n"
            )
        };
        let images = format!("- name: server\n  dmap:\n    \"{}\": [\"v1\"]\n", digest("1"));
        [
            ("landfall.toml", landfall.to_owned()),
            (MANIFEST, manifest("dns")),
            ("root/images/dns/images.yaml", images.clone()),
            (NODE, manifest("node")),
            ("root/images/node/images.yaml", images),
        ]
        .map(|(path, text)| (path.to_owned(), text))
        .into()
    }

    fn told(base: &Files, head: &Files) -> Vec<(&'static str, String)> {
        let mut told = found(&reviewed(base, base, head));
        told.retain(|(code, _)| code::REVIEW.contains(code));
        told
    }

    fn at(code: &'static str, line: u32) -> Vec<(&'static str, String)> {
        vec![(code, format!("{MANIFEST}:{line}"))]
    }

    #[test]
    fn what_a_manifest_grants_beyond_the_base_is_shown_at_its_line() {
        let base = base();
        let change = |from, to| told(&base, &edited(&base, MANIFEST, from, to));
        let further = "- name: asia.example.com/dns\n- name: primary.example.com/names\n";
        assert_eq!(
            change("- name: asia.example.com/dns\n", further),
            at(code::GRANTS_WIDENED, 6)
        );
        assert_eq!(
            change("staging.example.com/dns", "staging.example.com"),
            at(code::GRANTS_WIDENED, 2)
        );
        assert_eq!(
            change("- name: asia.example.com/dns\n", ""),
            at(code::SETTING_WEAKENED, 4)
        );
        assert_eq!(change("staging.example.com/dns", "staging.example.com/dns/team"), []);
        assert_eq!(change("registries:", "# where it goes\nregistries:"), []);
    }

    #[test]
    fn manifests_that_come_and_go_are_shown_once() {
        let (all, mut without) = (base(), base());
        without.retain(|path, _| !path.contains("/dns/"));
        assert_eq!(told(&without, &all), at(code::PROJECT_ADDED, 2));
        let gone = told(&all, &without);
        assert!(
            gone.contains(&(code::PROJECT_REMOVED, format!("{MANIFEST}:1"))),
            "{gone:?}"
        );
    }

    #[test]
    fn what_could_not_be_read_before_is_no_new_project() {
        let all = base();
        let broken = edited(&all, MANIFEST, "registries:", "registries: [");
        assert_eq!(told(&broken, &all), []);
    }
}
