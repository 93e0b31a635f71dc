//! How the program ends.

use std::error::Error;
use std::fmt;

use miette::{Diagnostic, LabeledSpan, Report, Severity, SourceCode};

use crate::adoption::snapshot::FindError;
use crate::assembly::{AssemblyError, WritesRefused};
use crate::doctor::DoctorError;
use crate::gather::GatherError;
use crate::model::{Convergence, Shortfall};
use crate::source::SourceError;

/// The exit codes of every command.
///
/// | code | meaning |
/// |---|---|
/// | 0 | as desired; `plan` without `--detailed-exitcode` where all could be looked at; `run` ended by SIGTERM |
/// | 1 | failed |
/// | 2 | differences or findings: `plan` and `validate` with `--detailed-exitcode`, `fmt --check`, `audit`, `verify`; what is left out |
/// | 3 | invalid manifests, configuration or usage |
/// | 4 | access refused |
/// | 5 | partly converged; `plan`, `audit` and `why` where not all could be looked at |
/// | 130 | interrupted |
///
/// Where several apply: 130, then 3, 4, 1, 5, 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ExitCode {
    #[default]
    AsDesired,
    Failed,
    Differences,
    Invalid,
    AccessRefused,
    PartlyConverged,
    Interrupted,
}

impl ExitCode {
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::AsDesired => 0,
            Self::Failed => 1,
            Self::Differences => 2,
            Self::Invalid => 3,
            Self::AccessRefused => 4,
            Self::PartlyConverged => 5,
            Self::Interrupted => 130,
        }
    }

    const fn weight(self) -> u8 {
        match self {
            Self::AsDesired => 0,
            Self::Differences => 1,
            Self::PartlyConverged => 2,
            Self::Failed => 3,
            Self::AccessRefused => 4,
            Self::Invalid => 5,
            Self::Interrupted => 6,
        }
    }

    /// The one to end with where both apply.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }

    /// What a command that was to bring registries to a commit ends with.
    #[must_use]
    pub fn after_doing(shortfall: &Shortfall) -> Self {
        let result = match shortfall.verdict() {
            Convergence::AsDesired => Self::AsDesired,
            Convergence::Due | Convergence::Partly => Self::PartlyConverged,
            Convergence::Interrupted => Self::Interrupted,
        };
        result.and(Self::of_findings(shortfall))
    }

    /// What a command that looks only ends with; with `detailed`, differences count.
    #[must_use]
    pub fn after_looking(shortfall: &Shortfall, detailed: bool) -> Self {
        let result = match shortfall.verdict() {
            Convergence::Interrupted => Self::Interrupted,
            // What could not be looked at may be as desired or not: neither 0 nor 2 would be true.
            _ if !shortfall.saw_everything() => Self::PartlyConverged,
            Convergence::Due | Convergence::Partly if detailed => Self::Differences,
            _ => Self::AsDesired,
        };
        result.and(Self::of_findings(shortfall))
    }

    fn of_findings(shortfall: &Shortfall) -> Self {
        [
            (shortfall.is_invalid(), Self::Invalid),
            (shortfall.forbidden > 0, Self::AccessRefused),
        ]
        .into_iter()
        .filter_map(|(applies, code)| applies.then_some(code))
        .collect()
    }

    /// What an error ends the program with.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        report
            .downcast_ref::<Ending>()
            .map_or(Self::Failed, |ending| ending.code)
    }
}

impl FromIterator<ExitCode> for ExitCode {
    fn from_iter<I: IntoIterator<Item = Self>>(codes: I) -> Self {
        codes.into_iter().fold(Self::AsDesired, Self::and)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}

/// Errors that end the program with another code than [`ExitCode::Failed`].
pub trait WithExitCode<T> {
    /// Ends the program with `code` where this is an error; it is shown as it was.
    ///
    /// # Errors
    /// Where this is one.
    fn with_exit_code(self, code: ExitCode) -> Result<T, Report>;
}

impl<T, E: Into<Report>> WithExitCode<T> for Result<T, E> {
    fn with_exit_code(self, code: ExitCode) -> Result<T, Report> {
        self.map_err(|error| ending(error, code))
    }
}

fn ending(error: impl Into<Report>, code: ExitCode) -> Report {
    Report::new(Ending {
        code,
        error: error.into().into(),
    })
}

/// Errors of the modules that the commands call, each of which says by its kind what the program ends with.
pub trait Ends {
    /// What to end the program with.
    fn exit_code(&self) -> ExitCode;
}

impl Ends for AssemblyError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Location(_) | Self::Registries(_) | Self::Signers(_) => ExitCode::Invalid,
            Self::Repository(error) => error.exit_code(),
            Self::State(_) | Self::Reconciler(_) => ExitCode::Failed,
        }
    }
}

impl Ends for SourceError {
    fn exit_code(&self) -> ExitCode {
        match self {
            // What was named is not there, or nothing that is read.
            Self::Location { .. }
            | Self::SubPath { .. }
            | Self::NotARepository { .. }
            | Self::ObjectFormat { .. }
            | Self::ReferenceFormat { .. }
            | Self::Unborn { .. }
            | Self::NoSuchBranch { .. }
            | Self::NoSuchRevision { .. }
            | Self::NoSuchCommit { .. }
            | Self::NotInHistory { .. }
            | Self::Shallow { .. } => ExitCode::Invalid,
            Self::MissingObject { .. } | Self::Corrupt { .. } | Self::TooLarge { .. } | Self::Git { .. } => {
                ExitCode::Failed
            }
            Self::NotLookedAt { .. } => ExitCode::Failed,
            Self::Remote(error) if error.fault.is_of_credentials() => ExitCode::AccessRefused,
            Self::Remote(error) if error.fault.is_passing() => ExitCode::Failed,
            Self::Remote(_) => ExitCode::Invalid,
        }
    }
}

impl Ends for WritesRefused {
    fn exit_code(&self) -> ExitCode {
        ExitCode::AccessRefused
    }
}

impl Ends for DoctorError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::AccessRefused,
            Self::Registries(error) => error.exit_code(),
        }
    }
}

impl Ends for GatherError {
    fn exit_code(&self) -> ExitCode {
        match self {
            // Something else was named than stands there.
            Self::Absent { .. } | Self::OtherDigest { .. } => ExitCode::Invalid,
            _ if self.is_denied() => ExitCode::AccessRefused,
            _ => ExitCode::Failed,
        }
    }
}

impl Ends for FindError {
    fn exit_code(&self) -> ExitCode {
        let denied = match self {
            Self::Unknown { .. } => return ExitCode::Invalid,
            Self::NoList { error, .. } => error.is_denied(),
            Self::Unreadable(error) => error.is_denied(),
        };
        if denied {
            ExitCode::AccessRefused
        } else {
            ExitCode::Failed
        }
    }
}

/// Errors that end the program with the code of their kind.
pub trait Ended<T> {
    /// # Errors
    /// Where this is one.
    fn ended(self) -> Result<T, Report>;
}

impl<T, E: Ends + Into<Report>> Ended<T> for Result<T, E> {
    fn ended(self) -> Result<T, Report> {
        self.map_err(|error| {
            let code = error.exit_code();
            ending(error, code)
        })
    }
}

/// An error, and what to end with; shown as the error itself.
#[derive(Debug)]
struct Ending {
    code: ExitCode,
    error: Box<dyn Diagnostic + Send + Sync>,
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, formatter)
    }
}

impl Error for Ending {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl Diagnostic for Ending {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.code()
    }

    fn severity(&self) -> Option<Severity> {
        self.error.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.help()
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.url()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.error.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.error.labels()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.error.related()
    }

    fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
        self.error.diagnostic_source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_code_is_the_one_to_end_with() {
        use ExitCode::{AccessRefused, AsDesired, Differences, Failed, Interrupted, Invalid, PartlyConverged};
        let order = [
            AsDesired,
            Differences,
            PartlyConverged,
            Failed,
            AccessRefused,
            Invalid,
            Interrupted,
        ];
        for (index, lighter) in order.iter().enumerate() {
            for heavier in &order[index..] {
                assert_eq!(lighter.and(*heavier), *heavier);
                assert_eq!(heavier.and(*lighter), *heavier);
            }
        }
        assert_eq!(order.map(ExitCode::number), [0, 2, 5, 1, 4, 3, 130]);
        assert_eq!(
            [Differences, AccessRefused, Failed].into_iter().collect::<ExitCode>(),
            AccessRefused
        );
        assert_eq!([].into_iter().collect::<ExitCode>(), AsDesired);
    }

    #[test]
    fn an_outage_is_neither_as_desired_nor_a_difference() {
        let nothing = Shortfall::default();
        let due = Shortfall { due: 3, ..nothing };
        let unseen = Shortfall {
            blocked: 1,
            unseen: 1,
            ..nothing
        };
        let absent = Shortfall { blocked: 1, ..nothing };
        let codes = |shortfall: &Shortfall| {
            [
                ExitCode::after_looking(shortfall, false).number(),
                ExitCode::after_looking(shortfall, true).number(),
                ExitCode::after_doing(shortfall).number(),
            ]
        };
        assert_eq!(codes(&nothing), [0, 0, 0]);
        assert_eq!(codes(&due), [0, 2, 5]);
        assert_eq!(codes(&absent), [0, 2, 5]);
        assert_eq!(codes(&unseen), [5, 5, 5]);
        assert_eq!(codes(&Shortfall { due: 1, ..unseen }), [5, 5, 5]);
        assert_eq!(codes(&Shortfall { forbidden: 1, ..unseen }), [4, 4, 4]);
        assert_eq!(codes(&Shortfall { held: 1, ..unseen }), [3, 3, 3]);
        assert_eq!(
            codes(&Shortfall {
                refused_commit: true,
                ..nothing
            }),
            [3, 3, 3]
        );
    }

    #[test]
    fn an_error_keeps_its_text_and_help_and_ends_with_its_code() {
        let error = miette::miette!(help = "quote the tag", "an unquoted tag");
        let report = Err::<(), _>(error).with_exit_code(ExitCode::Invalid).unwrap_err();
        assert_eq!(ExitCode::of(&report), ExitCode::Invalid);
        assert_eq!(report.to_string(), "an unquoted tag");
        assert_eq!(report.help().unwrap().to_string(), "quote the tag");
        assert_eq!(ExitCode::of(&miette::miette!("anything else")), ExitCode::Failed);
    }
}
