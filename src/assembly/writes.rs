//! What `allow-writes` does not cover, and the one line that lifts it: the same wherever it is told.

use std::fmt;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::config::Config;
use crate::graph::Graph;
use crate::model::{EndpointIndex, Prefix, Repository, UnitId};
use crate::plan::Step;

/// Repositories that are to be written to and must not be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`allow-writes` does not cover {repositories} of the repositories that are to be written to, among them {first}"
)]
pub struct WritesRefused {
    pub repositories: usize,
    pub first: Repository,
    pub line: String,
    pub file: PathBuf,
}

/// No more are counted than this.
const COUNTED: usize = 1_000;

/// Of what these steps write to.
#[must_use]
pub fn writes_refused(config: &Config, graph: &Graph, steps: &[Step]) -> Option<WritesRefused> {
    let places = steps
        .iter()
        .flat_map(|step| step.at.iter().map(|endpoint| (step.node.unit, endpoint)));
    of_places(config, graph, places)
}

/// Of all that the manifests ask for.
#[must_use]
pub fn claims_refused(config: &Config, graph: &Graph) -> Option<WritesRefused> {
    let places = graph.wanted().flat_map(|unit| {
        let endpoints = graph.unit(unit).claim().map(|claim| claim.endpoints);
        endpoints
            .into_iter()
            .flat_map(|endpoints| endpoints.iter())
            .map(move |endpoint| (unit, endpoint))
    });
    of_places(config, graph, places)
}

fn of_places(
    config: &Config,
    graph: &Graph,
    places: impl Iterator<Item = (UnitId, EndpointIndex)>,
) -> Option<WritesRefused> {
    let mut refused: Vec<Repository> = Vec::new();
    let mut file = None;
    for (unit, endpoint) in places {
        let place = graph.place(graph.unit(unit).repository, endpoint);
        if let Err(refusal) = config.may_write(&place) {
            if refused.len() < COUNTED && !refused.contains(&place) {
                refused.push(place);
            }
            file.get_or_insert(refusal.file);
        }
    }
    let first = refused.first()?.clone();
    Some(WritesRefused {
        repositories: refused.len(),
        first,
        line: line(config, graph),
        file: file?,
    })
}

/// What is allowed already, and every endpoint of the manifests beside it.
fn line(config: &Config, graph: &Graph) -> String {
    let mut prefixes: Vec<&Prefix> = config.allow_writes.iter().collect();
    let endpoints = graph.targets().flat_map(|(_, target)| &target.endpoints);
    for endpoint in endpoints {
        if !prefixes.iter().any(|prefix| prefix.contains_prefix(&endpoint.prefix)) {
            prefixes.push(&endpoint.prefix);
        }
    }
    let prefixes: Vec<String> = prefixes.iter().map(|prefix| format!("\"{prefix}\"")).collect();
    format!("allow-writes = [{}]", prefixes.join(", "))
}

impl WritesRefused {
    /// Where the line belongs, and the line.
    #[must_use]
    pub fn remedy(&self) -> String {
        format!(
            "to cover every endpoint of the manifests, have this line in {}, above the first [section]:\n  {}",
            self.file.display(),
            self.line
        )
    }
}

impl Diagnostic for WritesRefused {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("nothing was written; {}", self.remedy())))
    }
}
