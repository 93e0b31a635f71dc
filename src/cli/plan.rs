//! `landfall plan`: what `apply` would do.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use miette::{IntoDiagnostic as _, Report, WrapErr as _};

use super::session::{Preview, runtime};
use super::{Common, Diagram, ErrorOutput, ExitCode, Format, Terminal, advice, signers};
use crate::assembly::{Session, writes_refused};
use crate::facts::Depth;
use crate::plan::draw::{self, TableOptions};
use crate::plan::{Audience, Scope, Step, file};
use crate::source::Source as _;

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

    /// End with 2 where there is something to do; with 5, as always, where not all could be looked at
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
        let Preview { judged, pass, .. } = session.preview(common, &self.look.scope(), terminal)?;
        if pass.interrupted {
            return Ok(ExitCode::Interrupted);
        }
        let advice = advice::advice(common, &session.config, Audience::Command);
        let Some(standing) = session.reconciler.standing(&pass, &advice) else {
            return Ok(judged);
        };
        let planned = &session.reconciler.planned();
        let able = self.tell_beforehand(&session, &planned.steps)?;
        let graph = session.reconciler.graph();
        match (self.diagram.notation(), common.format) {
            (Some(notation), _) => draw::diagram(graph, planned, notation, &mut *output).into_diagnostic()?,
            (None, Format::Json) => draw::json(graph, planned, &standing, &mut *output).into_diagnostic()?,
            (None, Format::Text) => {
                let options = TableOptions {
                    style: terminal.style,
                    width: terminal.width,
                    ..TableOptions::default()
                };
                write!(output, "{}", draw::table(graph, planned, &standing, &options)).into_diagnostic()?;
            }
        }
        if let Some(path) = &self.out {
            let file = File::create(path)
                .into_diagnostic()
                .wrap_err_with(|| format!("the plan cannot be written to {}", path.display()))?;
            let digest = file::write(graph, planned, &standing, session.config.digest(), file).into_diagnostic()?;
            if common.format == Format::Text && self.diagram.notation().is_none() {
                writeln!(
                    output,
                    "Plan {digest} is in {}: `landfall apply {}{}` runs it.",
                    path.display(),
                    advice::shell_word(&path.display().to_string()),
                    advice.flags
                )
                .into_diagnostic()?;
            }
        }
        let looked = ExitCode::after_looking(&standing.shortfall, self.detailed_exitcode);
        Ok([judged, able, looked].into_iter().collect())
    }

    /// Says on standard error what `apply` would refuse, and what this plan cannot know.
    fn tell_beforehand(&self, session: &Session, steps: &[Step]) -> Result<ExitCode, Report> {
        let branch = session.source.branch().into_diagnostic()?;
        if session.state.accepted(&branch).into_diagnostic()?.is_none() {
            ErrorOutput::say(&format!(
                "note: landfall's memory in {} knows no commit of `{branch}` yet: this is a first look, or the memory was \
                 lost. Nothing in it says which tags landfall set, what it signed, or what was adopted",
                session.config.storage.state.display()
            ));
        }
        let graph = session.reconciler.graph();
        if let Some(refused) = writes_refused(&session.config, graph, steps) {
            let remedy = refused.remedy();
            ErrorOutput::say(&format!("note: `apply` would refuse to write: {refused}; {remedy}"));
        }
        let faults = runtime()?.block_on(signers::check(&session.config, &signers::needed(graph, steps)))?;
        for line in faults.lines() {
            ErrorOutput::say(&format!("note: `apply` would refuse to write: {line}"));
        }
        // Where no key is named, this may be a place that only looks.
        Ok(if faults.is_misconfigured() {
            ExitCode::Invalid
        } else {
            ExitCode::AsDesired
        })
    }
}
