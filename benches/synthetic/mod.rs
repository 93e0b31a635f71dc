//! A large desired state and the answers of its registries, for the benches.

pub mod kpromo;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use landfall::desired::{Accepted, Ledger, ParseCache, Resolved, parse, resolve};
use landfall::facts::{
    Answer, Ask, Depth, Evidence, EvidenceAnswer, Facts, ImageAnswer, Memory, SourceAnswer, SourceImage,
};
use landfall::graph::Graph;
use landfall::model::{
    Admission, BlobId, CommitId, Digest, EndpointIndex, NodeId, PolicyMode, RepoPath, RepositoryId, Slot, TagId,
    TargetId, Tree, TreeFile, UnitId, Verdict,
};

pub const IMAGES: usize = 46_000;
pub const ENDPOINTS: usize = 22;
pub const PROJECTS: usize = 100;
pub const REPOSITORIES: usize = 2_000;

const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUYFdAPATWhgjgoBWzsVGq4NJGrA+\n\
    kvsxzD7AeiasKLQ6cJYlxpd10v3+cmlU1nT/O+qEKHrptHga9fSLWQMTaA==\n\
    -----END PUBLIC KEY-----\n";

/// The files of one commit: landfall.toml, a key, and one file for each repository with one tag for each image.
pub fn tree() -> Tree {
    let mut files: BTreeMap<RepoPath, TreeFile> = BTreeMap::new();
    let mut add = |path: &str, text: &str| {
        files.insert(path.into(), file(text));
    };
    add("landfall.toml", &landfall_toml());
    add("keys/release.pub", PUBLIC_KEY);
    for repository in 0..REPOSITORIES {
        add(&promotions_path(repository), &promotions(repository, 0));
    }
    Tree {
        commit: CommitId([1; 20]),
        files,
    }
}

/// The next commit: one line more, another one each time, in the file of one repository.
pub fn one_line_more(tree: &Tree, repository: usize, lines: usize) -> Tree {
    let mut next = tree.clone();
    next.files.insert(
        promotions_path(repository).as_str().into(),
        file(&promotions(repository, lines)),
    );
    next.commit.0[..8].copy_from_slice(&(lines as u64).to_be_bytes());
    next
}

fn landfall_toml() -> String {
    let mut text = String::from(
        r#"version = 1

[targets.production]
public-name = "registry.example.com"
primary = "primary.example.net/acme/images"
signatures = "replicate"
signer = "release"
attest = ["promotion"]

[targets.production.mirrors]
"#,
    );
    for mirror in 1..ENDPOINTS {
        let _ = writeln!(
            text,
            "region{mirror:02} = \"region{mirror:02}.example.net/acme/images\""
        );
    }
    for project in 0..PROJECTS {
        let _ = write!(
            text,
            "\n[projects.p{project:03}]\nsources = [\"staging.example.com/p{project:03}\"]\n\
             targets = [\"production\"]\npaths = [\"p{project:03}\"]\n"
        );
    }
    text.push_str("\n[signers.release]\npublic-key = \"keys/release.pub\"\nformats = [\"bundle\", \"tag\"]\n");
    text
}

fn promotions_path(repository: usize) -> String {
    format!("promotions/p{:03}/r{repository:04}.toml", repository % PROJECTS)
}

fn promotions(repository: usize, more: usize) -> String {
    let images = IMAGES / REPOSITORIES;
    let mut text = format!("[images.r{repository:04}.tags]\n");
    for image in 0..images {
        let digest = Digest::of(format!("{repository}/{image}").as_bytes());
        let _ = writeln!(text, "\"v1.{image}\" = \"{digest}\"");
    }
    if more > 0 {
        let digest = Digest::of(format!("{repository}/more/{more}").as_bytes());
        let _ = writeln!(text, "\"v2.{more}\" = \"{digest}\"");
    }
    text
}

fn file(text: &str) -> TreeFile {
    let mut blob = [0; 20];
    blob.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..20]);
    TreeFile::Regular {
        blob: BlobId(blob),
        bytes: text.as_bytes().into(),
    }
}

/// A commit as landfall reads it, following the one before.
pub fn read(tree: &Tree, cache: &mut ParseCache, before: Option<&Resolved>) -> Resolved {
    let parsed = parse(tree, cache).expect("the synthetic manifests are valid");
    let ledger = Ledger::default();
    let resolved = resolve(&parsed, &Accepted { ledger: &ledger }, before);
    assert!(resolved.diagnostics.is_empty(), "{}", resolved.diagnostics[0]);
    resolved
}

pub fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("the time is in range")
}

fn endpoints() -> impl Iterator<Item = EndpointIndex> {
    (0..ENDPOINTS as u8).map(EndpointIndex)
}

fn record(graph: &Graph, facts: &mut Facts, ask: Ask, endpoint: EndpointIndex, answer: Answer) {
    facts.record(graph, ask, Depth::Manifests, endpoint, answer, now());
}

fn everybody_answers(graph: &Graph, facts: &mut Facts) {
    for endpoint in endpoints() {
        record(graph, facts, Ask::Endpoint(TargetId(0)), endpoint, Answer::Endpoint);
    }
}

pub fn source_is_whole(graph: &Graph, facts: &mut Facts, unit: UnitId) {
    let claim = graph.unit(unit).claim().expect("the image is wanted");
    let landfall::model::Source::Registry(repository) = &claim.source else {
        unreachable!("no synthetic claim is chained")
    };
    let image = SourceImage {
        below: Arc::default(),
        needs: Arc::default(),
        repository: repository.clone(),
        carried: [].into(),
        found_standing: false,
        found: Vec::new(),
    };
    let answer = Answer::Source(SourceAnswer::Whole(Arc::new(image)));
    record(graph, facts, Ask::Source(unit), EndpointIndex::PRIMARY, answer);
}

/// No repository is there, and every source is whole.
pub fn cold(graph: &Graph) -> (Facts, Memory) {
    let mut facts = Facts::new(graph);
    everybody_answers(graph, &mut facts);
    for repository in 0..graph.repository_count() as u32 {
        for endpoint in endpoints() {
            record(
                graph,
                &mut facts,
                Ask::Tags(RepositoryId(repository)),
                endpoint,
                Answer::Tags(None),
            );
        }
    }
    for unit in graph.wanted() {
        source_is_whole(graph, &mut facts, unit);
    }
    let memory = Memory {
        new: graph.wanted().collect(),
        ..Memory::default()
    };
    (facts, memory)
}

/// Everything stands everywhere, and landfall remembers having promoted it.
pub fn warm(graph: &Graph) -> (Facts, Memory) {
    let mut facts = Facts::new(graph);
    let mut memory = Memory::default();
    everybody_answers(graph, &mut facts);
    let admission = Arc::new(Admission {
        source: "staging.example.com/p000/r0000".parse().expect("a repository"),
        carried: [].into(),
        policy: Digest::of(b"policy"),
        mode: PolicyMode::Off,
        verdict: Verdict::Unchecked,
        commit: CommitId([1; 20]),
        path: RepoPath::from("promotions/p000/r0000.toml"),
        author: "somebody".to_owned(),
        at: now(),
    });
    for unit in graph.wanted() {
        memory.admissions.insert(unit, Arc::clone(&admission));
        let artifact = |slot| {
            let digest = Digest::of(graph.node_name(NodeId { unit, slot }).as_bytes());
            let by = graph.unit(unit).claim()?.signer.as_ref()?.identity();
            let kind = Slot::artifact(slot)?;
            Some(Evidence { kind, digest, by })
        };
        let found: Vec<Evidence> = graph.unit(unit).slots().filter_map(artifact).collect();
        for endpoint in endpoints() {
            let evidence = EvidenceAnswer {
                found: found.clone(),
                ..EvidenceAnswer::default()
            };
            record(
                graph,
                &mut facts,
                Ask::Image(unit),
                endpoint,
                Answer::Image(ImageAnswer::Whole),
            );
            record(
                graph,
                &mut facts,
                Ask::Evidence(unit),
                endpoint,
                Answer::Evidence(evidence),
            );
            for tag in &graph.unit(unit).tags {
                let value = Some(graph.unit(unit).digest);
                record(graph, &mut facts, Ask::Tag(*tag), endpoint, Answer::Tag(value));
            }
        }
    }
    (facts, memory)
}

/// What is known of the repository of a new image: its tags, none of them the new one.
pub fn list_is_known(graph: &Graph, facts: &mut Facts, unit: UnitId) {
    let repository = graph.unit(unit).repository;
    let tags: Vec<TagId> = graph.tags_of(repository).to_vec();
    let names: Vec<_> = tags
        .iter()
        .filter(|tag| !graph.unit(unit).tags.contains(tag))
        .map(|tag| graph.tag(*tag).1.clone())
        .collect();
    for endpoint in endpoints() {
        record(
            graph,
            facts,
            Ask::Tags(repository),
            endpoint,
            Answer::Tags(Some(names.clone())),
        );
        record(
            graph,
            facts,
            Ask::Image(unit),
            endpoint,
            Answer::Image(ImageAnswer::Lacking),
        );
        let nothing = Answer::Evidence(EvidenceAnswer::default());
        record(graph, facts, Ask::Evidence(unit), endpoint, nothing);
    }
}
