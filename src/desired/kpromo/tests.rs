//! kpromo's manifests as their users see them: caching, older files, sharing, size, and the same in landfall's words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use crate::desired::{
    Accepted, ImportError, Ledger, ParseCache, Parsed, Resolved, code, import_kpromo, parse, resolve, roots,
};
use crate::model::{CommitId, Digest, Limits, RepoPath, Severity, Tree, TreeFile};

const LANDFALL: &str = r#"version = 1
[kpromo]
root = "."
public-name = "registry.example.com"
[kpromo.endpoints]
primary = "us.example.com/prod/images"
asia = "asia.example.com/prod/images"
europe = "europe.example.com/prod/images"
"#;

fn digest(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

fn manifest(source: &str, destinations: &[&str]) -> String {
    let mut text = format!("registries:\n- name: staging.example.com/{source}\n  src: true\n");
    for destination in destinations {
        writeln!(text, "- name: {destination}").unwrap();
    }
    text
}

fn images(image: &str, tag: &str, content: &str) -> String {
    format!("- name: {image}\n  dmap:\n    \"{}\": [\"{tag}\"]\n", digest(content))
}

/// A commit with these projects: name, manifest, images.
fn tree(number: u8, projects: &[(&str, String, String)]) -> Tree {
    let mut files = BTreeMap::from([(RepoPath::from("landfall.toml"), TreeFile::unstored(LANDFALL.as_bytes()))]);
    for (name, manifest, images) in projects {
        let mut add =
            |path: String, text: &str| files.insert(RepoPath::from(path.as_str()), TreeFile::unstored(text.as_bytes()));
        add(format!("manifests/{name}/promoter-manifest.yaml"), manifest);
        add(format!("images/{name}/images.yaml"), images);
    }
    Tree {
        commit: CommitId([number; 20]),
        files,
    }
}

fn dns() -> String {
    manifest("dns", &["us.example.com/prod/images/dns"])
}

fn node() -> String {
    manifest("node", &["us.example.com/prod/images/dns"])
}

fn resolved(parsed: &Parsed, previous: Option<&Resolved>) -> Resolved {
    let ledger = Ledger::default();
    resolve(parsed, &Accepted { ledger: &ledger }, previous)
}

#[test]
fn projects_that_did_not_change_are_the_same_allocation() {
    let mut cache = ParseCache::default();
    let one = tree(
        1,
        &[
            ("dns", dns(), images("a", "v1", "1")),
            ("node", node(), images("b", "v1", "1")),
        ],
    );
    let two = tree(
        2,
        &[
            ("dns", dns(), images("a", "v1", "1")),
            ("node", node(), images("b", "v1", "2")),
        ],
    );
    let before = resolved(&parse(&one, &mut cache).unwrap(), None);
    let after = resolved(&parse(&two, &mut cache).unwrap(), Some(&before));
    let same = |index: usize| Arc::ptr_eq(&before.desired.projects[index], &after.desired.projects[index]);
    assert!(same(0) && !same(1));
}

#[test]
fn a_conflict_with_another_project_comes_and_goes_with_it() {
    let mut cache = ParseCache::default();
    let mut previous = None;
    for (number, other, claims, held) in [(1, "2", 0, 2), (2, "2", 0, 2), (3, "1", 1, 0)] {
        // The same digest from two sources is held too, so the second project promotes another image in the end.
        let other_images = match held {
            0 => images("b", "v1", other),
            _ => images("a", "v1", other),
        };
        let tree = tree(
            number,
            &[("dns", dns(), images("a", "v1", "1")), ("node", node(), other_images)],
        );
        let after = resolved(&parse(&tree, &mut cache).unwrap(), previous.as_ref());
        assert_eq!(
            (after.desired.projects[0].claims.len(), after.held.len()),
            (claims, held)
        );
        if number == 2 {
            let before: &Resolved = previous.as_ref().unwrap();
            assert!(Arc::ptr_eq(&before.desired.projects[0], &after.desired.projects[0]));
        }
        previous = Some(after);
    }
}

#[test]
fn only_the_heads_manifest_grants_where_older_images_are_used() {
    let mut cache = ParseCache::default();
    let wide = manifest("dns", &["us.example.com/prod/images/dns", "us.example.com/prod/images"]);
    let older = tree(1, &[("dns", wide, images("a", "v1", "1"))]);
    let head = tree(2, &[("dns", dns(), "- name: [".to_owned())]);
    let mut parsed = parse(&head, &mut cache).unwrap();
    assert_eq!(parsed.broken_projects().collect::<Vec<_>>(), ["dns"]);
    assert!(parsed.substitute("dns", &older, &mut cache));
    let found = resolved(&parsed, None);
    let claims = &found.desired.projects[0].claims;
    let repositories: Vec<_> = claims.iter().map(|claim| claim.repository.as_str()).collect();
    assert_eq!(repositories, ["dns/a"]);
}

#[test]
fn a_manifest_that_is_broken_is_older_as_a_whole() {
    let mut cache = ParseCache::default();
    let older = tree(1, &[("dns", dns(), images("a", "v1", "1"))]);
    let nothing_yet = tree(2, &[("dns", "registries: [".to_owned(), images("a", "v1", "1"))]);
    let head = tree(3, &[("dns", "registries: [".to_owned(), images("a", "v2", "2"))]);
    let mut parsed = parse(&head, &mut cache).unwrap();
    assert!(!parsed.substitute("dns", &nothing_yet, &mut cache));
    assert!(parsed.substitute("dns", &older, &mut cache));
    let found = resolved(&parsed, None);
    assert_eq!(found.desired.projects[0].claims[0].tags[0].as_str(), "v1");
}

#[test]
fn lists_too_large_to_read_are_refused_and_only_their_project_with_them() {
    let mut head = tree(
        1,
        &[("dns", dns(), String::new()), ("node", node(), images("b", "v1", "1"))],
    );
    let path = RepoPath::from("images/dns/images.yaml");
    head.files.insert(path, TreeFile::TooLarge { bytes: 50 << 20 });
    let parsed = parse(&head, &mut ParseCache::default()).unwrap();
    assert_eq!(parsed.diagnostics()[0].code, code::TOO_LARGE);
    assert_eq!(resolved(&parsed, None).desired.projects.len(), 1);
}

#[test]
fn a_digest_with_a_digit_too_few_holds_its_line_alone() {
    let short = &digest("2")[..70];
    let list = images("a", "v1", "1") + &format!("    \"{short}\": [\"v2\"]\n") + &images("b", "v1", "3");
    let parsed = parse(&tree(1, &[("dns", dns(), list)]), &mut ParseCache::default()).unwrap();
    assert_eq!(parsed.diagnostics()[0].code, code::INVALID_DIGEST);
    let found = resolved(&parsed, None);
    assert_eq!(found.desired.projects[0].claims.len(), 2);
    let held: Vec<_> = found
        .held
        .iter()
        .map(|held| (held.repository.as_str(), held.tag.as_ref().map(|tag| tag.as_str())))
        .collect();
    assert_eq!(held, [("dns/a", Some("v2"))]);
}

#[test]
fn a_tag_that_stands_in_a_line_that_cannot_be_read_too_is_held() {
    let short = &digest("2")[..70];
    let list = images("a", "v1", "1") + &format!("    \"{short}\": [\"v1\"]\n") + &images("b", "v1", "3");
    let parsed = parse(&tree(1, &[("dns", dns(), list)]), &mut ParseCache::default()).unwrap();
    let found = resolved(&parsed, None);
    let claimed: Vec<_> = found.desired.projects[0]
        .claims
        .iter()
        .map(|claim| claim.repository.as_str())
        .collect();
    assert_eq!((claimed, found.held.len()), (vec!["dns/b"], 2));
    assert_eq!(found.diagnostics[0].code, code::CONFLICTING_CLAIMS);
}

#[test]
fn what_means_nothing_in_many_manifests_is_said_once() {
    let path = "imagesPath: ../images\n";
    let projects = [
        ("dns", dns() + path, images("a", "v1", "1")),
        ("node", node() + path, images("b", "v1", "2")),
        (
            "web",
            manifest("web", &["us.example.com/prod/images/web"]) + path,
            images("c", "v1", "3"),
        ),
    ];
    let parsed = parse(&tree(1, &projects), &mut ParseCache::default()).unwrap();
    let told: Vec<_> = parsed
        .diagnostics()
        .iter()
        .map(|found| (found.code, &found.message))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].0 == code::UNUSED_KEY && told[0].1.contains("2 other manifests"),
        "{told:?}"
    );
}

#[test]
fn as_many_tags_as_fit_into_a_file_are_read_or_refused() {
    for (tag, refused) in [("v", true), ("a-rather-long-tag-of-some-release-", false)] {
        let mut text = format!("- name: a\n  dmap:\n    \"{}\": [", digest("1"));
        let mut number = 0;
        while text.len() < Limits::default().manifest_file - 64 {
            write!(text, "{tag}{number},").unwrap();
            number += 1;
        }
        text.push_str("]\n");
        let parsed = parse(&tree(1, &[("dns", dns(), text)]), &mut ParseCache::default()).unwrap();
        assert_eq!(parsed.broken_projects().next().is_some(), refused, "{number} tags");
    }
}

#[test]
fn garbage_is_reported_in_bounds() {
    let garbage = "- {name: A, dmaps: 1}\n".repeat(10_000);
    let parsed = parse(&tree(1, &[("dns", dns(), garbage)]), &mut ParseCache::default()).unwrap();
    let found = parsed.diagnostics();
    assert!(found.len() < 200, "{}", found.len());
    assert!(found.iter().any(|found| found.code == code::MORE_FINDINGS));
}

#[test]
fn the_folders_of_kpromo_are_read_and_nothing_of_a_broken_landfall_toml() {
    let named = |text: &str| {
        roots(&TreeFile::unstored(text.as_bytes()))
            .named()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(named(LANDFALL), ["images", "manifests"]);
    assert_eq!(named("[kpromo]\nroot = \"a/b\""), ["a/b/images", "a/b/manifests"]);
    for text in [
        "",
        "[kpromo",
        "kpromo = 1",
        "[kpromo]\nroot = 1",
        "[kpromo]\nroot = \"..\"",
        "[other]",
    ] {
        assert_eq!(named(text), Vec::<String>::new(), "{text}");
    }
    assert!(roots(&TreeFile::Symlink).named().next().is_none());
}

/// What is claimed: target, repository, digest, tags, source, endpoints.
fn flat(resolved: &Resolved) -> BTreeSet<String> {
    let claims = resolved.desired.projects.iter().flat_map(|project| &project.claims);
    claims
        .map(|claim| {
            let target = &resolved.desired.targets[claim.target];
            let reference = target.public_name.join(&claim.repository);
            format!(
                "{} {reference}@{} {:?} {:?} {:?} {:?} {:?} {:?}",
                target.name,
                claim.digest,
                claim.tags,
                claim.source,
                claim.endpoints,
                claim.signer,
                claim.attest,
                claim.policy
            )
        })
        .collect()
}

#[derive(Debug, Clone)]
struct Layout {
    projects: Vec<Project>,
}

#[derive(Debug, Clone)]
struct Project {
    /// Writes to the root and `shared`, like others.
    shares: bool,
    /// Endpoints of a path of its own, and of one below it.
    own: u8,
    below: u8,
    /// Image number, digests with their numbers of tags.
    images: Vec<(u8, Vec<u8>)>,
    style: u8,
}

const ENDPOINTS: [&str; 3] = ["us", "asia", "europe"];

fn layout() -> impl Strategy<Value = Layout> {
    let images = prop::collection::vec((0_u8..3, prop::collection::vec(0_u8..4, 0..4)), 0..4);
    let project =
        (any::<bool>(), 1_u8..8, 0_u8..8, images, 0_u8..3).prop_map(|(shares, own, below, images, style)| Project {
            shares,
            own,
            below,
            images,
            style,
        });
    prop::collection::vec(project, 1..5).prop_map(|projects| Layout { projects })
}

impl Layout {
    fn tree(&self) -> Tree {
        let projects: Vec<(String, String, String)> = self
            .projects
            .iter()
            .enumerate()
            .map(|(number, project)| {
                (
                    format!("k8s-staging-{number}"),
                    project.manifest(number),
                    project.images(number),
                )
            })
            .collect();
        let projects: Vec<(&str, String, String)> = projects
            .iter()
            .map(|(name, manifest, images)| (name.as_str(), manifest.clone(), images.clone()))
            .collect();
        tree(1, &projects)
    }
}

impl Project {
    fn manifest(&self, number: usize) -> String {
        let mut destinations = Vec::new();
        for (index, endpoint) in ENDPOINTS.iter().enumerate() {
            let prefix = format!("{endpoint}.example.com/prod/images");
            if self.shares {
                destinations.extend([prefix.clone(), format!("{prefix}/shared")]);
            }
            if self.own >> index & 1 == 1 {
                destinations.push(format!("{prefix}/p{number}"));
            }
            if self.below >> index & 1 == 1 {
                destinations.push(format!("{prefix}/p{number}/below"));
            }
        }
        let destinations: Vec<&str> = destinations.iter().map(String::as_str).collect();
        manifest(&format!("k8s-staging-{number}"), &destinations)
    }

    fn images(&self, number: usize) -> String {
        let mut text = String::from("# Promoted.\n");
        for (position, (image, digests)) in self.images.iter().enumerate() {
            writeln!(text, "- name: i{number}-{image}\n  dmap:").unwrap();
            for (index, tags) in digests.iter().enumerate() {
                let content = digest(&format!("{number} {position} {index}"));
                let tags: Vec<String> = (0..*tags).map(|tag| format!("v{position}.{index}.{tag}")).collect();
                match self.style {
                    0 => writeln!(text, "    \"{content}\": {tags:?}").unwrap(),
                    1 => writeln!(text, "    {content}: [{}]", tags.join(", ")).unwrap(),
                    _ => {
                        writeln!(text, "    '{content}':").unwrap();
                        tags.iter().for_each(|tag| writeln!(text, "    - {tag}").unwrap());
                    }
                }
            }
        }
        text
    }
}

proptest! {
    #[test]
    fn what_is_imported_asks_for_the_same(layout in layout()) {
        let tree = layout.tree();
        let parsed = parse(&tree, &mut ParseCache::default()).unwrap();
        let meant = resolved(&parsed, None);
        let errors = parsed.diagnostics().iter().chain(&meant.diagnostics).filter(|found| found.severity == Severity::Error);
        prop_assert_eq!(errors.collect::<Vec<_>>(), Vec::<&crate::model::Diagnostic>::new());
        let imported = import_kpromo(&tree, "kpromo");
        prop_assert!(imported.is_ok(), "{:?}", imported);
        let files = imported.unwrap().files;
        let texts: Vec<String> = files.iter().map(|(path, bytes)| format!("{path}:\n{}", String::from_utf8_lossy(bytes))).collect();
        let made = Tree {
            commit: CommitId([2; 20]),
            files: files.iter().map(|(path, bytes)| (path.clone(), TreeFile::unstored(Arc::clone(bytes)))).collect(),
        };
        let again = parse(&made, &mut ParseCache::default());
        prop_assert!(again.is_ok(), "{:?}\n{}", again, texts.join("\n"));
        let again = resolved(&again.unwrap(), None);
        prop_assert_eq!(flat(&meant), flat(&again), "{}", texts.join("\n"));
        prop_assert!(!texts.iter().any(|text| text.contains("[kpromo")));
    }
}

#[test]
fn a_path_with_other_endpoints_for_each_project_is_not_imported() {
    let everywhere = manifest(
        "dns",
        &["us.example.com/prod/images/a", "asia.example.com/prod/images/a"],
    );
    let one = manifest("node", &["us.example.com/prod/images/a"]);
    let tree = tree(
        1,
        &[
            ("dns", everywhere, images("x", "v1", "1")),
            ("node", one, images("y", "v1", "2")),
        ],
    );
    let error = import_kpromo(&tree, "kpromo").unwrap_err();
    assert!(matches!(error, ImportError::SharedPath { .. }), "{error}");
}
