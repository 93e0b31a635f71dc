use std::collections::BTreeSet;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::draw::{Filter, draw, json};
use super::testing::{Manifests, chained, claim, digest, signed_with, target, unsigned};
use super::{Graph, Notation};
use crate::model::{
    Claim, EndpointIndex, EndpointSet, NodeId, Origin, RepoPath, SignatureForm, SignaturePlacement, Slot,
};

fn production() -> Manifests {
    Manifests::new([target("production", &["asia", "europe"])])
}

/// Staging, and production that reads from it.
fn two_targets() -> Manifests {
    Manifests::new([
        target("staging", &["asia", "europe"]),
        target("production", &["asia", "europe"]),
    ])
}

fn names(graph: &Graph) -> BTreeSet<String> {
    graph
        .wanted()
        .flat_map(|id| {
            let upstream = graph.upstream(id).map(|unit| NodeId {
                unit,
                slot: Slot::Image,
            });
            let upstream = upstream.map(|node| graph.node_name(node)).unwrap_or_default();
            graph
                .unit(id)
                .slots()
                .map(move |slot| format!("{} from {upstream}", graph.node_name(NodeId { unit: id, slot })))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn nodes_are_named_the_same_in_every_process() {
    let graph = Graph::new(&production().with("dns", claim("dns/coredns", "a", &["v1"])).desired());
    let unit = graph
        .find("production", &"dns/coredns".parse().unwrap(), digest("a"))
        .unwrap();
    let name = |slot| graph.node_name(NodeId { unit, slot });
    let image = format!("production/dns/coredns@{}", digest("a"));
    assert_eq!(name(Slot::Image), image);
    assert_eq!(name(Slot::Gate), format!("{image}#gate"));
    assert_eq!(
        name(Slot::Signature(SignatureForm::Tag)),
        format!("{image}#signature/tag")
    );
    assert_eq!(name(Slot::Tag(graph.unit(unit).tags[0])), "production/dns/coredns:v1");
}

#[test]
fn a_moved_line_touches_nothing() {
    let before = production().with("dns", claim("dns/coredns", "a", &["v1"])).desired();
    let mut graph = Graph::new(&before);
    let moved = Claim {
        origin: Origin {
            file: RepoPath::from("promotions/dns/elsewhere.toml"),
            line: 40,
        },
        ..claim("dns/coredns", "a", &["v1"])
    };
    let after = production().with("dns", moved.clone()).desired_after(&before);
    assert_eq!(graph.update(&after).units, []);
    let unit = graph.wanted().next().unwrap();
    assert_eq!(graph.unit(unit).claim(), Some(&moved));
}

#[test]
fn a_one_line_commit_touches_the_two_images_whose_tag_moves() {
    let before = production()
        .with("dns", claim("dns/coredns", "a", &["v1"]))
        .with("dns", claim("dns/coredns", "b", &[]))
        .with("web", claim("web/nginx", "c", &["v1"]))
        .desired();
    let mut graph = Graph::new(&before);
    let path = "dns/coredns".parse().unwrap();
    let a = graph.find("production", &path, digest("a")).unwrap();
    let b = graph.find("production", &path, digest("b")).unwrap();
    let after = production()
        .with("dns", claim("dns/coredns", "a", &[]))
        .with("dns", claim("dns/coredns", "b", &["v1"]))
        .with("web", claim("web/nginx", "c", &["v1"]))
        .desired_after(&before);
    let touched = graph.update(&after);
    assert_eq!(touched.units, [a.min(b), a.max(b)]);
    assert_eq!(touched.evidence, [], "signatures are of digests, not of tags");
    assert!(graph.unit(a).tags.is_empty());
    assert_eq!(graph.unit(b).tags.len(), 1);
}

#[test]
fn an_image_that_passes_to_a_project_earlier_in_the_alphabet_stays_wanted() {
    let before = production()
        .with("a", claim("a/other", "x", &[]))
        .with("z", claim("z/app", "y", &["v1"]))
        .desired();
    let mut graph = Graph::new(&before);
    let after = production()
        .with("a", claim("a/other", "x", &[]))
        .with("a", claim("z/app", "y", &["v1"]))
        .with("z", claim("z/more", "w", &[]))
        .desired_after(&before);
    graph.update(&after);
    assert_eq!(names(&graph), names(&Graph::new(&after)));
}

#[test]
fn whoever_reads_from_a_touched_image_is_touched_too() {
    let upstream = claim("app", "x", &["v1"]);
    let before = two_targets()
        .with("dev", upstream.clone())
        .with("ops", chained(claim("app", "x", &["v1"]), 0, 1))
        .desired();
    let mut graph = Graph::new(&before);
    let after = two_targets()
        .with("dev", unsigned(upstream))
        .with("ops", chained(claim("app", "x", &["v1"]), 0, 1))
        .desired_after(&before);
    assert_eq!(graph.update(&after).units.len(), 2);
}

#[test]
fn a_setting_of_one_target_touches_its_images_and_makes_nothing_forgotten() {
    let at_production = Claim {
        target: 1,
        ..claim("app", "y", &["v1"])
    };
    let manifests = two_targets()
        .with("dev", claim("app", "x", &["v1"]))
        .with("ops", at_production);
    let before = manifests.desired();
    let mut graph = Graph::new(&before);
    let mut manifests = manifests;
    manifests.targets[1].signatures = SignaturePlacement::PrimaryOnly;
    // Whoever reads another landfall.toml reads every project anew.
    let touched = graph.update(&manifests.desired());
    let unit = graph.find("production", &"app".parse().unwrap(), digest("y")).unwrap();
    assert_eq!(touched.units, [unit]);
    assert_eq!(
        (touched.evidence, touched.sources, touched.endpoints),
        (vec![], vec![], vec![])
    );
    let target = graph.target_of(unit);
    assert_eq!(graph.target(target).signatures, SignaturePlacement::PrimaryOnly);
}

#[test]
fn endpoints_are_followed_by_their_prefix() {
    let manifests = production().with("dns", claim("dns/coredns", "a", &["v1"]));
    let mut graph = Graph::new(&manifests.desired());
    let unit = graph.wanted().next().unwrap();
    let mut after = manifests;
    // africa comes and is the first mirror, europe has another name, asia is another registry.
    after.targets[0].endpoints = target("production", &["africa", "asia", "europe"]).endpoints;
    after.targets[0].endpoints[2].prefix = "other.test/production".parse().unwrap();
    after.targets[0].endpoints[3].name = "frankfurt".into();
    let touched = graph.update(&after.desired());
    assert_eq!(touched.units, [unit]);
    assert_eq!(touched.evidence, []);
    let [renumbered] = &touched.endpoints[..] else {
        panic!("the endpoints of one target changed")
    };
    let now_at = [0, 1, 2].map(|before| renumbered.endpoint(EndpointIndex(before)));
    assert_eq!(now_at, [Some(EndpointIndex(0)), None, Some(EndpointIndex(3))]);
    let expected: EndpointSet = [EndpointIndex(0), EndpointIndex(3)].into_iter().collect();
    assert_eq!(renumbered.set(EndpointSet::first(3)), expected);
}

#[test]
fn a_target_keeps_its_number_while_others_come_and_go() {
    let staging = claim("app", "x", &["v1"]);
    let both = two_targets()
        .with("dev", staging.clone())
        .with("ops", chained(claim("app", "x", &["v1"]), 0, 1));
    let mut graph = Graph::new(&both.desired());
    let find = |graph: &Graph| graph.find("production", &"app".parse().unwrap(), digest("x")).unwrap();
    let unit = find(&graph);
    let named = graph.node_name(NodeId {
        unit,
        slot: Slot::Image,
    });
    // In the commit's own order production is the first target now.
    let alone = Manifests::new([target("production", &["asia", "europe"])]).with("ops", staging);
    let touched = graph.update(&alone.desired());
    assert_eq!(find(&graph), unit);
    assert_eq!(touched.sources, [unit], "it is read from elsewhere");
    assert_eq!(graph.upstream(unit), None);
    assert_eq!(graph.targets().count(), 1);
    graph.update(&both.desired());
    assert_eq!(find(&graph), unit);
    assert_eq!(graph.targets().count(), 2);
    let again = graph.node_name(NodeId {
        unit,
        slot: Slot::Image,
    });
    assert_eq!(named, again);
    assert_eq!(names(&graph), names(&Graph::new(&both.desired())));
}

#[test]
fn another_key_or_another_public_name_makes_signatures_to_be_looked_for_anew() {
    let manifests = production()
        .with("dns", claim("dns/coredns", "a", &["v1"]))
        .with("web", claim("web/nginx", "b", &["v1"]));
    let before = manifests.desired();
    let mut graph = Graph::new(&before);
    let path = "dns/coredns".parse().unwrap();
    let unit = graph.find("production", &path, digest("a")).unwrap();
    let mut rotated = production()
        .with(
            "dns",
            signed_with(claim("dns/coredns", "a", &["v1"]), "another key", &[]),
        )
        .with("web", claim("web/nginx", "b", &["v1"]));
    let after = rotated.desired_after(&before);
    let touched = graph.update(&after);
    assert_eq!((&touched.units[..], &touched.evidence[..]), (&[unit][..], &[unit][..]));
    rotated.targets[0].public_name = "other.example.com".parse().unwrap();
    assert_eq!(graph.update(&rotated.desired_after(&after)).evidence.len(), 2);
}

#[test]
fn claims_that_read_from_each_other_are_a_cycle() {
    let graph = Graph::new(
        &two_targets()
            .with("a", chained(claim("app", "x", &[]), 1, 0))
            .with("b", chained(claim("app", "x", &[]), 0, 1))
            .desired(),
    );
    assert_eq!(graph.cycles().len(), 1);
    assert_eq!(graph.cycles()[0].0.len(), 2);
}

fn chain() -> Graph {
    let mut manifests = two_targets()
        .with("dev", claim("app", "x", &["v1"]))
        .with("dev", unsigned(claim("tools/helm", "y", &[])))
        .with("ops", chained(unsigned(claim("app", "x", &["v1", "latest"])), 0, 1));
    manifests.targets[0].signatures = SignaturePlacement::PrimaryOnly;
    Graph::new(&manifests.desired())
}

fn drawn(graph: &Graph, filter: &Filter, notation: Notation) -> String {
    let mut out = Vec::new();
    draw(graph, filter, notation, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_graph_is_drawn_with_chains_and_the_edge_to_the_primary() {
    assert_snapshot!(drawn(&chain(), &Filter::default(), Notation::Dot));
    assert_snapshot!(drawn(&chain(), &Filter::default(), Notation::Mermaid));
}

#[test]
fn a_filter_leaves_what_it_reads_from_as_one_node() {
    let filter = Filter {
        target: Some("production".to_owned()),
        repository: Some(globset::Glob::new("app*").unwrap().compile_matcher()),
    };
    assert_snapshot!(drawn(&chain(), &filter, Notation::Mermaid));
    let nothing = Filter {
        target: Some("production".to_owned()),
        repository: Some(globset::Glob::new("tools/*").unwrap().compile_matcher()),
    };
    assert_eq!(drawn(&chain(), &nothing, Notation::Mermaid), "flowchart LR\n");
}

#[test]
fn the_graph_is_written_as_nodes_and_edges() {
    let mut out = Vec::new();
    json(&chain(), &Filter::default(), &mut out).unwrap();
    assert_snapshot!(String::from_utf8(out).unwrap());
}

/// Claims of one commit: repository, digest and tags as small numbers, and who claims it.
fn commits() -> impl Strategy<Value = Vec<Vec<(u8, u8, u8, bool)>>> {
    let claim = (0..4_u8, 0..3_u8, 0..8_u8, any::<bool>());
    proptest::collection::vec(proptest::collection::vec(claim, 0..8), 1..6)
}

/// A repository is one project's at a time, though another may own it in another commit.
fn manifests(claims: &[(u8, u8, u8, bool)], turn: usize) -> Manifests {
    let mut manifests = two_targets();
    let mut seen = BTreeSet::new();
    let mut tagged = BTreeSet::new();
    for (repository, image, tags, chain) in claims {
        let target = usize::from(*chain);
        if !seen.insert((target, *repository, *image)) {
            continue;
        }
        let tags: Vec<&str> = ["a", "b", "c"]
            .into_iter()
            .enumerate()
            .filter(|(bit, tag)| tags >> bit & 1 == 1 && tagged.insert((target, *repository, *tag)))
            .map(|(_, tag)| tag)
            .collect();
        let mut one = claim(&format!("r{repository}"), &format!("i{image}"), &tags);
        if *chain {
            one = chained(one, 0, 1);
        }
        let project = format!("p{}", (usize::from(*repository) + turn) % 3);
        manifests = manifests.with(&project, one);
    }
    manifests
}

proptest! {
    #[test]
    fn a_graph_that_followed_commits_is_the_same_as_one_built_anew(commits in commits(), turns in any::<[bool; 6]>()) {
        let mut turn = 0;
        let mut desired = manifests(&commits[0], turn).desired();
        let mut graph = Graph::new(&desired);
        for (claims, other_owner) in commits[1..].iter().zip(turns) {
            turn += usize::from(other_owner);
            desired = manifests(claims, turn).desired_after(&desired);
            let before = names(&graph);
            let touched = graph.update(&desired);
            let anew = names(&Graph::new(&desired));
            prop_assert_eq!(names(&graph), anew.clone());
            if touched.units.is_empty() {
                prop_assert_eq!(before, anew);
            }
        }
    }
}
