//! `landfall audit`: the registries, held against Git's history.

mod html;
mod kept;
mod looking;
mod sarif;
mod text;

use std::cell::OnceCell;
use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::Date};
use miette::{IntoDiagnostic as _, Report, miette};

use self::kept::Kept;
use self::looking::look;
use super::arguments::WrittenFormat;
use super::exit_code::Ended as _;
use super::list::asked_for;
use super::log::log_at;
use super::session::{configuration, repository, runtime};
use super::{Common, ExitCode, WithExitCode as _};
use crate::assembly;
use crate::audit::compare::{AuditReport, Exceptions, History, Judge, Looked, places};
use crate::audit::look::{Depth, OurKeys, RecordFound};
use crate::model::{CommitId, Desired, Digest, TreeFile, nearest};
use crate::source::{GitRepository, Source as _};

/// Hold the registries against Git's history, in both directions, and write nothing
///
/// What is asked for and is absent, incomplete, moved, unsigned, signed by somebody else or without a promotion record
/// that history bears out; and what stands there that no accepted commit ever asked for: repositories, tags, digests,
/// signatures in our name. Needs Git and read access, with credentials of its own: neither landfall's state nor its keys.
///
/// `[[exceptions]]` in landfall.toml name what is known and accepted. The same facts give the same bytes. The formats are
/// `text`, `json`, `sarif` and `html`. Ends with 2 where something was found, with 5 where not all could be looked at.
#[derive(Debug, clap::Args)]
pub struct AuditCommand {
    /// Only this target
    target: Option<String>,

    /// Look only for what is asked for, not for what nobody asked for
    #[arg(long)]
    claims_only: bool,

    /// How far images are looked at: every manifest by its bytes, or also whether each blob is there
    #[arg(long, value_enum, value_name = "DEPTH", default_value = "manifests")]
    depth: DepthName,

    /// Keep what was seen in this file, and go on from there where it exists: an audit of many images can be interrupted
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,

    /// The day by which exceptions expire [default: today]
    #[arg(long, value_name = "DATE")]
    today: Option<Date>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DepthName {
    Manifests,
    Blobs,
}

impl AuditCommand {
    /// [`ExitCode::Differences`] where something was found, [`ExitCode::PartlyConverged`] where not all was looked at.
    ///
    /// # Errors
    /// Where Git or the configuration cannot be read, or there is no such target.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let source = repository(common, &config)?.here().ended()?;
        let commit = match &common.revision {
            Some(revision) => source.resolve(revision),
            None => source.head(),
        }
        .ended()?;
        let resolved = asked_for(&source, commit)?;
        let desired = &resolved.desired;
        self.check_target(desired)?;
        let history = History::of(&log_at(&source, commit).ended()?);
        let unexpected = !self.claims_only;
        let depth = match self.depth {
            DepthName::Manifests => Depth::Manifests,
            DepthName::Blobs => Depth::Blobs,
        };
        let keys = keys(desired)?;
        let registries = assembly::registries(&config).ended()?;
        let wanted = places(desired, &history, self.target.as_deref(), unexpected, depth);
        let kept = self
            .resume
            .as_deref()
            .map(|path| Kept::open(path, commit, unexpected, self.depth == DepthName::Blobs))
            .transpose()
            .into_diagnostic()?;
        let looking = look(
            &registries,
            &config.limits,
            &keys,
            &wanted,
            desired,
            self.target.as_deref(),
            kept,
            common,
        );
        let seen = runtime()?.block_on(looking).into_diagnostic()?;
        let line = OnceCell::new();
        let bears_out = |record: &RecordFound, digest: &Digest| bears_out(&source, commit, &line, record, digest);
        let judge = Judge {
            history: &history,
            bears_out: &bears_out,
        };
        let mut findings = Vec::new();
        let mut looked = Looked {
            endpoints: seen.endpoints,
            ..Looked::default()
        };
        for (place, facts) in wanted.iter().zip(&seen.places) {
            looked.repositories += 1;
            looked.images += facts.images.len();
            looked.tags += facts.tags.len();
            findings.extend(judge.place(place, facts));
        }
        for (unlisted, facts) in &seen.unlisted {
            looked.repositories += 1;
            findings.extend(Judge::unlisted(unlisted, facts));
        }
        let exceptions = Exceptions::new(resolved.exceptions());
        let today = self
            .today
            .unwrap_or_else(|| Timestamp::now().to_zoned(TimeZone::UTC).date());
        for finding in &mut findings {
            exceptions.apply(finding, today);
        }
        let report = AuditReport::new(commit.to_string(), unexpected, looked, findings, seen.not_looked_at);
        match common.written {
            WrittenFormat::Json => serde_json::to_writer_pretty(&mut *output, &report)
                .map_err(Into::into)
                .and_then(|()| writeln!(output)),
            WrittenFormat::Sarif => sarif::write(&report, output),
            WrittenFormat::Html => html::write(&report, &wanted, &seen.places, output),
            _ => text::write(&report, output),
        }
        .into_diagnostic()?;
        let found = if report.findings.is_empty() {
            ExitCode::AsDesired
        } else {
            ExitCode::Differences
        };
        let whole = if report.not_looked_at.is_empty() {
            ExitCode::AsDesired
        } else {
            ExitCode::PartlyConverged
        };
        Ok(found.and(whole))
    }

    fn check_target(&self, desired: &Desired) -> Result<(), Report> {
        let Some(wanted) = &self.target else { return Ok(()) };
        let names: Vec<&str> = desired.targets.iter().map(|target| &*target.name).collect();
        if names.contains(&wanted.as_str()) {
            return Ok(());
        }
        let help = match nearest(wanted, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        Err(miette!(help = help, "there is no target `{wanted}`")).with_exit_code(ExitCode::Invalid)
    }
}

/// The keys of every signer that a claim names.
///
/// # Errors
/// A key that cannot be read.
pub(super) fn keys(desired: &Desired) -> Result<OurKeys, Report> {
    let claims = desired.projects.iter().flat_map(|project| &project.claims);
    let signers = claims.filter_map(|claim| claim.signer.as_ref());
    OurKeys::of(signers.flat_map(|signer| signer.keys())).into_diagnostic()
}

/// Whether Git's accepted history bears out what a promotion record says of an image.
pub(super) fn record_is_borne_out(
    source: &GitRepository,
    head: CommitId,
    history: &History,
    record: &RecordFound,
    digest: &Digest,
) -> bool {
    history.asked(record.commit, &record.public_reference, *digest)
        || bears_out(source, head, &OnceCell::new(), record, digest)
}

/// Whether a commit of the accepted line has this digest in the file that a record names. A line may have stood there
/// before it counted, so that the log shows it at a later commit.
fn bears_out(
    source: &GitRepository,
    head: CommitId,
    line: &OnceCell<HashSet<CommitId>>,
    record: &RecordFound,
    digest: &Digest,
) -> bool {
    let line = line.get_or_init(|| {
        source
            .first_parents(head, None)
            .unwrap_or_default()
            .into_iter()
            .collect()
    });
    if !line.contains(&record.commit) {
        return false;
    }
    let Ok(Some(entry)) = source.entry(record.commit, &record.path) else {
        return false;
    };
    match source.read(entry) {
        Ok(TreeFile::Regular { bytes, .. }) => String::from_utf8_lossy(&bytes).contains(&digest.to_string()),
        _ => false,
    }
}
