//! `landfall plan`: what `apply` would do.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use miette::{IntoDiagnostic as _, Report, WrapErr as _};

use super::session::Preview;
use super::{Common, Diagram, ExitCode, Format, Terminal};
use crate::assembly::Session;
use crate::facts::Depth;
use crate::plan::draw::{self, TableOptions};
use crate::plan::{Scope, file};

/// Show what apply would do, and write nothing
#[derive(Debug, clap::Args)]
pub struct PlanCommand {
    #[command(flatten)]
    diagram: Diagram,

    #[command(flatten)]
    look: Look,

    /// Keep the plan in a file that `landfall apply FILE` runs
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// End with 2 where there is something to do
    #[arg(long)]
    detailed_exitcode: bool,
}

/// How registries are looked at.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Look {
    /// How deep "present" looks: manifests, or blobs too
    #[arg(long, value_enum, default_value_t = DepthArgument::Manifests)]
    depth: DepthArgument,

    /// Sign what an endpoint that does not answer may hold a signature of
    #[arg(long)]
    sign_despite_silence: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DepthArgument {
    /// Every manifest down to the platform, by GET and hash
    Manifests,
    /// And every blob, by HEAD
    Blobs,
}

impl Look {
    #[must_use]
    pub fn scope(self) -> Scope {
        Scope {
            depth: match self.depth {
                DepthArgument::Manifests => Depth::Manifests,
                DepthArgument::Blobs => Depth::Blobs,
            },
            sign_despite_silence: self.sign_despite_silence,
            ..Scope::default()
        }
    }
}

impl PlanCommand {
    /// # Errors
    /// Where configuration, repository or state cannot be read, or the commit is refused.
    pub fn run(self, common: &Common, terminal: &Terminal, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let mut session = Session::open(common)?;
        let Preview { commit, judged, pass } = session.preview(common, &self.look.scope(), terminal)?;
        if pass.interrupted {
            return Ok(ExitCode::Interrupted);
        }
        let graph = session.reconciler.graph();
        let planned = &pass.last;
        match (self.diagram.notation(), common.format) {
            (Some(notation), _) => draw::diagram(graph, planned, notation, &mut *output).into_diagnostic()?,
            (None, Format::Json) => draw::json(graph, planned, commit, &mut *output).into_diagnostic()?,
            (None, Format::Text) => {
                let options = TableOptions {
                    style: terminal.style,
                    width: terminal.width,
                    ..TableOptions::default()
                };
                write!(output, "{}", draw::table(graph, planned, &options)).into_diagnostic()?;
            }
        }
        if let Some(path) = &self.out {
            let file = File::create(path)
                .into_diagnostic()
                .wrap_err_with(|| format!("the plan cannot be written to {}", path.display()))?;
            let digest = file::write(graph, planned, commit, session.config.digest(), file).into_diagnostic()?;
            if common.format == Format::Text && self.diagram.notation().is_none() {
                writeln!(
                    output,
                    "Plan {digest} is in {0}: `landfall apply {0}` runs it.",
                    path.display()
                )
                .into_diagnostic()?;
            }
        }
        let refused = planned.blocked.iter().any(|blocked| blocked.cause.is_forbidden());
        let codes = [
            judged,
            if refused {
                ExitCode::AccessRefused
            } else {
                ExitCode::AsDesired
            },
            if self.detailed_exitcode && !draw::Summary::of(planned).is_nothing() {
                ExitCode::Differences
            } else {
                ExitCode::AsDesired
            },
        ];
        Ok(codes.into_iter().collect())
    }
}
