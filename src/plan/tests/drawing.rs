//! What people and programs are shown.

use std::sync::Arc;

use insta::assert_snapshot;
use jiff::Timestamp;

use super::truth::{Truth, World};
use super::worlds::world;
use crate::facts::{Answer, Ask, Attempt, ImageAnswer, LeftBehind, SourceAnswer, Values};
use crate::graph::testing::{Manifests, chained, claim, digest, target, unsigned};
use crate::graph::{Graph, Notation};
use crate::model::{
    Capability, CommitId, Convergence, Diagnostic, Drift, EndpointIndex, HeldReport, KnownBy, NodeId, Obstacle,
    ObstacleKind as Kind, RefusedReport, Severity, Slot, Standing, TargetId, TargetMode, UnitId,
};
use crate::plan::draw::{Style, TableOptions, diagram, json, table};
use crate::plan::{Advice, Blocked, Cause, Findings, Planned, Status, explain, standing};

/// How a commit without errors stands.
fn stands(world: &World, planned: &Planned) -> Standing {
    let findings = Findings::none(CommitId([7; 20]));
    standing(&world.graph, &Status::of(planned), findings, &Advice::default())
}

const ASIA: EndpointIndex = EndpointIndex(1);
const EUROPE: EndpointIndex = EndpointIndex(2);

/// A new image, a damaged one, one whose tag was moved, and one that a foreign tag is in the way of.
fn night() -> (World, Planned) {
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", claim("dns/coredns", "new", &["v1.2", "latest"]))
        .with("web", claim("web/nginx", "damaged", &["v1"]))
        .with("web", claim("web/drifted", "drifted", &["v1"]))
        .with("web", unsigned(claim("web/conflict", "conflict", &["v1"])))
        .with("web", claim("web/gone", "gone", &["v3"]));
    let mut world = world(&manifests, Truth::WHOLE);
    let unit = |world: &World, path: &str, image: &str| {
        world
            .graph
            .find("production", &path.parse().unwrap(), digest(image))
            .unwrap()
    };
    let new = unit(&world, "dns/coredns", "new");
    world.memory.admissions.remove(&new);
    for slot in world.graph.unit(new).slots() {
        world.memory.made.remove(&NodeId { unit: new, slot });
        world.memory.waiting.retain(|(node, _), _| node.unit != new);
        if let Slot::Tag(tag) = slot {
            world.memory.written.remove(&tag);
        }
    }
    for endpoint in world.graph.target(TargetId(0)).all_endpoints().iter() {
        let repository = world.graph.unit(new).repository;
        world.record(Ask::Tags(repository), endpoint, Answer::Tags(None));
    }
    let damaged = unit(&world, "web/nginx", "damaged");
    world.record(Ask::Image(damaged), ASIA, Answer::Image(ImageAnswer::Lacking));
    let drifted = unit(&world, "web/drifted", "drifted");
    let tag = world.graph.unit(drifted).tags[0];
    world.record(Ask::Tag(tag), EUROPE, Answer::Tag(Some(digest("foreign"))));
    let conflict = unit(&world, "web/conflict", "conflict");
    let tag = world.graph.unit(conflict).tags[0];
    world.memory.written.remove(&tag);
    world.record(Ask::Tag(tag), EUROPE, Answer::Tag(Some(digest("foreign"))));
    let gone = unit(&world, "web/gone", "gone");
    world.memory.admissions.remove(&gone);
    world.record(
        Ask::Source(gone),
        EndpointIndex::PRIMARY,
        Answer::Source(SourceAnswer::Absent),
    );
    // It stands where it is wanted, but none of it is whole enough to be admitted as it stands.
    for endpoint in world.graph.target(TargetId(0)).all_endpoints().iter() {
        world.record(Ask::Standing(gone), endpoint, Answer::Source(SourceAnswer::Absent));
    }
    let planned = world.settle();
    (world, planned)
}

#[test]
fn a_plan_at_night() {
    let (world, planned) = night();
    assert_snapshot!(table(
        &world.graph,
        &planned,
        &stands(&world, &planned),
        &TableOptions::default()
    ));
}

#[test]
fn a_plan_on_a_narrow_screen_in_colour() {
    let (world, planned) = night();
    let options = TableOptions {
        style: Style::Coloured,
        width: 60,
        ..TableOptions::default()
    };
    let drawn = table(&world.graph, &planned, &stands(&world, &planned), &options);
    assert_snapshot!(drawn.replace('\u{1b}', "ESC"));
}

#[test]
fn a_large_plan_says_how_much_it_does_not_show() {
    let (world, planned) = night();
    let options = TableOptions {
        most: 1,
        ..TableOptions::default()
    };
    assert_snapshot!(table(&world.graph, &planned, &stands(&world, &planned), &options));
}

#[test]
fn a_plan_with_nothing_to_do_is_one_line() {
    let manifests =
        Manifests::new([target("production", &["asia", "europe"])]).with("dns", claim("dns/coredns", "a", &["v1"]));
    let mut world = world(&manifests, Truth::WHOLE);
    let planned = world.settle();
    assert_eq!(
        table(
            &world.graph,
            &planned,
            &stands(&world, &planned),
            &TableOptions::default()
        ),
        "Nothing to do: 1 image at 3 endpoints are as desired.\n"
    );
}

#[test]
fn a_commit_with_an_error_is_never_said_to_be_as_desired() {
    let manifests =
        Manifests::new([target("production", &["asia", "europe"])]).with("dns", claim("dns/coredns", "a", &["v1"]));
    let mut world = world(&manifests, Truth::WHOLE);
    let planned = world.settle();
    let error = Diagnostic {
        file: "promotions/web/\u{1b}[2J\n::error::x.toml".into(),
        line: 3,
        column: 1,
        length: 4,
        severity: Severity::Error,
        code: "syntax",
        message: "a digest is quoted".to_owned(),
        help: Some("write \"sha256:…\"".to_owned()),
    };
    let found = Findings {
        held: vec![HeldReport {
            claim: "production/web/nginx:v1".to_owned(),
            reason: "syntax (promotions/web/a.toml:3)".to_owned(),
        }],
        refused: Some(RefusedReport {
            commit: CommitId([8; 20]),
            reason: "the branch was rewritten".to_owned(),
            diagnostics: Vec::new(),
        }),
        diagnostics: vec![error],
        ..Findings::none(CommitId([7; 20]))
    };
    let standing = standing(&world.graph, &Status::of(&planned), found, &Advice::default());
    assert_eq!(standing.result, Convergence::Partly);
    assert_snapshot!(table(&world.graph, &planned, &standing, &TableOptions::default()));
    let mut out = Vec::new();
    json(&world.graph, &planned, &standing, &mut out).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn a_plan_that_lacks_answers_says_so() {
    let manifests =
        Manifests::new([target("production", &["asia", "europe"])]).with("dns", claim("dns/coredns", "a", &["v1"]));
    let mut world = world(&manifests, Truth::EMPTY);
    let planned = world.plan();
    world.answer(&planned, || true);
    let planned = world.plan();
    assert_snapshot!(table(
        &world.graph,
        &planned,
        &stands(&world, &planned),
        &TableOptions::default()
    ));
}

#[test]
fn what_is_only_reported_stands_apart() {
    let mut manifests = Manifests::new([target("production", &["asia", "europe"]), target("observed", &[])])
        .with("dns", claim("dns/coredns", "a", &["v1"]))
        .with("dns", {
            let mut one = unsigned(claim("dns/coredns", "a", &["v1"]));
            one.target = 1;
            one.endpoints = crate::model::EndpointSet::PRIMARY;
            one
        });
    manifests.targets[0].drift = Drift::Report;
    manifests.targets[1].mode = TargetMode::Observe;
    let mut world = world(&manifests, Truth::WHOLE);
    let unit = world.graph.wanted().next().unwrap();
    let tag = world.graph.unit(unit).tags[0];
    let mut written = Values::default();
    written.set(ASIA, world.graph.unit(unit).digest);
    world.memory.written.insert(tag, written);
    world.record(Ask::Tag(tag), ASIA, Answer::Tag(Some(digest("foreign"))));
    let observed = world.graph.wanted().nth(1).unwrap();
    world.record(
        Ask::Image(observed),
        EndpointIndex::PRIMARY,
        Answer::Image(ImageAnswer::Lacking),
    );
    let planned = world.settle();
    assert_snapshot!(table(
        &world.graph,
        &planned,
        &stands(&world, &planned),
        &TableOptions::default()
    ));
}

#[test]
fn a_plan_for_programs() {
    let (world, planned) = night();
    let mut out = Vec::new();
    json(&world.graph, &planned, &stands(&world, &planned), &mut out).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn a_plan_as_diagram() {
    let (world, planned) = night();
    for (name, notation) in [("dot", Notation::Dot), ("mermaid", Notation::Mermaid)] {
        let mut out = Vec::new();
        diagram(&world.graph, &planned, notation, &mut out).unwrap();
        assert_snapshot!(name, String::from_utf8(out).unwrap());
    }
}

/// One of each.
fn causes() -> (Graph, Vec<Cause>) {
    let manifests = Manifests::new([
        target("staging", &["asia", "europe"]),
        target("production", &["asia", "europe"]),
    ])
    .with("dev", claim("app", "a", &["v1"]))
    .with("ops", chained(claim("app", "a", &["v1"]), 0, 1))
    .with("ops", chained(claim("tool", "b", &["v1"]), 0, 1));
    let graph = Graph::new(&manifests.desired());
    let find =
        |target: &str, path: &str, image: &str| graph.find(target, &path.parse().unwrap(), digest(image)).unwrap();
    let (app, tool) = (find("staging", "app", "a"), find("staging", "tool", "b"));
    let chained = find("production", "app", "a");
    let tag = graph.unit(app).tags[0];
    let repository = graph.unit(app).repository;
    let (target, endpoint) = (TargetId(1), EUROPE);
    let met = |kind| {
        let obstacle = Obstacle {
            host: Some("europe.test".into()),
            ..Obstacle::new(kind, format_args!("GET https://europe.test/v2/: it is {kind}"))
        };
        Arc::new(obstacle)
    };
    let at_endpoint = |kind| Cause::Endpoint {
        target,
        endpoint,
        obstacle: met(kind),
    };
    let place = |ask, kind| Cause::Place {
        ask,
        endpoint,
        obstacle: met(kind),
    };
    let node = NodeId {
        unit: app,
        slot: Slot::Image,
    };
    let until = "2026-11-22T03:00:00Z".parse().unwrap();
    let unreadable = |unit: UnitId, kind| Cause::SourceUnreadable {
        unit,
        obstacle: met(kind),
    };
    let failed = |kind| Cause::Failed {
        node,
        endpoint,
        obstacle: met(kind),
    };
    let unsupported = |capability, known_by| Cause::Unsupported {
        target,
        endpoint,
        capability,
        known_by,
    };
    let causes = vec![
        at_endpoint(Kind::Unreachable),
        at_endpoint(Kind::Denied),
        at_endpoint(Kind::NotAllowed),
        at_endpoint(Kind::Throttled),
        at_endpoint(Kind::Server),
        place(Ask::Tags(repository), Kind::Malformed),
        place(Ask::Image(app), Kind::Denied),
        place(Ask::Image(app), Kind::DigestMismatch),
        place(Ask::Evidence(app), Kind::Content),
        place(Ask::Tags(repository), Kind::TooLarge),
        place(Ask::Tag(tag), Kind::Interrupted),
        Cause::SourceAbsent { unit: app },
        Cause::SourceLacking {
            unit: app,
            missing: ["1", "2", "3", "4", "5"].map(digest).into(),
        },
        Cause::SourceRefused {
            unit: app,
            obstacle: met(Kind::Content),
        },
        Cause::SourceRefused {
            unit: app,
            obstacle: met(Kind::TooLarge),
        },
        unreadable(app, Kind::TimedOut),
        unreadable(app, Kind::Denied),
        unreadable(chained, Kind::Denied),
        Cause::CarriedLost {
            unit: app,
            digests: [digest("bill of materials")].into(),
        },
        Cause::LeftBehind {
            unit: app,
            left: [LeftBehind {
                digest: digest("junk"),
                why: "it is no manifest".into(),
            }]
            .into(),
        },
        Cause::SourceWithoutAll {
            unit: app,
            left: [LeftBehind {
                digest: digest("junk"),
                why: "it is no manifest".into(),
            }]
            .into(),
        },
        Cause::Upstream { unit: app },
        Cause::Upstream { unit: tool },
        Cause::Conflict {
            tag,
            endpoint,
            found: digest("foreign"),
        },
        Cause::Silence { target, endpoint },
        Cause::Rotation {
            until: Timestamp::UNIX_EPOCH,
        },
        unsupported(Capability::OciIndex, KnownBy::Declared),
        unsupported(Capability::Artifact, KnownBy::Remembered(Timestamp::UNIX_EPOCH)),
        unsupported(Capability::ImmutableTags, KnownBy::Declared),
        failed(Kind::Interrupted),
        failed(Kind::Unsupported),
        failed(Kind::Refused),
        failed(Kind::NotKept),
        failed(Kind::NoSource),
        failed(Kind::Local),
        Cause::BackOff {
            node,
            endpoint,
            until,
            obstacle: met(Kind::Throttled),
        },
        Cause::Contested {
            node,
            endpoint,
            repairs: 5,
        },
    ];
    (graph, causes)
}

#[test]
fn every_cause_names_what_lifts_it() {
    let (graph, causes) = causes();
    let example = NodeId {
        unit: graph.wanted().next().unwrap(),
        slot: Slot::Gate,
    };
    let told: Vec<String> = causes
        .into_iter()
        .map(|cause| {
            let blocked = Blocked {
                cause,
                nodes: 1,
                example,
            };
            let report = explain(&graph, &blocked, &Advice::default());
            format!(
                "[{}{}]\n{}\n→ {}",
                report.kind,
                if report.access { ", access" } else { "" },
                report.cause,
                report.remedy
            )
        })
        .collect();
    assert_snapshot!(told.join("\n\n"));
}

#[test]
fn an_error_that_carries_escapes_cannot_steer_the_terminal() {
    let manifests =
        Manifests::new([target("production", &["asia", "europe"])]).with("dns", claim("dns/coredns", "a", &["v1"]));
    let mut world = world(&manifests, Truth::WHOLE);
    let hostile = Answer::Failed(Arc::new(Obstacle {
        text: "\u{1b}]0;owned\u{7}\r\n\u{1b}[2J".into(),
        ..Obstacle::new(Kind::Unreachable, "")
    }));
    world.record(Ask::Endpoint(TargetId(0)), EUROPE, hostile);
    let unit = world.graph.wanted().next().unwrap();
    let failed = Attempt::default();
    world.memory.attempts.insert(
        (
            NodeId {
                unit,
                slot: Slot::Image,
            },
            ASIA,
        ),
        failed,
    );
    let planned = world.settle();
    let drawn = table(
        &world.graph,
        &planned,
        &stands(&world, &planned),
        &TableOptions::default(),
    );
    assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn}");
}
