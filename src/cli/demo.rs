//! `landfall demo`: the whole of it on loopback, in a minute.

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Report, WrapErr as _, miette};

use super::session::{runtime, stop_on_signals};
use super::{Common, ExitCode, Terminal, report};
use crate::assembly::Session;
use crate::demo::{Damage, Stage};
use crate::execute::Stop;
use crate::facts::Depth;
use crate::model::Convergence;
use crate::model::counted;
use crate::plan::Scope;
use crate::plan::draw::{TableOptions, table};
use crate::reconcile::{Following, Unwatched};

/// Watch a commit become signed, attested, replicated images, see them damaged, and repaired
#[derive(Debug, clap::Args)]
pub struct DemoCommand {
    /// Leave everything in this new directory, and the registries running until Ctrl-C
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl DemoCommand {
    /// # Errors
    /// Where the stage cannot be set, or something is not repaired.
    pub fn run(self, common: &Common, terminal: &Terminal, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let temporary = tempfile::tempdir().into_diagnostic()?;
        let folder = match &self.keep {
            Some(folder) => {
                std::fs::create_dir_all(folder)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("{} cannot be created", folder.display()))?;
                folder.canonicalize().into_diagnostic()?
            }
            None => temporary.path().to_owned(),
        };
        let runtime = runtime()?;
        let stage = runtime.block_on(Stage::set(&folder)).into_diagnostic()?;
        writeln!(output, "Registries on loopback:").into_diagnostic()?;
        for (name, registry) in stage.registries() {
            writeln!(output, "  {name:<8} {registry}").into_diagnostic()?;
        }
        writeln!(
            output,
            "\nCommit {} in {} promotes an image of two platforms, with an SBOM, from the source to the primary and both mirrors.",
            stage.commit.short(),
            folder.join("releases").display()
        )
        .into_diagnostic()?;
        runtime.block_on(perform(&stage, &folder, common, terminal, output))?;
        writeln!(output, "\nCheck it by hand:\n{}", stage.commands()).into_diagnostic()?;
        if self.keep.is_some() {
            writeln!(output, "The registries keep running: Ctrl-C ends them.").into_diagnostic()?;
            output.flush().into_diagnostic()?;
            runtime.block_on(async { stop_on_signals().drained().await });
        } else {
            writeln!(output, "With `--keep DIR` the registries stay up for that.").into_diagnostic()?;
        }
        Ok(ExitCode::AsDesired)
    }
}

async fn perform(
    stage: &Stage,
    folder: &Path,
    common: &Common,
    terminal: &Terminal,
    output: &mut dyn Write,
) -> Result<(), Report> {
    let common = Common {
        repo: None,
        revision: None,
        config: Some(folder.join("config.toml")),
        ..common.clone()
    };
    let mut session = Session::open(&common)?;
    let commit = session.commit(&common)?;
    session.follow(commit, Following::Accept)?;
    writeln!(output, "\n── Promote ──").into_diagnostic()?;
    converge(stage, &mut session, terminal, output).await?;
    for damage in Damage::ALL {
        writeln!(output, "\n── Damage ──\n{}", stage.damage(damage)).into_diagnostic()?;
        converge(stage, &mut session, terminal, output).await?;
    }
    writeln!(output, "\n── Look once more ──").into_diagnostic()?;
    converge(stage, &mut session, terminal, output).await
}

/// Shows the plan, runs it, and shows what was done.
async fn converge(
    stage: &Stage,
    session: &mut Session,
    terminal: &Terminal,
    output: &mut dyn Write,
) -> Result<(), Report> {
    let stop = Stop::new();
    let scope = Scope {
        depth: Depth::Blobs,
        ..Scope::default()
    };
    let mark = stage.mark();
    let started = Timestamp::now();
    let preview = session
        .reconciler
        .preview(&scope, &Unwatched, &stop)
        .await
        .into_diagnostic()?;
    let options = TableOptions {
        style: terminal.style,
        width: terminal.width,
        ..TableOptions::default()
    };
    write!(output, "{}", table(session.reconciler.graph(), &preview.last, &options)).into_diagnostic()?;
    let passes = session
        .reconciler
        .converge_since(&preview, &scope, &Unwatched, &stop)
        .await
        .into_diagnostic()?;
    let report = session
        .reconciler
        .report(&passes, started, Timestamp::now())
        .ok_or_else(|| miette!("no commit was followed"))?;
    write!(
        output,
        "\n{}{} reached the registries.\n",
        report::text(&report),
        counted(stage.writes_since(mark), "write")
    )
    .into_diagnostic()?;
    output.flush().into_diagnostic()?;
    if report.result == Convergence::AsDesired {
        Ok(())
    } else {
        Err(miette!("the registries are not as desired"))
    }
}
