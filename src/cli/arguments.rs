//! What can be said on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use miette::Report;
use tracing::level_filters::LevelFilter;

use super::guard::Dialect;
use super::{
    AcceptCommand, AdoptCommand, ApplyCommand, AuditCommand, CompletionsCommand, DemoCommand, DoctorCommand, ExitCode,
    ExplainCommand, FmtCommand, GraphCommand, ImportCommand, InitCommand, KeyCommand, ListCommand, LogCommand, Output,
    PauseCommand, PlanCommand, ReconcileCommand, ResumeCommand, RunCommand, SchemaCommand, SnapshotCommand,
    StatusCommand, Terminal, ValidateCommand, VerifyCommand, WhyCommand,
};
use crate::graph::Notation;

/// Keeps container registries as a Git repository says.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// The repository of manifests: a path or URL [default: the configuration's, else the current directory]
    #[arg(long, global = true, value_name = "URL|PATH", env = "LANDFALL_REPO")]
    pub repo: Option<String>,

    /// The commit, branch or tag to read [default: the newest commit]
    #[arg(long, global = true, value_name = "REVISION")]
    pub revision: Option<String>,

    /// The runtime configuration
    #[arg(long, global = true, value_name = "FILE", env = "LANDFALL_CONFIG")]
    pub config: Option<PathBuf>,

    /// How results are written to standard output; which formats there are beside text and JSON, each command says
    #[arg(id = "format", long = "format", global = true, value_enum, value_name = "FORMAT", default_value_t = WrittenFormat::Text)]
    pub written: WrittenFormat,

    /// The same, for the commands that know two formats.
    #[arg(skip)]
    pub format: Format,

    /// Log more to standard error: -v what is done (`run` logs that without it), -vv why, -vvv every request too
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Log errors only, and show no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Show no progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,

    /// How logs are written to standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The formats of most commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// Every format that a command writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WrittenFormat {
    /// For people
    Text,
    /// For programs; every document carries its `schemaVersion`
    Json,
    /// Annotations of GitHub Actions
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// A table with a line of headings, for spreadsheets
    Csv,
    /// Each image once, as `REFERENCE@DIGEST`, for other programs' command lines
    Digests,
    /// One page that holds everything, and asks no network
    Html,
}

impl WrittenFormat {
    /// As it is named on the command line.
    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One object a line
    Json,
}

/// `--diagram`, for the commands that can draw.
#[derive(Debug, Clone, Copy, Args)]
pub struct Diagram {
    /// Draw as Graphviz or Mermaid instead
    #[arg(long, value_enum, value_name = "NOTATION", conflicts_with = "format")]
    diagram: Option<DiagramNotation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiagramNotation {
    Dot,
    Mermaid,
}

impl Diagram {
    #[must_use]
    pub fn notation(&self) -> Option<Notation> {
        self.diagram.map(|notation| match notation {
            DiagramNotation::Dot => Notation::Dot,
            DiagramNotation::Mermaid => Notation::Mermaid,
        })
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Init(InitCommand),
    Validate(ValidateCommand),
    Fmt(FmtCommand),
    Key(KeyCommand),
    Explain(ExplainCommand),
    Schema(SchemaCommand),
    Graph(GraphCommand),
    List(ListCommand),
    Log(LogCommand),
    Why(WhyCommand),
    Audit(AuditCommand),
    Plan(PlanCommand),
    Apply(ApplyCommand),
    Run(RunCommand),
    Status(StatusCommand),
    Reconcile(ReconcileCommand),
    Pause(PauseCommand),
    Resume(ResumeCommand),
    Accept(AcceptCommand),
    Adopt(AdoptCommand),
    Verify(VerifyCommand),
    Doctor(DoctorCommand),
    Snapshot(SnapshotCommand),
    Import(ImportCommand),
    Demo(DemoCommand),
    Completions(CompletionsCommand),
}

impl Command {
    /// The formats that it writes.
    const fn formats(&self) -> &'static [WrittenFormat] {
        use WrittenFormat::{Csv, Digests, Github, Html, Json, Sarif, Text};
        match self {
            Self::Run(_) => &[Text],
            Self::Validate(_) => &[Text, Json, Github, Sarif],
            Self::List(_) => &[Text, Json, Csv, Digests],
            Self::Log(_) => &[Text, Json, Csv],
            Self::Audit(_) => &[Text, Json, Sarif, Html],
            _ => &[Text, Json],
        }
    }

    /// # Errors
    /// Whatever stopped the command; see [`ExitCode::of`].
    pub fn run(self, common: &Common, terminal: &Terminal) -> Result<ExitCode, Report> {
        let dialect = match self {
            // A shell reads it.
            Self::Completions(_) => Dialect::Script,
            _ => Dialect::of(common, terminal),
        };
        let mut output = Output::stdout(dialect);
        match self {
            Self::Init(command) if terminal.interactive => command.run(Some(&mut std::io::stdin().lock()), &mut output),
            Self::Init(command) => command.run(None, &mut output),
            Self::Validate(command) => command.run(common, &mut output),
            Self::Fmt(command) => command.run(&mut output),
            Self::Key(command) => command.run(common, &mut output),
            Self::Explain(command) => command.run(common, &mut output),
            Self::Schema(command) => command.run(&mut output),
            Self::Graph(command) => command.run(common, &mut output),
            Self::List(command) => command.run(common, &mut output),
            Self::Log(command) => command.run(common, &mut output),
            Self::Why(command) => command.run(common, &mut output),
            Self::Audit(command) => command.run(common, &mut output),
            Self::Plan(command) => command.run(common, terminal, &mut output),
            Self::Apply(command) => command.run(common, terminal, &mut output),
            Self::Run(command) => command.run(common, terminal),
            Self::Status(command) => command.run(common, &mut output),
            Self::Reconcile(command) => command.run(common, &mut output),
            Self::Pause(command) => command.run(common, &mut output),
            Self::Resume(command) => command.run(common, &mut output),
            Self::Accept(command) => command.run(common, &mut output),
            Self::Adopt(command) => command.run(common, terminal, &mut output),
            Self::Verify(command) => command.run(common, &mut output),
            Self::Doctor(command) => command.run(common, terminal, &mut output),
            Self::Snapshot(command) => command.run(common, &mut output),
            Self::Import(command) => command.run(common, &mut output),
            Self::Demo(command) => command.run(common, terminal, &mut output),
            Self::Completions(command) => command.run(&mut output),
        }
    }
}

impl Cli {
    /// Reads the command line, and prints help, version or what is wrong with it.
    ///
    /// # Errors
    /// Where there is no command to run: the code to end with.
    pub fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        Self::read(arguments).map_err(|error| {
            // Nobody is left to tell where standard error is closed.
            let _ = error.print();
            if error.use_stderr() {
                ExitCode::Invalid
            } else {
                ExitCode::AsDesired
            }
        })
    }
}

impl Cli {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut cli = Self::try_parse_from(arguments)?;
        let (written, known) = (cli.common.written, cli.command.formats());
        if !known.contains(&written) {
            let message = if known == [WrittenFormat::Text] {
                "`landfall run` writes nothing but its log: `--log-format json` has that as JSON\n".to_owned()
            } else {
                let known: Vec<String> = known.iter().map(|format| format!("`{}`", format.name())).collect();
                format!(
                    "this command does not write `{}`; it writes {}\n",
                    written.name(),
                    known.join(", ")
                )
            };
            return Err(Self::command().error(clap::error::ErrorKind::ArgumentConflict, message));
        }
        cli.common.format = match written {
            WrittenFormat::Json => Format::Json,
            _ => Format::Text,
        };
        Ok(cli)
    }
}

impl Cli {
    /// How much is logged where `LANDFALL_LOG` does not say. The log is all that a daemon says, so that it tells what it
    /// does without being asked to; other commands have a report.
    #[must_use]
    pub fn log_level(&self) -> LevelFilter {
        let least = u8::from(matches!(self.command, Command::Run(_)));
        match (self.common.quiet, self.common.verbose.max(least)) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::WARN,
            (false, 1) => LevelFilter::INFO,
            (false, 2) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split(' ').map(OsString::from))
    }

    fn code(line: &str) -> ExitCode {
        Cli::from_arguments(line.split(' ').map(OsString::from)).map_or_else(|code| code, |_| panic!("it parses"))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_flags_stand_before_and_after_the_command() {
        let before = parse("landfall -vv --format json completions bash").unwrap();
        let after = parse("landfall completions bash -vv --format json").unwrap();
        for cli in [before, after] {
            assert_eq!(cli.common.format, Format::Json);
            assert_eq!(cli.log_level(), LevelFilter::DEBUG);
        }
    }

    #[test]
    fn a_daemon_tells_what_it_does_without_being_asked() {
        let level = |line: &str| parse(line).unwrap().log_level();
        assert_eq!(level("landfall apply"), LevelFilter::WARN);
        assert_eq!(level("landfall run"), LevelFilter::INFO);
        assert_eq!(level("landfall run -v"), LevelFilter::INFO);
        assert_eq!(level("landfall run -vv"), LevelFilter::DEBUG);
        assert_eq!(level("landfall run -q"), LevelFilter::ERROR);
        assert_eq!(level("landfall apply -vvv"), LevelFilter::TRACE);
    }

    #[test]
    fn a_daemon_writes_no_report_that_could_have_a_format() {
        let error = parse("landfall run --format json").unwrap_err();
        assert!(error.to_string().contains("--log-format"), "{error}");
        assert!(parse("landfall run --log-format json").is_ok());
    }

    #[test]
    fn only_validate_writes_for_code_hosts() {
        let cli = parse("landfall validate --format sarif").unwrap();
        assert_eq!(cli.common.written, WrittenFormat::Sarif);
        let error = parse("landfall completions bash --format github")
            .unwrap_err()
            .to_string();
        assert!(error.contains("it writes `text`, `json`"), "{error}");
    }

    #[test]
    fn wrong_usage_ends_with_3_and_help_with_0() {
        assert_eq!(code("landfall --help"), ExitCode::AsDesired);
        assert_eq!(code("landfall --version"), ExitCode::AsDesired);
        assert_eq!(code("landfall completions --help"), ExitCode::AsDesired);
        for wrong in [
            "landfall",
            "landfall promte",
            "landfall --formt json completions bash",
            "landfall completions",
            "landfall completions basic",
            "landfall -q -v completions bash",
        ] {
            assert_eq!(code(wrong), ExitCode::Invalid, "{wrong}");
        }
    }
}
