//! `landfall graph`: what depends on what.

use std::io::Write;

use globset::Glob;
use miette::{IntoDiagnostic as _, Report};

use super::session::{configuration, repository};
use super::{Common, Diagram, ExitCode, Format, WithExitCode as _};
use crate::desired::{Accepted, Ledger, ParseCache, parse, resolve};
use crate::graph::draw::{self, Filter};
use crate::graph::{Graph, Notation};
use crate::model::{Foreign, nearest};
use crate::reconcile::read_tree;
use crate::source::Source as _;

/// Draw what the manifests ask for, and what waits for what
#[derive(Debug, clap::Args)]
pub struct GraphCommand {
    #[command(flatten)]
    diagram: Diagram,

    /// Only this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Only repository paths below a target that match this glob
    #[arg(long, value_name = "GLOB")]
    repository: Option<Glob>,
}

impl GraphCommand {
    /// # Errors
    /// Where the repository cannot be read or its commit is refused.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let source = repository(common, &config)?;
        let commit = match &common.revision {
            Some(revision) => source.resolve(revision),
            None => source.head(),
        }
        .into_diagnostic()
        .with_exit_code(ExitCode::Invalid)?;
        let tree = read_tree(&source, commit).into_diagnostic()?;
        let parsed = parse(&tree, &mut ParseCache::default()).map_err(|diagnostics| {
            miette::miette!(
                help = "`landfall validate` shows them all",
                "commit {} is refused: {}",
                commit.short(),
                diagnostics.first().map(ToString::to_string).unwrap_or_default()
            )
        });
        let parsed = parsed.with_exit_code(ExitCode::Invalid)?;
        let ledger = Ledger::default();
        let graph = Graph::new(&resolve(&parsed, &Accepted { ledger: &ledger }, None).desired);
        if let Some(wanted) = &self.target
            && !graph.targets().any(|(_, target)| *target.name == **wanted)
        {
            return Err(unknown_target(wanted, &graph)).with_exit_code(ExitCode::Invalid);
        }
        let filter = Filter {
            target: self.target,
            repository: self.repository.map(|glob| glob.compile_matcher()),
        };
        match common.format {
            Format::Json => draw::json(&graph, &filter, &mut *output).into_diagnostic()?,
            Format::Text => {
                let notation = self.diagram.notation().unwrap_or(Notation::Dot);
                draw::draw(&graph, &filter, notation, &mut *output).into_diagnostic()?;
            }
        }
        Ok(ExitCode::AsDesired)
    }
}

fn unknown_target(wanted: &str, graph: &Graph) -> Report {
    let names: Vec<&str> = graph.targets().map(|(_, target)| &*target.name).collect();
    let help = match nearest(wanted, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the manifests name {}", names.join(", ")),
    };
    miette::miette!(help = help, "there is no target `{}`", Foreign(wanted))
}
