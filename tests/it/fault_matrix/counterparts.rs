//! What the proxy does to HTTP, the simulation does to what comes of it.

use landfall::sim::registry::{Failure, Fault as Simulated};

use crate::faults::{Fault, RetryAfter};

/// What the proxy's fault looks like to whoever uses the client; several where that depends on the request.
fn counterparts(fault: Fault) -> Vec<Simulated> {
    use Simulated as S;
    let fails = |failure| vec![S::Fails(failure)];
    let slow = || S::EVERY.into_iter().find(|fault| matches!(fault, S::Slow(_))).unwrap();
    match fault {
        // As long as the client's patience lasts, and longer.
        Fault::Latency(_) | Fault::Bandwidth(_) | Fault::UploadBandwidth(_) | Fault::SlowLoris => {
            vec![slow(), S::FailsAfterEffect(Failure::TimedOut)]
        }
        Fault::TooManyRequests(None) => fails(Failure::Throttled(None)),
        Fault::TooManyRequests(Some(RetryAfter::Seconds(seconds) | RetryAfter::Date(seconds))) => {
            fails(Failure::Throttled(Some(std::time::Duration::from_secs(seconds))))
        }
        Fault::Status(_) => fails(Failure::Server(None)),
        Fault::ResetBefore => fails(Failure::Interrupted),
        Fault::ResetDuring => vec![S::BreaksOff, S::FailsAfterEffect(Failure::Interrupted)],
        Fault::ResetAfter => vec![S::FailsAfterEffect(Failure::Interrupted)],
        Fault::Truncated => vec![S::Truncated],
        Fault::WrongBytes => vec![S::WrongBytes, S::MalformedFallback],
        Fault::WrongDigestHeader => vec![S::WrongDigest],
        Fault::LyingHead => vec![S::FalsePresence],
        Fault::NotFound => vec![S::FalseAbsence],
        Fault::ForbiddenForMissing => vec![S::ForbiddenForMissing],
        Fault::MountAccepted => vec![S::MountDeclined],
        Fault::ExpiredToken | Fault::NarrowToken => fails(Failure::Denied),
        Fault::RedirectElsewhere | Fault::LinkLoop => fails(Failure::Malformed),
        Fault::Html => vec![
            S::Fails(Failure::Malformed),
            S::FailsAfterEffect(Failure::Malformed),
            S::ReferrersUnsupported,
        ],
        Fault::EndlessTags | Fault::Oversized => {
            vec![S::Fails(Failure::TooLarge), S::FailsAfterEffect(Failure::TooLarge)]
        }
        Fault::UploadLost => vec![S::UploadLost],
        Fault::NotAllowed => vec![S::Fails(Failure::Unsupported), S::ReferrersUnsupported],
        Fault::WrongArtifactType => vec![S::WrongArtifactType],
    }
}

#[test]
fn every_fault_of_the_proxy_strikes_in_the_simulation_too() {
    for fault in Fault::ALL {
        for counterpart in counterparts(fault) {
            assert!(Simulated::EVERY.contains(&counterpart), "{fault:?}: {counterpart:?}");
        }
    }
}
