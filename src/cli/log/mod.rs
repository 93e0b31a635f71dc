//! `landfall log`: what was promoted, by whom and when, as Git's history tells.

mod kept;
mod selection;
mod write;

use std::io::Write;

use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Report, miette};

pub(super) use kept::log_at;
use selection::Selection;
pub(super) use selection::concerns;
pub(super) use write::entry as write_entry;

use super::arguments::WrittenFormat;
use super::exit_code::Ended as _;
use super::moment::{Bound, moment};
use super::session::{configuration, repository};
use super::{Common, ExitCode, WithExitCode as _};
use crate::source::Source as _;

/// Show the promotion log: which tags were promoted, moved and removed, by which commit, and which rules changed
///
/// From Git alone, newest first, along first parents, as landfall follows them. A merge tells who wrote what it brought
/// in, and the request of GitHub, GitLab, Gitea, Gerrit, Bitbucket or Azure DevOps that its message names. Changed
/// targets, grants, signers, policies, retags and keys are entries of their own, and so is what was refused or held.
///
/// The formats are `text`, `json` and `csv`.
#[derive(Debug, clap::Args)]
pub struct LogCommand {
    /// Only what concerns this: a public reference (`…/coredns`, `…/coredns:v1`), a digest, a target, a manifest or folder
    #[arg(value_name = "REF|PATH|TARGET")]
    subject: Option<String>,

    /// Only commits made since: a date, a time, or `14 days ago`
    #[arg(long, value_name = "DATE")]
    since: Option<String>,

    /// Only commits made until then
    #[arg(long, value_name = "DATE")]
    until: Option<String>,

    /// Only commits of those whose name or mail address contains this, whether they wrote, committed or were merged
    #[arg(long, value_name = "TEXT")]
    author: Option<String>,

    /// Only what concerns this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Only this kind of entry, such as `promoted`, `moved`, `retag`, `grant`; may be given several times
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,

    /// At most so many commits
    #[arg(short = 'n', long, value_name = "NUMBER")]
    number: Option<usize>,
}

impl LogCommand {
    /// # Errors
    /// Where the repository cannot be read, or what is named is nowhere in its history.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let source = repository(common, &config)?.here().ended()?;
        let head = match &common.revision {
            Some(revision) => source.resolve(revision),
            None => source.head(),
        }
        .ended()?;
        let now = Timestamp::now();
        let time = |text: &Option<String>, bound| {
            let time = text.as_deref().map(|text| moment(text, bound, now)).transpose();
            time.map_err(|wrong| miette!("{wrong}"))
                .with_exit_code(ExitCode::Invalid)
        };
        let selection = Selection {
            since: time(&self.since, Bound::Beginning)?,
            until: time(&self.until, Bound::End)?,
            subject: self.subject,
            author: self.author.map(|author| author.to_lowercase()),
            project: self.project,
            kinds: selection::kinds(&self.kinds)
                .map_err(|wrong| miette!("{wrong}"))
                .with_exit_code(ExitCode::Invalid)?,
        };
        let log = log_at(&source, head).ended()?;
        selection
            .check(&log)
            .map_err(|unknown| miette!(help = unknown.help, "{}", unknown.what))
            .with_exit_code(ExitCode::Invalid)?;
        let newest_first = log.into_iter().rev().filter_map(|entry| selection.of(entry));
        let entries: Vec<_> = newest_first.take(self.number.unwrap_or(usize::MAX)).collect();
        match common.written {
            WrittenFormat::Json => write::json(head, &entries, output),
            WrittenFormat::Csv => write::csv(&entries, output),
            _ => write::text(&entries, output),
        }
        .into_diagnostic()?;
        Ok(ExitCode::AsDesired)
    }
}
