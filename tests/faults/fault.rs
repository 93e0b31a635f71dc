//! What can go wrong.

use std::time::Duration;

/// One fault. What cannot happen to an answer (a Link loop in an upload) leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The answer begins late.
    Latency(Duration),
    /// Bodies of answers come at so many bytes a second.
    Bandwidth(u64),
    /// Bodies of requests arrive at so many bytes a second: the system takes them at once, and the answer is that late.
    UploadBandwidth(u64),
    TooManyRequests(Option<RetryAfter>),
    /// A 500, 502 or 503.
    Status(u16),
    /// The connection ends before the request is carried out.
    ResetBefore,
    /// The connection ends in the middle of the answer's body.
    ResetDuring,
    /// The request is carried out, and the connection ends instead of an answer.
    ResetAfter,
    /// The body is shorter than it should be, and says that it is whole.
    Truncated,
    WrongBytes,
    WrongDigestHeader,
    /// HEAD finds what is not there.
    LyingHead,
    /// What is there is not found.
    NotFound,
    /// 403 for what is missing.
    ForbiddenForMissing,
    /// A mount is answered with an upload to do.
    MountAccepted,
    /// The token is refused: `invalid_token`.
    ExpiredToken,
    /// The token is too narrow: `insufficient_scope`.
    NarrowToken,
    /// Leads to another host.
    RedirectElsewhere,
    /// A byte of the answer now and then.
    SlowLoris,
    /// Another page of new tags, for ever.
    EndlessTags,
    /// The next page is this one.
    LinkLoop,
    /// The upload that goes on is not known any more.
    UploadLost,
    /// A friendly page with status 200.
    Html,
    /// 405.
    NotAllowed,
    /// Referrers are listed with the configuration's media type.
    WrongArtifactType,
    /// A body without end.
    Oversized,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    Seconds(u64),
    /// An HTTP date so many seconds away.
    Date(u64),
}

impl Fault {
    pub const ALL: [Self; 31] = [
        Self::Latency(Duration::from_millis(50)),
        Self::Latency(Duration::from_secs(60)),
        Self::Bandwidth(4_000),
        Self::TooManyRequests(None),
        Self::TooManyRequests(Some(RetryAfter::Seconds(1))),
        Self::TooManyRequests(Some(RetryAfter::Date(1))),
        Self::Status(500),
        Self::Status(502),
        Self::Status(503),
        Self::ResetBefore,
        Self::ResetDuring,
        Self::ResetAfter,
        Self::Truncated,
        Self::WrongBytes,
        Self::WrongDigestHeader,
        Self::LyingHead,
        Self::NotFound,
        Self::ForbiddenForMissing,
        Self::MountAccepted,
        Self::ExpiredToken,
        Self::NarrowToken,
        Self::RedirectElsewhere,
        Self::SlowLoris,
        Self::EndlessTags,
        Self::LinkLoop,
        Self::UploadLost,
        Self::Html,
        Self::NotAllowed,
        Self::WrongArtifactType,
        Self::Oversized,
        Self::UploadBandwidth(1_000),
    ];
}
