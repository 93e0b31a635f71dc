use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use super::*;
use crate::desired::code;
use crate::model::{Claim, Source};

fn target(name: &str, primary: &str) -> TargetManifest {
    TargetManifest {
        name: name.to_owned(),
        public_name: primary.parse().unwrap(),
        primary: primary.parse().unwrap(),
        mirrors: BTreeMap::new(),
        drift: Drift::Report,
        mutable_tags: vec!["latest".to_owned()],
        about: String::new(),
    }
}

fn image(tags: impl IntoIterator<Item = String>) -> ImageManifest {
    ImageManifest {
        tags: tags
            .into_iter()
            .map(|tag| (tag.parse().unwrap(), Digest::of(tag.as_bytes())))
            .collect(),
        untagged: BTreeSet::new(),
    }
}

fn project(images: impl IntoIterator<Item = (&'static str, ImageManifest)>) -> Manifests {
    let images = images.into_iter().map(|(name, image)| (name.parse().unwrap(), image));
    Manifests {
        about: "A test.".to_owned(),
        targets: vec![target("production", "registry.example.com/images")],
        projects: vec![ProjectManifest {
            name: "team".to_owned(),
            target: "production".to_owned(),
            path: None,
            sources: [("staging.example.com".parse().unwrap(), images.collect())].into(),
        }],
    }
}

/// What is written, read back.
fn claims(files: &[(RepoPath, String)]) -> Vec<Claim> {
    let regular = |(path, text): &(RepoPath, String)| (path.clone(), TreeFile::unstored(text.as_bytes()));
    let tree = Tree {
        commit: CommitId([0; 20]),
        files: files.iter().map(regular).collect(),
    };
    let parsed = parse(&tree, &mut ParseCache::default()).unwrap();
    assert!(parsed.diagnostics().is_empty(), "{:?}", parsed.diagnostics());
    let ledger = Ledger::default();
    let resolved = resolve(&parsed, &Accepted { ledger: &ledger }, None);
    // Nothing is what some of them claim.
    let mut found = resolved.diagnostics.iter();
    assert!(
        found.all(|found| found.code == code::NOTHING_CLAIMED),
        "{:?}",
        resolved.diagnostics
    );
    let projects = resolved.desired.projects.iter();
    projects.flat_map(|project| project.claims.iter().cloned()).collect()
}

fn assert_formatted(files: &[(RepoPath, String)]) {
    for (path, text) in files {
        assert_eq!(format(path, text).as_ref(), Ok(text), "{path}");
    }
}

#[test]
fn a_repository_is_written_as_people_write_it() {
    let mut manifests = project([
        ("app", image(["v1.10", "v1.9", "latest"].map(str::to_owned))),
        ("app/debug", image(["v1.9".to_owned()])),
        ("1.0", ImageManifest::default()),
    ]);
    let target = &mut manifests.targets[0];
    target.about = "Where images go.".to_owned();
    target
        .mirrors
        .insert("europe".to_owned(), "eu.example.com".parse().unwrap());
    let files = write(&manifests).unwrap();
    assert_formatted(&files);
    let text: String = files.iter().map(|(path, text)| format!("== {path}\n{text}")).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn long_lists_are_split_into_files_that_landfall_reads() {
    let tags = || (0..20_000).map(|number| format!("v{number:0>100}"));
    let manifests = project([("app", image(tags())), ("app/debug", image(tags()))]);
    let files = write(&manifests).unwrap();
    assert!(files.len() > 5, "{}", files.len());
    let largest = files.iter().map(|(_, text)| text.len()).max().unwrap();
    assert!(largest < crate::model::Limits::default().manifest_file, "{largest}");
    let written = claims(&files).iter().map(|claim| claim.tags.len()).sum::<usize>();
    assert_eq!(written, 40_000);
}

#[test]
fn what_landfall_would_refuse_is_not_written() {
    let mut nested = project([("app", image(["v1".to_owned()]))]);
    nested.projects[0].sources = [(
        "registry.example.com/images/staging".parse().unwrap(),
        nested.projects[0].sources.values().next().unwrap().clone(),
    )]
    .into();
    let refused = write(&nested).unwrap_err();
    assert_eq!(refused[0].code, super::super::code::SOURCE_IN_TARGET);
    let mut unnamed = project([]);
    unnamed.targets[0].name = "a b\n[x]".to_owned();
    assert_eq!(write(&unnamed).unwrap_err()[0].code, super::super::code::INVALID_NAME);
}

#[test]
fn comments_cannot_leave_their_lines() {
    let manifests = Manifests {
        about: "one\r[targets.x]\ntwo\u{7}".to_owned(),
        ..project([])
    };
    let files = write(&manifests).unwrap();
    assert!(
        files[0].1.contains("\n\n# one\u{fffd}[targets.x]\n# two\u{fffd}\n"),
        "{}",
        files[0].1
    );
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn images() -> impl Strategy<Value = BTreeMap<RepositoryPath, ImageManifest>> {
    let segment = "[a-z0-9]{1,3}((\\.|_|__|-)[a-z0-9]{1,3}){0,2}";
    let name = prop::collection::vec(segment, 1..4).prop_map(|segments| segments.join("/").parse().unwrap());
    let tag = "[A-Za-z0-9_][A-Za-z0-9._-]{0,20}".prop_map(|tag| tag.parse().unwrap());
    let image = (btree_map(tag, digest(), 0..6), btree_set(digest(), 0..3));
    let image = image.prop_map(|(tags, untagged)| {
        let tagged: BTreeSet<Digest> = tags.values().copied().collect();
        ImageManifest {
            tags,
            untagged: &untagged - &tagged,
        }
    });
    btree_map(name, image, 0..6)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_as_it_was(first in images(), second in images(), path in prop::option::of("[a-z]{1,5}")) {
        let path: Option<RepositoryPath> = path.map(|path| path.parse().unwrap());
        // One digest of a repository comes from one source.
        let sources: BTreeMap<Prefix, _> = [("one.example.com/a", first), ("two.example.com", second)]
            .map(|(prefix, images)| (prefix.parse().unwrap(), images))
            .into();
        let names: Vec<BTreeSet<_>> = sources.values().map(|images| images.keys().collect()).collect();
        prop_assume!(names[0].is_disjoint(&names[1]));
        let manifests = Manifests {
            projects: vec![ProjectManifest { path: path.clone(), sources: sources.clone(), ..project([]).projects.remove(0) }],
            ..project([])
        };
        let files = write(&manifests).unwrap();
        assert_formatted(&files);
        let mut expected = BTreeSet::new();
        for (prefix, images) in &sources {
            for (name, image) in images {
                let place = name.below(path.as_ref().map_or("", RepositoryPath::as_str));
                let tagged = image.tags.iter().map(|(tag, digest)| (Some(tag.clone()), *digest));
                for (tag, digest) in tagged.chain(image.untagged.iter().map(|digest| (None, *digest))) {
                    expected.insert((prefix.join(name), place.clone(), tag, digest));
                }
            }
        }
        let mut found = BTreeSet::new();
        for claim in claims(&files) {
            let Source::Registry(source) = claim.source else { panic!("a chain was written") };
            let tags: Vec<_> = claim.tags.into_iter().map(Some).collect();
            for tag in if tags.is_empty() { vec![None] } else { tags } {
                found.insert((source.clone(), claim.repository.clone(), tag, claim.digest));
            }
        }
        prop_assert_eq!(found, expected);
    }
}
