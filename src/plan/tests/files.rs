//! Plan files: what was shown is what is applied.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::truth::{Truth, World};
use super::worlds::{self, manifests, truths};
use crate::facts::{Answer, Ask, ImageAnswer};
use crate::graph::Graph;
use crate::graph::testing::{Manifests, claim, digest, target};
use crate::model::{CommitId, Digest, EndpointIndex};
use crate::plan::file::{PlanFile, PlanFileError, PlanFileLimits, Stale, plan_digest, write};
use crate::plan::{Action, Advice, Findings, Planned, Status, Step, StepRecord, Verb, standing};

const COMMIT: CommitId = CommitId([7; 20]);
const PRIMARY: EndpointIndex = EndpointIndex::PRIMARY;
const ASIA: EndpointIndex = EndpointIndex(1);

fn configuration() -> Digest {
    digest("configuration")
}

fn world(truth: Truth) -> World {
    let manifests = Manifests::new([target("production", &["asia", "europe"])])
        .with("dns", claim("dns/coredns", "a", &["v1", "v1.2"]))
        .with("web", claim("web/nginx", "b", &["v1"]));
    worlds::world(&manifests, truth)
}

fn written(world: &World, planned: &Planned) -> Vec<u8> {
    let mut out = Vec::new();
    let standing = standing(
        &world.graph,
        &Status::of(planned),
        Findings::none(COMMIT),
        &Advice::default(),
    );
    write(&world.graph, planned, &standing, configuration(), &mut out).unwrap();
    out
}

fn read(text: &[u8]) -> Result<PlanFile, PlanFileError> {
    PlanFile::read(text, &PlanFileLimits::default())
}

fn file(world: &World, planned: &Planned) -> PlanFile {
    read(&written(world, planned)).unwrap()
}

/// The steps in names, one line for each node and endpoint.
fn lines(graph: &Graph, steps: &[Step]) -> BTreeSet<String> {
    steps
        .iter()
        .flat_map(|step| {
            let record = StepRecord::new(graph, step);
            let names = if record.endpoints.is_empty() {
                vec!["-".into()]
            } else {
                record.endpoints.clone()
            };
            let what = match &step.action {
                Action::Copy { carried, .. } if carried.is_empty() => "copy".to_owned(),
                Action::Copy { carried, .. } => {
                    format!(
                        "copy with {}",
                        carried
                            .iter()
                            .map(|c| c.digest.to_string())
                            .collect::<Vec<_>>()
                            .join(" ")
                    )
                }
                Action::Sign => "sign".to_owned(),
                Action::Attach { content, .. } => match content.digest() {
                    Some(digest) => format!("attach {digest}"),
                    None => "attach what is signed here".to_owned(),
                },
                Action::Remove { artifacts, keeps } => format!("remove {artifacts:?} beside {keeps}"),
                Action::Tag { digest, replaces, .. } => format!(
                    "tag {digest} replacing {}",
                    replaces.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string())
                ),
            };
            let node = record.node.into_owned();
            names
                .into_iter()
                .map(move |name| format!("{node}\t{name}\t{what}\n"))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_plan_file_holds_the_header_the_steps_what_is_open_and_the_end() {
    let mut world = world(Truth::EMPTY);
    let first = world.plan();
    world.answer(&first, || true);
    let second = world.plan();
    insta::assert_snapshot!("open", String::from_utf8(written(&world, &second)).unwrap());
    let unit = world.graph.wanted().next().unwrap();
    let down = Answer::failed(crate::model::ObstacleKind::Unreachable, "connection refused");
    world.record(Ask::Source(unit), PRIMARY, down);
    let planned = world.settle();
    insta::assert_snapshot!("steps", String::from_utf8(written(&world, &planned)).unwrap());
}

#[test]
fn the_digest_is_the_sum_of_sorted_lines() {
    let mut world = world(Truth::EMPTY);
    let planned = world.settle();
    let text: String = lines(&world.graph, &planned.steps).into_iter().collect();
    let expected = Digest::from_bytes(Sha256::digest(text.as_bytes()).into());
    assert_eq!(plan_digest(&world.graph, &planned), expected);
    assert_eq!(plan_digest(&world.graph, &Planned::default()), Digest::of(b""));
}

#[test]
fn a_plan_for_another_commit_or_configuration_is_stale() {
    let mut world = world(Truth::EMPTY);
    let planned = world.settle();
    let file = file(&world, &planned);
    let other = CommitId([8; 20]);
    let stale = file.check(&world.graph, &planned, other, configuration()).unwrap_err();
    assert_eq!(
        stale,
        Stale::Commit {
            planned: COMMIT,
            current: other
        }
    );
    let stale = file.check(&world.graph, &planned, COMMIT, digest("other")).unwrap_err();
    assert_eq!(stale, Stale::Configuration);
}

#[test]
fn a_tag_that_moved_since_makes_the_plan_stale() {
    let mut world = world(Truth::WHOLE);
    let unit = world.graph.wanted().next().unwrap();
    let tag = world.graph.unit(unit).tags[0];
    let stands_on = |world: &mut World, value: Option<&str>| {
        world.record(Ask::Tag(tag), ASIA, Answer::Tag(value.map(digest)));
        world.settle()
    };
    let planned = stands_on(&mut world, None);
    let file = file(&world, &planned);
    let drifted = stands_on(&mut world, Some("foreign"));
    let stale =
        |planned: &Planned, world: &World| file.check(&world.graph, planned, COMMIT, configuration()).unwrap_err();
    let expected = Stale::Expected {
        node: "production/dns/coredns:v1".to_owned(),
        endpoint: "asia".to_owned(),
        expected: None,
        found: Some(digest("foreign")),
    };
    assert_eq!(stale(&drifted, &world), expected);
    // Without the memory of having set it, the tag is in conflict and has no step at all.
    world.memory.written.clear();
    let conflict = world.settle();
    assert!(conflict.steps.is_empty());
    assert_eq!(stale(&conflict, &world), expected);
    insta::assert_snapshot!(expected.to_string());
}

#[test]
fn a_step_that_became_another_makes_the_plan_stale() {
    let mut world = world(Truth::WHOLE);
    let unit = world.graph.wanted().next().unwrap();
    let Answer::Evidence(whole) = world.truth.answer(&world.graph, Ask::Evidence(unit), ASIA) else {
        panic!("evidence answers evidence")
    };
    let mut lacking = whole.clone();
    lacking.found.remove(0);
    world.record(Ask::Evidence(unit), ASIA, Answer::Evidence(lacking.clone()));
    let planned = world.settle();
    let file = file(&world, &planned);
    // Meanwhile it was lost everywhere, and would have to be signed anew.
    world.memory.waiting.clear();
    for endpoint in world.graph.target(world.graph.target_of(unit)).all_endpoints().iter() {
        world.record(Ask::Evidence(unit), endpoint, Answer::Evidence(lacking.clone()));
    }
    let fresh = world.settle();
    let stale = file.check(&world.graph, &fresh, COMMIT, configuration()).unwrap_err();
    assert!(matches!(stale, Stale::Another { .. }), "{stale}");
}

#[test]
fn what_is_done_is_not_run_again_and_what_is_new_is_left_out() {
    let mut world = world(Truth::WHOLE);
    let units: Vec<_> = world.graph.wanted().collect();
    for unit in &units {
        world.record(Ask::Image(*unit), ASIA, Answer::Image(ImageAnswer::Lacking));
    }
    let planned = world.settle();
    assert_eq!(planned.steps.len(), 2);
    let file = file(&world, &planned);
    // One was repaired meanwhile, and the other was lost at the primary too.
    world.record(Ask::Image(units[0]), ASIA, Answer::Image(ImageAnswer::Whole));
    world.record(Ask::Image(units[1]), PRIMARY, Answer::Image(ImageAnswer::Lacking));
    let fresh = world.settle();
    let needed = file.check(&world.graph, &fresh, COMMIT, configuration()).unwrap();
    assert_eq!(needed.steps.len(), 1);
    assert_eq!(needed.steps[0].at.iter().collect::<Vec<_>>(), [ASIA]);
    assert_eq!(needed.left_out.len(), 1);
    assert_eq!(needed.left_out[0].at.iter().collect::<Vec<_>>(), [PRIMARY]);
}

#[test]
fn a_step_does_not_run_before_one_that_the_file_does_not_hold() {
    let mut world = world(Truth::WHOLE);
    let unit = world.graph.wanted().next().unwrap();
    let tag = world.graph.unit(unit).tags[0];
    world.record(Ask::Tag(tag), ASIA, Answer::Tag(None));
    let planned = world.settle();
    assert_eq!(planned.steps.len(), 1);
    let file = file(&world, &planned);
    // Meanwhile the image was lost: the tag alone would stand on nothing.
    world.record(Ask::Image(unit), ASIA, Answer::Image(ImageAnswer::Lacking));
    let fresh = world.settle();
    assert_eq!(fresh.steps.len(), 2);
    let needed = file.check(&world.graph, &fresh, COMMIT, configuration()).unwrap();
    assert_eq!(needed.steps, []);
    assert_eq!(needed.left_out.len(), 2);
}

#[test]
fn a_run_that_was_interrupted_after_signing_goes_on_with_the_same_file() {
    let mut world = world(Truth::EMPTY);
    let planned = world.settle();
    let file = file(&world, &planned);
    let half = Planned {
        steps: planned
            .steps
            .iter()
            .filter(|step| step.action.verb() != Verb::Tag)
            .map(|step| Step {
                at: if step.action == Action::Sign {
                    step.at
                } else {
                    crate::model::EndpointSet::PRIMARY
                },
                ..step.clone()
            })
            .collect(),
        ..Planned::default()
    };
    world.perform(&half);
    let fresh = world.settle();
    assert!(fresh.steps.iter().all(|step| step.action.verb() != Verb::Sign));
    let needed = file.check(&world.graph, &fresh, COMMIT, configuration()).unwrap();
    assert_eq!(needed.left_out, []);
    assert_eq!(needed.steps, fresh.steps);
}

#[test]
fn what_is_put_back_if_it_was_dropped_stands_in_the_file_and_is_run_where_it_was() {
    let mut world = world(Truth::WHOLE);
    let unit = world.graph.wanted().next().unwrap();
    let tag = world.graph.unit(unit).tags[0];
    let below = ImageAnswer::WholeWith([digest("child")].into());
    for endpoint in world.graph.target(world.graph.target_of(unit)).all_endpoints().iter() {
        world.record(Ask::Image(unit), endpoint, Answer::Image(below.clone()));
    }
    world.record(Ask::Tag(tag), ASIA, Answer::Tag(Some(digest("child"))));
    let planned = world.settle();
    assert_eq!((planned.steps.len(), planned.if_dropped.len()), (1, 1));
    let alone = Planned {
        steps: planned.steps.clone(),
        ..Planned::default()
    };
    assert_ne!(
        plan_digest(&world.graph, &planned),
        plan_digest(&world.graph, &alone),
        "who approves a plan approves this too"
    );
    let file = file(&world, &planned);
    let needed = file.check(&world.graph, &planned, COMMIT, configuration()).unwrap();
    assert_eq!(needed.steps, planned.steps);
    // The tag was moved, and the registry kept what it left; or dropped it.
    world.record(Ask::Tag(tag), ASIA, Answer::Tag(Some(world.graph.unit(unit).digest)));
    let kept = world.settle();
    assert_eq!(file.put_back(&world.graph, &kept), []);
    for lost in [ASIA, PRIMARY] {
        world.record(Ask::Image(unit), lost, Answer::Image(ImageAnswer::Lacking));
    }
    let dropped = world.settle();
    let put_back = file.put_back(&world.graph, &dropped);
    assert_eq!(put_back.len(), 1);
    // What was lost elsewhere meanwhile is no part of what was shown.
    assert_eq!(put_back[0].at.iter().collect::<Vec<_>>(), [ASIA]);
    // A run that ended in between goes on with the same file.
    let needed = file.check(&world.graph, &dropped, COMMIT, configuration()).unwrap();
    assert_eq!(needed.steps, put_back);
}

#[test]
fn damaged_files_are_refused_with_the_line() {
    let mut world = world(Truth::EMPTY);
    let planned = world.settle();
    let text = String::from_utf8(written(&world, &planned)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    let without = |skipped: usize| {
        let kept: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != skipped)
            .map(|(_, line)| *line)
            .collect();
        kept.join("\n")
    };
    let told = [
        ("empty", error("")),
        ("no plan", error("{\"hello\": 1}")),
        ("binary", error("\u{0}\u{1}")),
        (
            "another version",
            error(&text.replacen("\"schemaVersion\":1", "\"schemaVersion\":2", 1)),
        ),
        ("cut between lines", error(&without(lines.len() - 1))),
        ("cut within a line", error(&text[..text.len() / 2])),
        ("unknown field", error(&text.replacen("\"because\"", "\"why\"", 1))),
        (
            "wrong digest",
            error(
                &text
                    .replacen("\"replaces\":\"sha256:", "\"replaces\":\"md5:", 1)
                    .replacen("\"commit\":\"07", "\"commit\":\"7", 1),
            ),
        ),
        (
            "a step without endpoints",
            error(&text.replacen("\"endpoints\":[\"primary\",\"asia\",\"europe\"],", "", 1)),
        ),
        (
            "a step twice",
            error(&text.replacen(lines[1], &format!("{0}\n{0}", lines[1]), 1)),
        ),
        ("something after the end", error(&format!("{text}{}\n", lines[1]))),
    ];
    let told: Vec<String> = told
        .into_iter()
        .map(|(what, error)| format!("{what}: {error}"))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(matches!(
        read(without(1).as_bytes()),
        Err(PlanFileError::Changed { .. })
    ));
    let limits = PlanFileLimits {
        line: 100,
        ..PlanFileLimits::default()
    };
    let long = PlanFile::read(text.as_bytes(), &limits).unwrap_err();
    assert!(long.to_string().contains("longer than 100 bytes"), "{long}");
    let limits = PlanFileLimits {
        lines: 2,
        ..PlanFileLimits::default()
    };
    assert!(PlanFile::read(text.as_bytes(), &limits).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_read_back_is_the_plan_that_was_written(manifests in manifests(), truth in truths()) {
        let mut world = World::new(Graph::new(&manifests.desired()), truth);
        let planned = world.settle();
        let file = file(&world, &planned);
        prop_assert_eq!(file.digest(), plan_digest(&world.graph, &planned));
        let needed = file.check(&world.graph, &planned, COMMIT, configuration()).unwrap();
        prop_assert_eq!(needed.steps, planned.steps);
        prop_assert_eq!(needed.left_out, Vec::new());
    }

    #[test]
    fn whatever_happened_meanwhile_only_what_was_shown_is_run(
        manifests in manifests(), shown in truths(), seed in any::<u64>(), standing in 0..=100_u64
    ) {
        let graph = Graph::new(&manifests.desired());
        let mut world = World::new(graph, shown);
        let planned = world.settle();
        let file = file(&world, &planned);
        // The registries changed, and part of the plan was done.
        let mut now = World::new(Graph::new(&manifests.desired()), Truth { seed, standing, ..shown });
        now.memory = world.memory.clone();
        let fresh = now.settle();
        let Ok(needed) = file.check(&now.graph, &fresh, COMMIT, configuration()) else { return Ok(()) };
        let places = |steps: &[Step]| -> BTreeSet<String> {
            lines(&now.graph, steps)
                .into_iter()
                .map(|line| {
                    let mut parts = line.split('\t');
                    let (node, endpoint) = (parts.next().unwrap(), parts.next().unwrap());
                    let what = parts.next().unwrap().trim_end();
                    let verb = what.split(' ').next().unwrap();
                    let rest = if verb == "tag" { what } else { verb };
                    format!("{node} {endpoint} {rest}")
                })
                .collect()
        };
        let (run, shown, due) = (places(&needed.steps), places(&planned.steps), places(&fresh.steps));
        prop_assert!(run.is_subset(&shown), "{:?}", run.difference(&shown));
        prop_assert!(run.is_subset(&due));
        let left: BTreeSet<String> = places(&needed.left_out);
        prop_assert!(run.union(&left).cloned().collect::<BTreeSet<_>>() == due);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n){0,200}") {
        let _ = read(text.as_bytes());
    }
}
