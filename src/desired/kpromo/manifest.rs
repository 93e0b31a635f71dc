//! `manifests/PROJECT/promoter-manifest.yaml`: where a project's images come from and go to.

use std::collections::HashMap;

use crate::desired::code;
use crate::desired::finding::{Finding, Report};
use crate::desired::position::Position;
use crate::desired::promotions_file::Image;
use crate::desired::shape::{Located, Scalar as _};
use crate::model::Prefix;
use crate::yaml::Node;

use super::fields::{boolean, fields, list, text};
use super::images::{Form, images};
use super::provenance;

/// A manifest, thin or plain.
#[derive(Debug)]
pub(in crate::desired) struct Manifest {
    pub source: Located<Prefix>,
    /// In the order of the file, each once.
    pub destinations: Vec<Located<Prefix>>,
    /// A plain manifest's own images, and where they are stated.
    pub images: Option<Located<Vec<Image>>>,
    /// What of it has no effect, and where that stands.
    pub without_effect: Vec<(WithoutEffect, Position)>,
}

/// What may stand in a hundred manifests and changes nothing in any: it is said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::desired) enum WithoutEffect {
    /// `imagesPath`
    ImagesPath,
    /// `mode: warn` of a provenance policy
    Warnings,
}

const REGISTRIES: &str = "- {name: staging.example.com/images, src: true}";

/// Reads a manifest, or reports what is wrong with it.
pub(super) fn manifest(node: &Node<'_>, report: &mut Report) -> Option<Manifest> {
    let known = ["registries", "images", "provenance", "imagesPath"];
    let fields = fields(
        node,
        "a kpromo manifest",
        &known,
        "registries: [{name: …, src: true}, {name: …}]",
        report,
    )?;
    let images_path = fields
        .entry("imagesPath")
        .map(|(key, _)| (WithoutEffect::ImagesPath, key.at));
    let warnings = fields
        .get("provenance")
        .and_then(|policy| provenance::check(policy, report));
    let warnings = warnings.map(|at| (WithoutEffect::Warnings, at));
    let images = fields.entry("images").and_then(|(key, list)| {
        let value = images(list, Form::Plain, report)?;
        Some(Located { value, at: key.at })
    });
    let registries = fields.required("registries", "[{name: …, src: true}, {name: …}]", report)?;
    let entries = list(registries, "a list of registries", REGISTRIES, report)?;
    let read: Vec<Option<Registry>> = entries.iter().map(|entry| registry(entry, report)).collect();
    let all_read = read.iter().all(Option::is_some);
    let (sources, destinations): (Vec<_>, Vec<_>) = read.into_iter().flatten().partition(|registry| registry.is_source);
    let source = only_source(sources, registries.at, all_read, report)?;
    let destinations = distinct(destinations, report);
    if destinations.is_empty() && all_read {
        let finding = Finding::warning(code::EMPTY, "a manifest without destinations promotes nothing");
        report.add(registries.at, finding.help("add a registry without `src`"));
    }
    for destination in &destinations {
        check_apart(&source, destination, report);
    }
    Some(Manifest {
        source,
        destinations,
        images,
        without_effect: images_path.into_iter().chain(warnings).collect(),
    })
}

struct Registry {
    name: Located<Prefix>,
    is_source: bool,
}

/// `service-account` says as whom kpromo writes; landfall's credentials stand in its own configuration.
fn registry(node: &Node<'_>, report: &mut Report) -> Option<Registry> {
    let fields = fields(
        node,
        "a registry",
        &["name", "src", "service-account"],
        "name: registry.example.com/images",
        report,
    )?;
    let is_source = fields.get("src").map_or(Some(false), |src| boolean(src, report));
    let name = fields.required("name", "registry.example.com/images", report)?;
    let read = text(name, "a registry and repository prefix", report)?;
    // As kpromo does: `gcr.io/a/` is `gcr.io/a`.
    let name = match Prefix::parse(read.trim_end_matches('/')) {
        Ok(value) => Located { value, at: name.at },
        Err(finding) => {
            report.add(name.at, finding);
            return None;
        }
    };
    Some(Registry {
        name,
        is_source: is_source?,
    })
}

fn only_source(sources: Vec<Registry>, at: Position, all_read: bool, report: &mut Report) -> Option<Located<Prefix>> {
    let mut sources = sources.into_iter();
    let Some(first) = sources.next() else {
        if all_read {
            let finding = Finding::error(code::NOT_ONE_SOURCE, "no registry is the source");
            report.add(
                at,
                finding.help("write `src: true` below the one that images come from"),
            );
        }
        return None;
    };
    for further in sources {
        let message = format!("a second source: the first stands on line {}", first.name.at.line);
        let finding = Finding::error(code::NOT_ONE_SOURCE, message);
        report.add(
            further.name.at,
            finding.help("remove `src: true` from one of them, or split the project"),
        );
    }
    Some(first.name)
}

fn distinct(destinations: Vec<Registry>, report: &mut Report) -> Vec<Located<Prefix>> {
    let mut first: HashMap<Prefix, Position> = HashMap::with_capacity(destinations.len());
    let mut distinct = Vec::with_capacity(destinations.len());
    for Registry { name, .. } in destinations {
        if let Some(earlier) = first.get(&name.value) {
            let finding = Finding::warning(code::DUPLICATE_ENTRY, "this registry stands twice in the list");
            report.add(
                name.at,
                finding.help(format!("remove it: it already stands on line {}", earlier.line)),
            );
            continue;
        }
        first.insert(name.value.clone(), name.at);
        distinct.push(name);
    }
    distinct
}

fn check_apart(source: &Located<Prefix>, destination: &Located<Prefix>, report: &mut Report) {
    let relation = if source.value == destination.value {
        "is"
    } else if source.value.contains_prefix(&destination.value) {
        "lies inside"
    } else if destination.value.contains_prefix(&source.value) {
        "holds"
    } else {
        return;
    };
    let message = format!(
        "destination `{}` {relation} the source `{}`",
        destination.value, source.value
    );
    let finding = Finding::error(code::DESTINATION_AT_SOURCE, message);
    report.add(
        destination.at,
        finding.help("promote to a prefix apart from the source"),
    );
}
