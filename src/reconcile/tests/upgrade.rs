//! States that earlier versions wrote: `testdata/state/schema-1` is one, with the repository that it follows. It holds two
//! images; the artifacts of both are journalled with their bytes, for a mirror that was dead lacks them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::{Process, commit, process};
use crate::model::{ArtifactKind, NodeId, SignatureForm, SignerIdentity, Tag, UnitId};
use crate::reconcile::Following;
use crate::reconcile::state::{JournalKey, State};
use crate::sim::History;
use crate::sim::registry::Store;
use crate::trust::{PrivateKey, PublicKey};

fn testdata(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/state/schema-1");
    std::fs::read_to_string(folder.join(file)).unwrap()
}

/// A copy of the state, opened.
fn opened(folder: &tempfile::TempDir) -> State {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/state/schema-1/state.redb");
    std::fs::copy(kept, folder.path().join("state.redb")).unwrap();
    State::open(folder.path()).unwrap()
}

/// The repository with another key, and what is said of the earlier one.
fn rotated(history: &History, key: &PrivateKey, previous: &str) -> crate::model::CommitId {
    let landfall = testdata("landfall.toml").replace(
        "public-key = \"keys/release.pub\"",
        &format!("public-key = \"keys/new.pub\"\nprevious = [{previous}]"),
    );
    let files = [
        ("landfall.toml", &*landfall),
        ("promotions/team/app.toml", &testdata("promotions/team/app.toml")),
        ("keys/release.pub", &testdata("keys/release.pub")),
        ("keys/new.pub", &key.public_key().to_pem()),
    ];
    commit(history, &files)
}

fn as_it_was(history: &History) -> crate::model::CommitId {
    let files = ["landfall.toml", "promotions/team/app.toml", "keys/release.pub"];
    let files = files.map(|file| (file, testdata(file)));
    commit(history, &files.each_ref().map(|(file, text)| (*file, &**text)))
}

fn release() -> SignerIdentity {
    PublicKey::from_pem(testdata("keys/release.pub").as_bytes())
        .unwrap()
        .identity()
}

fn unit(process: &Process, tag: &str) -> UnitId {
    let tag: Tag = tag.parse().unwrap();
    let graph = process.graph();
    let has = |unit: &UnitId| graph.unit(*unit).tags.iter().any(|id| *graph.tag(*id).1 == tag);
    graph.wanted().find(has).unwrap()
}

/// Of what the first schema knew: it had no signatures as referrers.
fn nodes(unit: UnitId) -> impl Iterator<Item = NodeId> {
    let known = |kind: &ArtifactKind| *kind != ArtifactKind::Signature(SignatureForm::Referrer);
    ArtifactKind::ALL.into_iter().filter(known).map(move |kind| NodeId {
        unit,
        slot: kind.slot(),
    })
}

#[test]
fn artifacts_of_the_first_schema_belong_to_the_key_that_they_verify_with() {
    let (folder, history) = (tempfile::tempdir().unwrap(), Arc::new(History::default()));
    let mut process = process(opened(&folder), &history, &Store::new());
    let new = PrivateKey::generate().unwrap();
    let head = rotated(&history, &new, "\"keys/release.pub\"");
    process.follow(head, Following::Look).unwrap();
    let memory = &process.engine.memory;
    assert_eq!(memory.admissions.len(), 2);
    let (old, young) = (unit(&process, "v1.0.0"), unit(&process, "v2.0.0"));
    for node in nodes(old).chain(nodes(young)) {
        assert_eq!(memory.makers(node), [release()], "{node:?}");
    }
    let waits: BTreeSet<_> = memory.waiting.keys().copied().collect();
    let both = nodes(old).chain(nodes(young));
    assert_eq!(waits, both.map(|node| (node, release())).collect());
    // The dead mirror has been silent since the earlier version found it so, and has a prefix now.
    assert_eq!(memory.silent_since.len(), 1);
}

/// What the earlier version set aside once it stood everywhere has its bytes in another table.
#[test]
fn artifacts_of_the_first_schema_that_were_set_aside_wait_for_nothing_and_keep_their_bytes() {
    let (folder, history) = (tempfile::tempdir().unwrap(), Arc::new(History::default()));
    let state = opened(&folder);
    let journalled = state.all_journalled().unwrap();
    let mut aside: Vec<JournalKey> = journalled.keys().cloned().collect();
    let one = aside[0].claim.digest;
    aside.retain(|key| key.claim.digest == one);
    assert_eq!((aside.len(), journalled.len()), (3, 6));
    state
        .write(|batch| aside.iter().try_for_each(|key| batch.set_aside(key)))
        .unwrap();
    let mut process = process(state, &history, &Store::new());
    let new = PrivateKey::generate().unwrap();
    let head = rotated(&history, &new, "\"keys/release.pub\"");
    process.follow(head, Following::Look).unwrap();
    let (old, young) = (unit(&process, "v1.0.0"), unit(&process, "v2.0.0"));
    assert_eq!(process.graph().unit(old).digest, one);
    for node in nodes(old).chain(nodes(young)) {
        assert_eq!(process.engine.memory.makers(node), [release()], "{node:?}");
    }
    let waits: BTreeSet<_> = process.engine.memory.waiting.keys().copied().collect();
    assert_eq!(waits, nodes(young).map(|node| (node, release())).collect());
    let state = process.recollection.state();
    for key in aside {
        let bytes = journalled[&key].artifact.clone();
        assert!(bytes.is_some());
        assert_eq!(state.signed(&key).unwrap(), None, "{key:?}");
        let by = Some(release());
        let assigned = JournalKey { by, ..key };
        assert_eq!(state.signed(&assigned).unwrap(), bytes, "{assigned:?}");
    }
}

#[test]
fn what_verifies_with_no_key_that_counts_is_nobodys_until_its_key_is_named_again() {
    let (folder, history) = (tempfile::tempdir().unwrap(), Arc::new(History::default()));
    let mut process = process(opened(&folder), &history, &Store::new());
    let new = PrivateKey::generate().unwrap();
    let head = rotated(&history, &new, "");
    process.follow(head, Following::Look).unwrap();
    let waiting = unit(&process, "v2.0.0");
    assert!(nodes(waiting).all(|node| process.engine.memory.makers(node).is_empty()));
    assert!(process.engine.memory.waiting.is_empty());
    let head = as_it_was(&history);
    process.follow(head, Following::Look).unwrap();
    assert_eq!(process.engine.memory.waiting.len(), 6);
    // It is known for good: the next process reads it from the state.
    drop(process);
    let mut process = super::process(State::open(folder.path()).unwrap(), &history, &Store::new());
    let head = rotated(&history, &new, "");
    process.follow(head, Following::Look).unwrap();
    assert!(nodes(waiting).all(|node| process.engine.memory.was_made(node, release())));
}
