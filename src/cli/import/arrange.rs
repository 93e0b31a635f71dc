//! From images that stand somewhere and are to stand elsewhere, to targets and projects.
//!
//! landfall writes `{source}/{image}` to `{primary}/{path}/{image}`. The image is the last part of a repository's name,
//! what is above it at the target a project's path, and what all paths at one registry have in common the primary.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Report;
use super::resolve::Resolved;
use crate::cli::naming::{Names, name_after};
use crate::desired::{Manifests, ProjectManifest, TargetManifest};
use crate::model::{Digest, Drift, Prefix, Registry, Repository, RepositoryPath, Tag};

/// Where an image stands: the folder, empty for the registry's root, and its name in it.
struct Parted<'r> {
    folder: &'r str,
    name: &'r str,
}

fn parted(repository: &Repository) -> Parted<'_> {
    let path = repository.path.as_str();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    Parted { folder, name }
}

/// What cannot be arranged is noted, and left out.
pub fn arrange(tool: &str, resolved: Vec<Resolved>, report: &mut Report) -> Manifests {
    let mut images = keep(resolved, report, |image| {
        let (source, target) = (parted(&image.source), parted(&image.target));
        (source.name != target.name).then(|| {
            format!(
                "it would become {}: landfall keeps the last part of a repository's name",
                image.target
            )
        })
    });
    images = without_metadata(images, report);
    // A repository belongs to the project with the longest path that holds it: it cannot be one's folder and another's
    // image.
    let folders: BTreeSet<(Registry, String)> = images
        .iter()
        .map(|image| (image.target.registry.clone(), parted(&image.target).folder.to_owned()))
        .collect();
    images = keep(images, report, |image| {
        let place = (image.target.registry.clone(), image.target.path.to_string());
        folders.contains(&place).then(|| {
            format!(
                "{} holds other images too: give one of them a project by hand",
                image.target
            )
        })
    });
    let primaries = primaries(&images);
    images = keep(images, report, |image| {
        let primary = primaries.values().find(|primary| primary.contains(&image.source))?;
        Some(format!(
            "it lies inside {primary}, where images are written: landfall chains targets instead, \"target:NAME\""
        ))
    });
    let images = without_conflicts(images, report);
    manifests(tool, &primaries, images)
}

/// Keeps what there is no reason against; each source repository is noted once for each line.
fn keep(images: Vec<Resolved>, report: &mut Report, against: impl Fn(&Resolved) -> Option<String>) -> Vec<Resolved> {
    let mut noted = BTreeSet::new();
    let mut kept = Vec::new();
    for image in images {
        match against(&image) {
            None => kept.push(image),
            Some(why) => {
                if noted.insert((image.line, image.source.clone())) {
                    report.lost(image.line, image.source.to_string(), why);
                }
            }
        }
    }
    kept
}

fn without_metadata(images: Vec<Resolved>, report: &mut Report) -> Vec<Resolved> {
    keep(images, report, |image| {
        let tag = image.tag.as_ref().filter(|tag| tag.is_metadata())?;
        Some(format!("{tag} is metadata of an image, and travels with it"))
    })
}

/// At each registry, the longest prefix that holds everything.
fn primaries(images: &[Resolved]) -> BTreeMap<Registry, Prefix> {
    let mut common: BTreeMap<&Registry, Vec<&str>> = BTreeMap::new();
    for image in images {
        let folder: Vec<&str> = parted(&image.target)
            .folder
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let known = common.entry(&image.target.registry).or_insert_with(|| folder.clone());
        let same = known
            .iter()
            .zip(&folder)
            .take_while(|(one, other)| one == other)
            .count();
        known.truncate(same);
    }
    let primary = |registry: &Registry, parts: Vec<&str>| match parts.join("/").parse() {
        Ok(path) => Prefix::below(Repository::new(registry.clone(), path)),
        // There is nothing in common.
        Err(_) => Prefix::of(registry.clone()),
    };
    common
        .into_iter()
        .map(|(registry, parts)| (registry.clone(), primary(registry, parts)))
        .collect()
}

/// Of two digests for one tag the first in the file is kept. A digest is promoted to a repository from one source: from
/// the first that it is found at.
fn without_conflicts(images: Vec<Resolved>, report: &mut Report) -> Vec<Resolved> {
    let mut tags: BTreeMap<(Repository, Tag), (Digest, usize)> = BTreeMap::new();
    let mut sources: BTreeMap<(Repository, Digest), Repository> = BTreeMap::new();
    let mut kept = Vec::new();
    for mut image in images {
        if let Some(tag) = &image.tag {
            let (first, line) = *tags
                .entry((image.target.clone(), tag.clone()))
                .or_insert((image.digest, image.line));
            if first != image.digest {
                let what = format!("{}:{tag}", image.source);
                let why = format!("{}:{tag} has another digest already, from line {line}", image.target);
                report.lost(image.line, what, why);
                continue;
            }
        }
        let source = sources
            .entry((image.target.clone(), image.digest))
            .or_insert_with(|| image.source.clone());
        image.source = source.clone();
        kept.push(image);
    }
    kept
}

fn manifests(tool: &str, primaries: &BTreeMap<Registry, Prefix>, images: Vec<Resolved>) -> Manifests {
    let mut names = Names::default();
    let mut targets: BTreeMap<&Registry, TargetManifest> = BTreeMap::new();
    for (registry, primary) in primaries {
        let target = TargetManifest {
            name: names.give(&name_after(&Prefix::of(registry.clone()))),
            public_name: primary.clone(),
            primary: primary.clone(),
            mirrors: BTreeMap::new(),
            drift: Drift::Repair,
            mutable_tags: Vec::new(),
            about: String::new(),
        };
        targets.insert(registry, target);
    }
    let mut names = Names::default();
    let mut projects: BTreeMap<(Registry, String), ProjectManifest> = BTreeMap::new();
    for image in images {
        let Some(target) = targets.get_mut(&image.target.registry) else {
            continue;
        };
        let (from, to) = (parted(&image.source), parted(&image.target));
        // Whoever follows a tag that moves lets it move.
        if image.tag.as_ref().is_some_and(|tag| tag.as_str() == "latest") && target.mutable_tags.is_empty() {
            target.mutable_tags.push("latest".to_owned());
        }
        let project = projects
            .entry((image.target.registry.clone(), to.folder.to_owned()))
            .or_insert_with(|| {
                let below = to.folder.strip_prefix(target.primary.path()).unwrap_or(to.folder);
                let path: Option<RepositoryPath> = below.trim_start_matches('/').parse().ok();
                let folder = folder(&image.target.registry, to.folder);
                ProjectManifest {
                    name: names.give(&name_after(&folder)),
                    target: target.name.clone(),
                    path,
                    sources: BTreeMap::new(),
                }
            });
        let Ok(name) = to.name.parse::<RepositoryPath>() else {
            continue;
        };
        let images = project
            .sources
            .entry(folder(&image.source.registry, from.folder))
            .or_default();
        let digests = images.entry(name).or_default();
        match image.tag {
            Some(tag) => _ = digests.tags.insert(tag, image.digest),
            None => _ = digests.untagged.insert(image.digest),
        }
    }
    let mut manifests = Manifests {
        about: format!(
            "Written by `landfall import` from what {tool} was told, with the digests of that moment.\n`landfall schema` \
             prints the JSON Schema of this file."
        ),
        targets: targets.into_values().collect(),
        projects: projects.into_values().collect(),
    };
    for image in manifests
        .projects
        .iter_mut()
        .flat_map(|project| project.sources.values_mut())
        .flatten()
    {
        let tagged: BTreeSet<Digest> = image.1.tags.values().copied().collect();
        image.1.untagged = &image.1.untagged - &tagged;
    }
    let used: BTreeSet<String> = manifests
        .projects
        .iter()
        .map(|project| project.target.clone())
        .collect();
    manifests.targets.retain(|target| used.contains(&target.name));
    manifests
}

fn folder(registry: &Registry, folder: &str) -> Prefix {
    match folder.parse() {
        Ok(path) => Prefix::below(Repository::new(registry.clone(), path)),
        Err(_) => Prefix::of(registry.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired;

    fn image(line: usize, source: &str, target: &str, tag: &str, content: &str) -> Resolved {
        Resolved {
            line,
            source: source.parse().unwrap(),
            target: target.parse().unwrap(),
            tag: (!tag.is_empty()).then(|| tag.parse().unwrap()),
            digest: Digest::of(content.as_bytes()),
        }
    }

    fn arranged(images: Vec<Resolved>) -> (String, String) {
        let mut report = Report::default();
        let manifests = arrange("a test", images, &mut report);
        let files = desired::write(&manifests).unwrap();
        let text = files.iter().map(|(path, text)| format!("== {path}\n{text}")).collect();
        let notes = report.notes.iter().map(|note| format!("{note}\n")).collect();
        (text, notes)
    }

    #[test]
    fn images_of_several_sources_become_projects_of_one_target() {
        let (text, notes) = arranged(vec![
            image(
                1,
                "docker.io/library/busybox",
                "r.example.com/mirror/hub/busybox",
                "1.36",
                "a",
            ),
            image(
                1,
                "docker.io/library/busybox",
                "r.example.com/mirror/hub/busybox",
                "latest",
                "a",
            ),
            image(2, "docker.io/grafana/loki", "r.example.com/mirror/hub/loki", "3", "b"),
            image(
                3,
                "quay.io/coreos/etcd",
                "r.example.com/mirror/quay/coreos/etcd",
                "",
                "c",
            ),
            image(4, "registry.k8s.io/pause", "s.example.com/pause", "3.9", "d"),
        ]);
        assert_eq!(notes, "");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_landfall_cannot_say_is_named_and_the_rest_is_written() {
        let (text, notes) = arranged(vec![
            image(1, "a.example.com/x", "r.example.com/m/y", "v1", "a"),
            image(2, "a.example.com/app", "r.example.com/m/app", "v1", "a"),
            image(3, "b.example.com/app", "r.example.com/m/app", "v1", "b"),
            image(4, "b.example.com/app", "r.example.com/m/app", "v2", "a"),
            image(5, "r.example.com/m/old/app", "r.example.com/m/app", "v3", "c"),
            image(6, "a.example.com/deep", "r.example.com/m/app/deep", "v1", "d"),
            image(7, "a.example.com/tool", "r.example.com/m/tool", "v1", "e"),
            image(
                8,
                "a.example.com/tool",
                "r.example.com/m/tool",
                &Tag::cosign(&Digest::of(b""), "sig").to_string(),
                "e",
            ),
        ]);
        insta::assert_snapshot!(format!("{notes}{text}"));
    }
}
