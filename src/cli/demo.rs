//! `landfall demo`: the whole of it on loopback, in a minute.

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Report, WrapErr as _, miette};

use super::session::runtime;
use super::stopping::stop_on_signals;
use super::{Common, ExitCode, Terminal, WithExitCode as _, advice, report};
use crate::assembly::Session;
use crate::demo::{Damage, Stage};
use crate::execute::Stop;
use crate::facts::Depth;
use crate::model::{Convergence, counted};
use crate::plan::draw::{TableOptions, table};
use crate::plan::{Advice, Audience, Scope};
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
                if std::fs::read_dir(folder).into_diagnostic()?.next().is_some() {
                    return Err(miette!(
                        help = "name a new directory, or empty this one; nothing in it is overwritten",
                        "{} is not empty: an earlier demonstration may be in it",
                        folder.display()
                    ))
                    .with_exit_code(ExitCode::Invalid);
                }
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
        if self.keep.is_some() {
            writeln!(output, "\nCheck it by hand:\n{}", stage.commands()).into_diagnostic()?;
            writeln!(output, "The registries keep running: Ctrl-C ends them.").into_diagnostic()?;
            output.flush().into_diagnostic()?;
            runtime.block_on(async { stop_on_signals().drained().await });
        } else {
            let more = "\nAll of it is gone now. With `--keep DIR` the registries stay up, and the commands to check it by hand are \
                        shown.";
            writeln!(output, "{more}").into_diagnostic()?;
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
    let advice = advice::advice(&common, &session.config, Audience::Command);
    session.follow(commit, Following::Accept, &advice)?;
    writeln!(output, "\n── Promote ──").into_diagnostic()?;
    converge(stage, &mut session, &advice, terminal, output).await?;
    for damage in Damage::ALL {
        writeln!(output, "\n── Damage ──\n{}", stage.damage(damage)).into_diagnostic()?;
        converge(stage, &mut session, &advice, terminal, output).await?;
    }
    writeln!(output, "\n── Look once more ──").into_diagnostic()?;
    converge(stage, &mut session, &advice, terminal, output).await
}

/// Shows the plan, runs it, and shows what was done.
async fn converge(
    stage: &Stage,
    session: &mut Session,
    advice: &Advice,
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
    let planned = session
        .reconciler
        .standing(&preview, advice)
        .ok_or_else(|| miette!("no commit was followed"))?;
    let plan = table(
        session.reconciler.graph(),
        &session.reconciler.planned(),
        &planned,
        &options,
    );
    write!(output, "{plan}").into_diagnostic()?;
    let passes = session
        .reconciler
        .converge_since(&preview, &scope, &Unwatched, &stop)
        .await
        .into_diagnostic()?;
    let report = session
        .reconciler
        .report(&passes, started, Timestamp::now(), advice)
        .ok_or_else(|| miette!("no commit was followed"))?;
    write!(
        output,
        "\n{}{} reached the registries.\n",
        report::text(&report, terminal.style),
        counted(stage.writes_since(mark), "write")
    )
    .into_diagnostic()?;
    output.flush().into_diagnostic()?;
    if report.standing.result == Convergence::AsDesired {
        Ok(())
    } else {
        Err(miette!("the registries are not as desired"))
    }
}
