use std::fs;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::execute::SignedArtifact;
use crate::model::{
    ArtifactKind, Obstacle, ObstacleKind, PolicyMode, RepoPath, SignatureForm, SignerIdentity, Verdict,
};

const A: CommitId = CommitId([0xa; 20]);
const B: CommitId = CommitId([0xb; 20]);

fn claim(number: usize) -> ClaimKey {
    ClaimKey {
        target: "production".to_owned(),
        repository: format!("dns/image-{number}").parse().unwrap(),
        digest: Digest::of(number.to_string().as_bytes()),
    }
}

fn admission() -> Admission {
    Admission {
        source: "staging.example.com/dns/coredns".parse().unwrap(),
        carried: Vec::new().into(),
        policy: Digest::of(b""),
        mode: PolicyMode::Off,
        verdict: Verdict::Unchecked,
        commit: A,
        path: RepoPath::from("promotions/dns/coredns.toml"),
        author: "A. Author <author@example.com>".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn tag() -> (Repository, Tag) {
    (
        "registry.example.com/dns/coredns".parse().unwrap(),
        "v1".parse().unwrap(),
    )
}

fn node() -> NodeKey {
    NodeKey {
        node: "production dns/coredns sha256:0 image".to_owned(),
        endpoint: "europe".to_owned(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn everything_that_was_kept_is_there_for_the_next_process() {
    let folder = TempDir::new().unwrap();
    let (repository, tag) = tag();
    let key = JournalKey {
        claim: claim(1),
        kind: ArtifactKind::Signature(SignatureForm::Bundle),
        by: Some(SignerIdentity::Key(Digest::of(b"key"))),
    };
    let entry = JournalEntry {
        digest: Digest::of(b"manifest"),
        reference: Some(repository.clone()),
        artifact: Some(SignedArtifact::Simple {
            payload: "e30=".to_owned(),
            signature: "AA==".to_owned(),
        }),
    };
    let adoption = Adoption {
        digest: Digest::of(b"theirs"),
        reason: "moved by hand".to_owned(),
        at: at(6),
    };
    let row = serde_json::json!([{ "digest": "sha256:0", "commit": "a" }]);
    {
        let state = State::open(folder.path()).unwrap();
        state
            .write(|batch| {
                batch.set_accepted("main", A)?;
                batch.admit(&claim(1), &admission())?;
                batch.set_written(&repository, &tag, Digest::of(b"ours"))?;
                batch.adopt(&repository, &tag, &adoption)?;
                batch.journal(&key, &entry)?;
                batch.keep_ledger(A, [(&repository, &tag, row.clone())])?;
                batch.record_failure(&node(), &Obstacle::new(ObstacleKind::Refused, "no"), at(7))?;
                batch.set_silent(&node(), Some(at(8)))
            })
            .unwrap();
    }
    let state = State::open(folder.path()).unwrap();
    assert_eq!(state.accepted("main").unwrap(), Some(A));
    assert_eq!(state.accepted("other").unwrap(), None);
    assert_eq!(state.admission(&claim(1)).unwrap(), Some(admission()));
    assert_eq!(state.admissions().unwrap(), BTreeMap::from([(claim(1), admission())]));
    assert_eq!(state.written(&repository, &tag).unwrap(), Some(Digest::of(b"ours")));
    assert_eq!(state.all_written().unwrap().len(), 1);
    assert_eq!(state.adoptions().unwrap()[&(repository.clone(), tag.clone())], adoption);
    assert_eq!(state.journalled(&key).unwrap(), Some(entry.clone()));
    state.write(|batch| batch.set_aside(&key)).unwrap();
    state.write(|batch| batch.set_aside(&key)).unwrap();
    assert_eq!(state.journalled(&key).unwrap().unwrap().artifact, None);
    assert_eq!(state.signed(&key).unwrap(), entry.artifact);
    assert_eq!(
        state.ledger().unwrap(),
        (Some(A), BTreeMap::from([((repository, tag), row)]))
    );
    assert_eq!(state.attempts().unwrap()[&node()].failures, 1);
    assert_eq!(state.all_journalled().unwrap().len(), 1);
    assert_eq!(state.silent().unwrap(), BTreeMap::from([(node(), at(8))]));
    state.write(|batch| batch.set_silent(&node(), None)).unwrap();
    assert!(state.silent().unwrap().is_empty());
    state.write(|batch| batch.forget_ledger()).unwrap();
    assert_eq!(state.ledger().unwrap(), (None, BTreeMap::new()));
}

#[test]
fn what_the_first_schema_knew_everything_since_counts_as_accepted_first() {
    let disk = Disk::new();
    let state = State::open_on(&disk).unwrap();
    assert_eq!(state.first_accepted().unwrap(), None);
    let as_before = |transaction: &_| {
        META.put(transaction, &SCHEMA_KEY.to_owned(), &FIRST_SCHEMA.to_string())?;
        META.put(transaction, &INTACT_SINCE.to_owned(), &A.to_string())
    };
    state
        .write(|batch| {
            batch.set_accepted("main", B)?;
            batch.change(as_before)
        })
        .unwrap();
    drop(state);
    for _ in 0..2 {
        let state = State::open_on(&disk).unwrap();
        assert_eq!(state.accepted("main").unwrap(), Some(B));
        assert_eq!(state.first_accepted().unwrap(), Some(A));
    }
}

#[test]
fn a_batch_that_fails_never_happened() {
    let state = State::in_memory().unwrap();
    let bad = ClaimKey {
        target: "two\nlines".to_owned(),
        ..claim(1)
    };
    let result = state.write(|batch| {
        batch.admit(&claim(1), &admission())?;
        batch.admit(&bad, &admission())
    });
    assert!(matches!(result, Err(StateError::Key { text, .. }) if text == "two\\nlines"));
    assert!(state.admissions().unwrap().is_empty());
}

#[test]
fn failures_are_counted_until_a_success_and_repairs_stay() {
    let state = State::in_memory().unwrap();
    let attempt = || state.attempts().unwrap().get(&node()).cloned();
    let later = Obstacle {
        retry_after: Some(std::time::Duration::from_secs(90)),
        ..Obstacle::new(ObstacleKind::Throttled, "later")
    };
    for second in 1..=3 {
        state
            .write(|batch| batch.record_failure(&node(), &later, at(second)))
            .unwrap();
    }
    let failed = attempt().unwrap();
    assert_eq!((failed.failures, failed.last), (3, at(3)));
    assert_eq!(failed.obstacle, Some(later));
    state.write(|batch| batch.record_success(&node(), at(4))).unwrap();
    assert_eq!(attempt(), None);
    for second in 0..40 {
        state.write(|batch| batch.record_repair(&node(), at(second))).unwrap();
    }
    state
        .write(|batch| {
            batch.record_failure(
                &node(),
                &Obstacle::new(ObstacleKind::Server, "x".repeat(10_000)),
                at(41),
            )
        })
        .unwrap();
    state.write(|batch| batch.record_success(&node(), at(42))).unwrap();
    let repaired = attempt().unwrap();
    assert_eq!((repaired.failures, repaired.last, repaired.obstacle), (0, at(42), None));
    assert_eq!(repaired.repairs.len(), Attempt::REPAIRS_KEPT);
    assert_eq!(repaired.repairs.last(), Some(&at(39)));
}

#[test]
fn what_was_committed_survives_a_kill_and_what_was_not_does_not() {
    let disk = Disk::new();
    let state = State::open_on(&disk).unwrap();
    state.write(|batch| batch.admit(&claim(1), &admission())).unwrap();
    let killed = state.write(|batch| {
        batch.admit(&claim(2), &admission())?;
        disk.kill();
        Ok(())
    });
    assert!(matches!(killed, Err(StateError::Io { .. })));
    assert!(state.write(|batch| batch.admit(&claim(3), &admission())).is_err());
    drop(state);
    let state = State::open_on(&disk).unwrap();
    assert_eq!(state.admissions().unwrap().into_keys().collect::<Vec<_>>(), [claim(1)]);
}

#[test]
fn a_kill_loses_nothing_however_often_it_happens() {
    let disk = Disk::new();
    for number in 0..20 {
        let state = State::open_on(&disk).unwrap();
        state.write(|batch| batch.admit(&claim(number), &admission())).unwrap();
        disk.kill();
        drop(state);
    }
    assert_eq!(State::open_on(&disk).unwrap().admissions().unwrap().len(), 20);
}

#[test]
fn one_landfall_holds_a_state_at_a_time() {
    let folder = TempDir::new().unwrap();
    let first = State::open(folder.path()).unwrap();
    let error = State::open(folder.path()).map(drop).unwrap_err();
    assert!(matches!(error, StateError::InUse { .. }));
    let file = folder.path().join(FILE);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    drop(first);
    assert!(State::open(folder.path()).is_ok());
    let disk = Disk::new();
    let _held = State::open_on(&disk).unwrap();
    assert!(matches!(State::open_on(&disk), Err(StateError::InUse { .. })));
}

#[test]
fn damage_is_an_error_wherever_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(FILE);
    fs::write(&file, "this is no database").unwrap();
    let error = State::open(folder.path()).map(drop).unwrap_err();
    assert!(matches!(error, StateError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("move it away"), "{error}");
    fs::remove_file(&file).unwrap();
    let admissions: BTreeMap<ClaimKey, Admission> = (0..200).map(|n| (claim(n), admission())).collect();
    let state = State::open(folder.path()).unwrap();
    state
        .write(|batch| {
            admissions
                .iter()
                .try_for_each(|(claim, admission)| batch.admit(claim, admission))
        })
        .unwrap();
    drop(state);
    let sound = fs::read(&file).unwrap();
    for position in (0..sound.len()).step_by(1021) {
        let mut damaged = sound.clone();
        damaged[position] ^= 0x55;
        fs::write(&file, &damaged).unwrap();
        // Some bytes belong to no page in use; what does open holds what was kept.
        match State::open(folder.path()) {
            Ok(state) => assert_eq!(state.admissions().unwrap(), admissions, "byte {position}"),
            Err(error) => assert!(matches!(error, StateError::Corrupt { .. }), "byte {position}: {error}"),
        }
    }
    fs::write(&file, &sound[..sound.len() / 2]).unwrap();
    let error = State::open(folder.path()).map(drop).unwrap_err();
    assert!(matches!(error, StateError::Corrupt { .. }), "{error}");
}

#[test]
fn a_state_of_another_version_is_left_alone() {
    let disk = Disk::new();
    let state = State::open_on(&disk).unwrap();
    let newer = |transaction: &_| META.put(transaction, &SCHEMA_KEY.to_owned(), &"3".to_owned());
    state.write(|batch| batch.change(newer)).unwrap();
    drop(state);
    let error = State::open_on(&disk).map(drop).unwrap_err();
    assert!(matches!(error, StateError::Schema { known: 2, .. }), "{error}");
}
