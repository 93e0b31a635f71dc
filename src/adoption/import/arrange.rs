//! From images that stand somewhere and are to stand elsewhere, to targets and projects.
//!
//! landfall writes `{source}/{image}` to `{primary}/{path}/{image}`. An image's name is what the repositories' names at both
//! places end with, what is above it at the target a project's path, and what all paths at one registry have in common
//! the primary.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Report;
use super::resolve::Resolved;
use crate::adoption::{Names, name_after};
use crate::desired::{Manifests, ProjectManifest, TargetManifest};
use crate::model::{Digest, Drift, Prefix, Registry, Repository, RepositoryPath, Tag};

/// Folders of targets that images' names begin below; empty for a registry's root.
type Folders = BTreeSet<(Registry, String)>;

/// An image, and the folder that its name begins below.
struct Placed {
    image: Resolved,
    folder: String,
}

impl Placed {
    fn name(&self) -> &str {
        let path = self.image.target.path.as_str();
        path.strip_prefix(&*self.folder).unwrap_or(path).trim_start_matches('/')
    }

    /// The prefix at the source that the same name begins below.
    fn source(&self) -> Prefix {
        let path = self.image.source.path.as_str();
        let above = path.strip_suffix(self.name()).unwrap_or(path);
        prefix(&self.image.source.registry, above.trim_end_matches('/'))
    }
}

/// What cannot be arranged is noted, and left out.
pub fn arrange(tool: &str, resolved: Vec<Resolved>, report: &mut Report) -> Manifests {
    let images = keep(resolved, report, |image| {
        let tag = image.tag.as_ref().filter(|tag| tag.is_metadata())?;
        Some(format!("{tag} is metadata of an image, and travels with it"))
    });
    let images = keep(images, report, |image| {
        let why = || {
            let target = &image.target;
            format!("it would become {target}: landfall keeps the last part of a repository's name")
        };
        folder(image).is_none().then(why)
    });
    let of_each = images.iter();
    let folders: Folders = of_each
        .filter_map(|image| Some((image.target.registry.clone(), folder(image)?)))
        .collect();
    let images = keep(images, report, |image| {
        let place = (image.target.registry.clone(), image.target.path.to_string());
        let why = || format!("{} holds other images too: give them projects by hand", image.target);
        folders.contains(&place).then(why)
    });
    let images = without_conflicts(images, report);
    let primaries = primaries(&images, &folders);
    let images = keep(images, report, |image| {
        let primary = primaries.values().find(|primary| primary.contains(&image.source))?;
        Some(format!(
            "it lies inside {primary}, where images are written: landfall chains targets instead, \"target:NAME\""
        ))
    });
    manifests(
        tool,
        &primaries,
        images.into_iter().filter_map(|image| placed(image, &folders)),
    )
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

/// What is above the name that both places end with; `None` where they end with none.
fn folder(image: &Resolved) -> Option<String> {
    let source: Vec<_> = image.source.path.segments().collect();
    let target: Vec<_> = image.target.path.segments().collect();
    let both = source.iter().rev().zip(target.iter().rev());
    let same = both.take_while(|(one, other)| one == other).count();
    (same > 0).then(|| target[..target.len() - same].join("/"))
}

/// A repository belongs to the project with the longest path that holds it: to that one's folder, even where its own
/// would be shorter. The name is then a shorter end of both places.
fn placed(image: Resolved, folders: &Folders) -> Option<Placed> {
    let segments: Vec<&str> = image.target.path.segments().collect();
    let registry = &image.target.registry;
    let folder = (0..=segments.len())
        .rev()
        .map(|length| segments[..length].join("/"))
        .find(|folder| folders.contains(&(registry.clone(), folder.clone())))?;
    Some(Placed { image, folder })
}

fn prefix(registry: &Registry, path: &str) -> Prefix {
    match path.parse() {
        Ok(path) => Prefix::below(Repository::new(registry.clone(), path)),
        // The registry's root.
        Err(_) => Prefix::of(registry.clone()),
    }
}

/// At each registry, the longest prefix that holds everything.
fn primaries(images: &[Resolved], folders: &Folders) -> BTreeMap<Registry, Prefix> {
    let mut common: BTreeMap<Registry, Vec<String>> = BTreeMap::new();
    for placed in images.iter().filter_map(|image| placed(image.clone(), folders)) {
        let folder = placed.folder.split('/').filter(|part| !part.is_empty());
        let folder: Vec<String> = folder.map(str::to_owned).collect();
        let known = common
            .entry(placed.image.target.registry)
            .or_insert_with(|| folder.clone());
        let same = known.iter().zip(&folder).take_while(|(one, other)| one == other);
        let same = same.count();
        known.truncate(same);
    }
    let primary = |(registry, parts): (Registry, Vec<String>)| {
        let primary = prefix(&registry, &parts.join("/"));
        (registry, primary)
    };
    common.into_iter().map(primary).collect()
}

/// Of two digests for one tag the first in the file is kept. A digest is promoted to a repository from one source: from
/// the first that it is found at.
fn without_conflicts(images: Vec<Resolved>, report: &mut Report) -> Vec<Resolved> {
    let mut tags: BTreeMap<(Repository, Tag), (Digest, u32)> = BTreeMap::new();
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

fn manifests(tool: &str, primaries: &BTreeMap<Registry, Prefix>, images: impl Iterator<Item = Placed>) -> Manifests {
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
    for placed in images {
        let registry = &placed.image.target.registry;
        let (Some(target), Ok(name)) = (targets.get_mut(registry), placed.name().parse::<RepositoryPath>()) else {
            continue;
        };
        // Whoever follows a tag that moves lets it move.
        let moves = placed.image.tag.as_ref().is_some_and(|tag| tag.as_str() == "latest");
        if moves && target.mutable_tags.is_empty() {
            target.mutable_tags.push("latest".to_owned());
        }
        let new_project = || {
            let below = placed.folder.strip_prefix(target.primary.path());
            let path = below.unwrap_or(&placed.folder).trim_start_matches('/');
            ProjectManifest {
                name: names.give(&name_after(&prefix(registry, &placed.folder))),
                target: target.name.clone(),
                path: path.parse().ok(),
                sources: BTreeMap::new(),
            }
        };
        let project = projects
            .entry((registry.clone(), placed.folder.clone()))
            .or_insert_with(new_project);
        let images = project.sources.entry(placed.source()).or_default();
        let digests = images.entry(name).or_default();
        match placed.image.tag {
            Some(tag) => _ = digests.tags.insert(tag, placed.image.digest),
            None => _ = digests.untagged.insert(placed.image.digest),
        }
    }
    let mut projects: Vec<ProjectManifest> = projects.into_values().collect();
    for image in projects.iter_mut().flat_map(|project| project.sources.values_mut()) {
        for digests in image.values_mut() {
            let tagged: BTreeSet<Digest> = digests.tags.values().copied().collect();
            digests.untagged.retain(|digest| !tagged.contains(digest));
        }
    }
    let used: BTreeSet<&str> = projects.iter().map(|project| project.target.as_str()).collect();
    let targets = targets.into_values();
    Manifests {
        about: format!(
            "Written by `landfall import` from what {tool} was told, with the digests of that moment.\n`landfall schema` \
             prints the JSON Schema of this file."
        ),
        targets: targets.filter(|target| used.contains(target.name.as_str())).collect(),
        projects,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired;

    fn image(line: u32, source: &str, target: &str, tag: &str, content: &str) -> Resolved {
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
        let nested = ["team/app", "team/app/debug"].map(|name| {
            let (source, target) = (format!("t.example.com/{name}"), format!("r.example.com/mirror/{name}"));
            image(5, &source, &target, "v1", "e")
        });
        let (text, notes) = arranged(vec![
            nested[0].clone(),
            nested[1].clone(),
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
            image(9, "a.example.com/other", "r.example.com/m/other", "v1", "f"),
            image(10, "b.example.com/other", "r.example.com/m/other", "v1", "g"),
            image(11, "b.example.com/other", "r.example.com/m/other", "v2", "f"),
            image(12, "r.example.com/m/old/x", "r.example.com/m/x", "v1", "h"),
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
