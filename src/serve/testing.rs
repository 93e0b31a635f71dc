//! A daemon's status, for tests.

use jiff::Timestamp;

use crate::model::{
    Activity, AdmittedStatus, Answers, BlockedReport, CommitId, Digest, EndpointStatus, ImageAtEndpoint, ImagePart,
    ImageStatus, PartState, Report, Shortfall, Standing, Status, StepReport, StepResult, TargetStatus,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time")
}

fn europe_is_down() -> BlockedReport {
    BlockedReport {
        cause: "europe of production (eu.example.com/images) does not answer: connection refused".to_owned(),
        remedy: "`curl -i https://eu.example.com/v2/`".to_owned(),
        kind: "endpoint",
        subject: "europe of production (eu.example.com/images)".to_owned(),
        nodes: 3,
        example: "production/dns/coredns:v1".to_owned(),
        access: false,
        obstacle: None,
    }
}

fn europe_standing() -> Standing {
    let shortfall = Shortfall {
        blocked: 1,
        unseen: 1,
        ..Shortfall::default()
    };
    Standing {
        commit: CommitId([7; 20]),
        result: shortfall.verdict(),
        shortfall,
        blocked: vec![europe_is_down()],
        held: Vec::new(),
        diagnostics: Vec::new(),
        refused: None,
    }
}

/// One of two endpoints is down.
pub fn status() -> Status {
    let endpoint = |name: &str, place: &str, answers, as_desired| EndpointStatus {
        name: name.to_owned(),
        place: place.to_owned(),
        answers,
        images: 3,
        as_desired,
    };
    let mut status = Status {
        schema_version: 1,
        version: "0.1.0",
        started: at(0),
        at: at(600),
        pause: None,
        branch_error: None,
        standing: Some(europe_standing()),
        committed: Some(at(-60)),
        activity: Activity {
            looks: 1,
            runs: 0,
            waiting: 2,
        },
        targets: vec![TargetStatus {
            name: "production".to_owned(),
            images: 3,
            as_desired: 0,
            due: 0,
            open_questions: 0,
            withheld: 0,
            blocked: 1,
            stalled: 0,
            endpoints: vec![
                endpoint("primary", "us.example.com/images", Answers::Yes, 3),
                endpoint("europe", "eu.example.com/images", Answers::No, 0),
            ],
            conditions: Vec::new(),
        }],
    };
    status.judge(None);
    status
}

/// One image that is at one of two endpoints.
pub fn image() -> ImageStatus {
    let digest = Digest::of(b"coredns");
    let part = |part: &str, state, found| ImagePart {
        part: part.to_owned(),
        state,
        found,
        looked: Some(at(500)),
    };
    ImageStatus {
        target: "production".to_owned(),
        public_reference: "registry.example.com/dns/coredns".to_owned(),
        digest,
        tags: vec!["v1".to_owned()],
        claimed: "promotions/dns/coredns.toml:2".to_owned(),
        admitted: Some(AdmittedStatus {
            at: at(10),
            commit: CommitId([7; 20]),
        }),
        endpoints: vec![
            ImageAtEndpoint {
                name: "primary".to_owned(),
                place: "us.example.com/images/dns/coredns".to_owned(),
                parts: vec![
                    part("image", PartState::Stands, None),
                    part("tag v1", PartState::Elsewhere, Some(Digest::of(b"other"))),
                ],
            },
            ImageAtEndpoint {
                name: "europe".to_owned(),
                place: "eu.example.com/images/dns/coredns".to_owned(),
                parts: vec![ImagePart {
                    looked: None,
                    ..part("image", PartState::NotAsked, None)
                }],
            },
        ],
        due: vec!["tag production/dns/coredns:v1 (primary)".to_owned()],
        blocked: vec![europe_is_down()],
        next_attempt: Some(at(700)),
    }
}

/// A tag that had drifted was put right, a signature was made.
pub fn report() -> Report {
    let step = |action, because, result| StepReport {
        node: "production/dns/coredns:v1".to_owned(),
        endpoint: "primary".to_owned(),
        action,
        because,
        digest: Some(Digest::of(b"coredns")),
        replaces: None,
        result,
        obstacle: None,
    };
    Report {
        schema_version: 1,
        started: at(0),
        ended: at(1),
        passes: 1,
        requests: 7,
        standing: europe_standing(),
        steps: vec![
            step("tag", "drift", StepResult::Done),
            step("copy", "missing", StepResult::Failed),
            step("sign", "promotion", StepResult::Done),
        ],
        withheld: Vec::new(),
        open_questions: 0,
        images: 3,
        endpoints: 2,
    }
}
