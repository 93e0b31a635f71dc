//! What can go wrong with one request.
//!
//! The same as the fault kit's proxy does to HTTP (`tests/faults`), as it arrives at whoever uses [`Registry`]: a client
//! has found out by then that bytes were cut off, that lists run in circles or that a page is no answer.
//!
//! [`Registry`]: crate::registry::Registry

use std::time::Duration;

use super::Operation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An error, and nothing happened.
    Fails(Failure),
    /// An error, though the write took effect. For everything that does not write, the same as [`Fault::Fails`].
    FailsAfterEffect(Failure),
    /// It takes up to this long, and goes well.
    Slow(Duration),
    /// HEAD finds what is not there.
    FalsePresence,
    /// What is there is not found; asked again, it may be.
    FalseAbsence,
    /// 403 for what is missing.
    ForbiddenForMissing,
    /// An answer names another digest than the one that stands there, or was stored.
    WrongDigest,
    /// Other bytes than those the digest names.
    WrongBytes,
    /// Half of the bytes, as if they were all; half of a list.
    Truncated,
    /// Acknowledged, and nothing was stored.
    LosesWrite,
    /// A blob is there, and its size is told wrong.
    WrongSize,
    /// An upload is begun, and not known any more when it ends.
    UploadLost,
    /// A blob that could be mounted is to be uploaded.
    MountDeclined,
    /// Tags and referrers written now show up in lists only after this long. Asked for directly, they are there.
    ListsLate(Duration),
    /// The connection breaks in the middle of the answer: of a blob's bytes, between two pages of a list.
    BreaksOff,
    /// What stands under the fallback tag is no index.
    MalformedFallback,
    /// The referrers API is answered as by a registry that has none.
    ReferrersUnsupported,
    /// Referrers are listed with their configuration's media type, and without annotations.
    WrongArtifactType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Unreachable,
    TimedOut,
    Interrupted,
    /// 403.
    Denied,
    /// 429, with `Retry-After` or without.
    Throttled(Option<Duration>),
    /// 503, with `Retry-After` or without.
    Server(Option<Duration>),
    /// 405.
    Unsupported,
    /// A web page, a list whose pages run in a circle.
    Malformed,
    /// An answer without end.
    TooLarge,
}

impl Fault {
    /// What plans are drawn from.
    pub const EVERY: [Self; 33] = [
        Self::Fails(Failure::Unreachable),
        Self::Fails(Failure::TimedOut),
        Self::Fails(Failure::Interrupted),
        Self::Fails(Failure::Denied),
        Self::Fails(Failure::Throttled(None)),
        Self::Fails(Failure::Throttled(Some(Duration::from_secs(1)))),
        Self::Fails(Failure::Throttled(Some(Duration::from_secs(300)))),
        Self::Fails(Failure::Server(None)),
        Self::Fails(Failure::Server(Some(Duration::from_secs(60)))),
        Self::Fails(Failure::Unsupported),
        Self::Fails(Failure::Malformed),
        Self::Fails(Failure::TooLarge),
        Self::FailsAfterEffect(Failure::TimedOut),
        Self::FailsAfterEffect(Failure::Interrupted),
        Self::FailsAfterEffect(Failure::Server(None)),
        Self::FailsAfterEffect(Failure::Malformed),
        Self::FailsAfterEffect(Failure::TooLarge),
        Self::Slow(Duration::from_secs(20)),
        Self::FalsePresence,
        Self::FalseAbsence,
        Self::ForbiddenForMissing,
        Self::WrongDigest,
        Self::WrongBytes,
        Self::Truncated,
        Self::LosesWrite,
        Self::UploadLost,
        Self::MountDeclined,
        Self::ListsLate(Duration::from_secs(30)),
        Self::BreaksOff,
        Self::MalformedFallback,
        Self::ReferrersUnsupported,
        Self::WrongArtifactType,
        Self::WrongSize,
    ];

    pub(super) fn concerns(self, operation: Operation) -> bool {
        use Operation as O;
        let asks = matches!(
            operation,
            O::HeadManifest | O::ReadManifest | O::HeadBlob | O::ReadBlob | O::ListTags | O::ListReferrers
        );
        match self {
            Self::Fails(_) | Self::FailsAfterEffect(_) | Self::Slow(_) => true,
            Self::FalsePresence => matches!(operation, O::HeadManifest | O::HeadBlob),
            Self::FalseAbsence => asks,
            Self::ForbiddenForMissing => asks && operation != O::ListReferrers,
            Self::WrongDigest => matches!(operation, O::HeadManifest | O::ReadManifest | O::WriteManifest),
            Self::WrongBytes => matches!(operation, O::ReadManifest | O::ReadBlob),
            Self::Truncated | Self::BreaksOff => matches!(
                operation,
                O::ReadManifest | O::ReadBlob | O::ListTags | O::ListReferrers
            ),
            Self::LosesWrite => matches!(operation, O::WriteManifest | O::WriteBlob | O::MountBlob),
            Self::WrongSize => operation == O::HeadBlob,
            Self::UploadLost => operation == O::WriteBlob,
            Self::MountDeclined => operation == O::MountBlob,
            Self::ListsLate(_) => operation == O::WriteManifest,
            Self::MalformedFallback | Self::ReferrersUnsupported | Self::WrongArtifactType => {
                operation == O::ListReferrers
            }
        }
    }
}
