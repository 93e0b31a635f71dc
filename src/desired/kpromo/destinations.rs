//! From a manifest's destinations to paths and endpoints of the target.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::code;
use crate::desired::configuration::Configuration;
use crate::desired::finding::{Finding, quoted};
use crate::desired::position::Position;
use crate::desired::scalar::TargetPath;
use crate::desired::shape::{Located, Scalar as _};
use crate::desired::target_table::PRIMARY;
use crate::model::{EndpointIndex, EndpointSet, Prefix, SignaturePlacement, nearest};

use super::manifest::Manifest;
use super::rule::Rule;

type Misplaced = (Position, Finding);

/// Where a project writes: each path, with the endpoints at which its manifest names it.
pub(super) fn routes(
    configuration: &Configuration,
    rule: &Rule,
    manifest: &Manifest,
) -> Result<Vec<(TargetPath, EndpointSet)>, Vec<Misplaced>> {
    let mut routes: BTreeMap<TargetPath, (EndpointSet, Position)> = BTreeMap::new();
    let mut found: Vec<Misplaced> = check_source(configuration, &manifest.source).into_iter().collect();
    for destination in &manifest.destinations {
        match place(configuration, rule, &destination.value) {
            Ok((path, endpoint)) => {
                let route = routes.entry(path).or_insert((EndpointSet::EMPTY, destination.at));
                route.0.insert(endpoint);
            }
            Err(finding) => found.push((destination.at, finding)),
        }
    }
    let target = &configuration.targets[rule.target];
    if rule.signs() && target.signatures == SignaturePlacement::PrimaryOnly {
        let astray = routes
            .iter()
            .filter(|(_, (set, _))| !set.contains(EndpointIndex::PRIMARY));
        found.extend(astray.map(|(path, (_, at))| {
            let message = format!(
                "signatures are kept at the primary only, to which this manifest does not promote path \"{}\"",
                path.as_str()
            );
            let finding = Finding::error(code::DEFEATING_SETTINGS, message);
            let primary = &target.endpoint(EndpointIndex::PRIMARY).prefix;
            (
                *at,
                finding.help(format!("add that path below `{primary}` to `registries`")),
            )
        }));
    }
    if found.is_empty() {
        Ok(routes.into_iter().map(|(path, (set, _))| (path, set)).collect())
    } else {
        Err(found)
    }
}

fn check_source(configuration: &Configuration, source: &Located<Prefix>) -> Option<Misplaced> {
    let (target, endpoint) = configuration.endpoints.holding_prefix(&source.value)?;
    let target = &configuration.targets[*target];
    let message = format!(
        "source `{}` lies inside endpoint `{}` of target `{}`",
        source.value, target.endpoints[*endpoint].name, target.name
    );
    let finding = Finding::error(code::SOURCE_IN_TARGET, message);
    Some((
        source.at,
        finding.help("promote from a registry that no target writes to"),
    ))
}

fn place(
    configuration: &Configuration,
    rule: &Rule,
    destination: &Prefix,
) -> Result<(TargetPath, EndpointIndex), Finding> {
    let target = &configuration.targets[rule.target];
    match configuration.endpoints.holding_prefix(destination) {
        Some((holder, endpoint)) if *holder == rule.target => {
            let above = target.endpoints[*endpoint].prefix.path();
            let path = destination.path();
            let below = path.strip_prefix(above).unwrap_or(path).trim_start_matches('/');
            // A target has 64 endpoints at most.
            let index = EndpointIndex(u8::try_from(*endpoint).unwrap_or(u8::MAX));
            TargetPath::parse(below).map(|path| (path, index))
        }
        _ => Err(unknown(configuration, rule, destination)),
    }
}

fn unknown(configuration: &Configuration, rule: &Rule, destination: &Prefix) -> Finding {
    let target = &configuration.targets[rule.target];
    let finding = Finding::error(
        code::UNKNOWN_ENDPOINT,
        format!(
            "destination {} lies below no endpoint of `[kpromo.endpoints]`",
            quoted(&destination.to_string())
        ),
    );
    // Of the destination only as many segments as an endpoint has can be misspelt.
    let whole = destination.to_string();
    let prefixes: Vec<String> = target
        .endpoints
        .iter()
        .map(|endpoint| endpoint.prefix.to_string())
        .collect();
    let depths: BTreeSet<usize> = prefixes.iter().map(|prefix| prefix.split('/').count()).collect();
    let near = depths.into_iter().find_map(|depth| {
        let segments: Vec<&str> = whole.split('/').take(depth).collect();
        let candidates = prefixes.iter().filter(|prefix| prefix.split('/').count() == depth);
        let near = nearest(&segments.join("/"), candidates.map(String::as_str))?;
        target
            .endpoints
            .iter()
            .zip(&prefixes)
            .find(|(_, prefix)| *prefix == near)
    });
    finding.help(match near {
        Some((endpoint, prefix)) => format!("did you mean `{prefix}`, the endpoint `{}`?", endpoint.name),
        None => format!(
            "add an endpoint that holds it below `[kpromo.endpoints]` in landfall.toml; there are {}, from `{PRIMARY}` on",
            target.endpoints.len()
        ),
    })
}
