//! Somebody else writes under the tags that landfall shares, at the very moments at which it reads and writes them.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Method;
use bytes::Bytes;
use landfall::http::Timeouts;
use landfall::model::{Digest, Repository, Tag, media_type};
use landfall::sim::registry::Store;
use serde_json::{Value, json};

use crate::fault_matrix::Stage;
use crate::faults::{self, Fault, RetryAfter};

/// The tags under which landfall merges.
const SHARED: [fn(&Digest) -> Tag; 2] = [|image| Tag::cosign(image, "sig"), Tag::referrers_of];

/// When the other one writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Landfall has looked, and looks once more before it writes.
    BeforeTheSecondLook,
    /// Landfall has looked for the last time, and its write is on its way.
    DuringTheWrite,
    /// Landfall has written, and the other one, which has read before, writes over it.
    AfterTheWrite,
}

/// What has been seen of a tag.
#[derive(Default)]
struct Course {
    looks: usize,
    /// What stood there before landfall's first write.
    before: Option<Option<Bytes>>,
    entered: Option<Digest>,
}

/// Has somebody else write once. Gives what will have been entered.
fn interfere(stage: &Stage, place: &Repository, tag: &Tag, moment: Moment) -> Arc<Mutex<Course>> {
    let course = Arc::<Mutex<Course>>::default();
    let (shared, store, place, tag) = (Arc::clone(&course), stage.store.clone(), place.clone(), tag.clone());
    stage.mirror().look(move |seen, _| {
        if seen.path != format!("/v2/{}/manifests/{tag}", place.path) {
            return;
        }
        let mut course = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let is_write = seen.method == Method::PUT;
        let first_write = is_write && course.before.is_none();
        if first_write {
            course.before = Some(standing(&store, &place, &tag));
        }
        if seen.method == Method::GET && course.before.is_none() {
            course.looks += 1;
        }
        let base = match moment {
            Moment::BeforeTheSecondLook if course.looks == 2 && course.before.is_none() => {
                standing(&store, &place, &tag)
            }
            Moment::DuringTheWrite if first_write => standing(&store, &place, &tag),
            Moment::AfterTheWrite if seen.method == Method::GET => match &course.before {
                Some(before) => before.clone(),
                None => return,
            },
            _ => return,
        };
        if course.entered.is_none() {
            course.entered = Some(enter(&store, &place, &tag, base));
        }
    });
    course
}

fn standing(store: &Store, place: &Repository, tag: &Tag) -> Option<Bytes> {
    let held = store.contents(place)?;
    Some(held.manifests.get(held.tags.get(tag)?)?.bytes.clone())
}

/// Writes `base` with an entry more, as another tool does.
fn enter(store: &Store, place: &Repository, tag: &Tag, base: Option<Bytes>) -> Digest {
    let blob = |content: &'static [u8], kind: &str| {
        let digest = store.add_blob(place, Bytes::from_static(content));
        json!({ "mediaType": kind, "digest": digest, "size": content.len() })
    };
    let artifact = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": blob(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [],
    });
    let is_index = !tag.as_str().contains('.');
    let (list, entry, empty) = if is_index {
        let referrer = artifact.to_string();
        let digest = store.add_manifest(place, media_type::OCI_MANIFEST, referrer.clone().into());
        let entry = json!({ "mediaType": media_type::OCI_MANIFEST, "digest": digest, "size": referrer.len() });
        let empty = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] });
        ("manifests", entry, empty)
    } else {
        let mut entry = blob(b"signed by somebody else", media_type::SIMPLE_SIGNING);
        entry["annotations"] = json!({ "dev.cosignproject.cosign/signature": "c29tZWJvZHk=" });
        ("layers", entry, artifact)
    };
    let digest = entry["digest"].as_str().unwrap().parse().unwrap();
    let mut manifest = base.map_or(empty, |base| serde_json::from_slice(&base).unwrap());
    manifest[list].as_array_mut().unwrap().push(entry);
    let kind = if is_index {
        media_type::OCI_INDEX
    } else {
        media_type::OCI_MANIFEST
    };
    let written = store.add_manifest(place, kind, manifest.to_string().into());
    store.set_tag(place, tag, written);
    digest
}

fn holds(store: &Store, place: &Repository, tag: &Tag, entry: &Digest) -> bool {
    let manifest: Value = serde_json::from_slice(&standing(store, place, tag).unwrap()).unwrap();
    let listed = manifest["manifests"].as_array().or(manifest["layers"].as_array());
    listed
        .unwrap()
        .iter()
        .any(|found| found["digest"] == *entry.to_string())
}

/// Runs landfall, whose entries must all stand then. Says what the other one entered, and whether it stands too.
async fn play(stage: &Stage, tag: &Tag, moment: Moment) -> Option<(Digest, bool)> {
    let place = stage.mirrored();
    let course = interfere(stage, &place, tag, moment);
    let pass = stage.apply(Timeouts::default()).await.unwrap();
    assert!(pass.is_settled(), "{:?}", pass.last.blocked);
    stage.check_end().unwrap();
    let entered = course.lock().unwrap_or_else(PoisonError::into_inner).entered?;
    Some((entered, holds(&stage.store, &place, tag, &entered)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_entered_before_the_last_look_or_over_our_write_stands_beside_ours() {
    let client = faults::client();
    for (moment, tags) in [
        // The index is written right after the first look.
        (Moment::BeforeTheSecondLook, &SHARED[..1]),
        (Moment::AfterTheWrite, &SHARED[..]),
    ] {
        for tag in tags {
            let stage = Stage::set(client.clone()).await;
            let tag = tag(&stage.image);
            let stands = play(&stage, &tag, moment).await.map(|(_, stands)| stands);
            assert_eq!(stands, Some(true), "{moment:?} {tag}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_a_busy_registry_puts_off_is_merged_anew() {
    let client = faults::client();
    for tag in SHARED {
        let stage = Stage::set(client.clone()).await;
        let (tag, place) = (tag(&stage.image), stage.mirrored());
        let (store, here, shared) = (stage.store.clone(), place.clone(), tag.clone());
        let entered = Arc::<Mutex<Option<Digest>>>::default();
        let enters = Arc::clone(&entered);
        let busy = Fault::TooManyRequests(Some(RetryAfter::Seconds(1)));
        stage.mirror().set(busy, 1, move |seen| {
            let is_write = seen.method == Method::PUT && seen.path.ends_with(&format!("/{shared}"));
            let strikes = is_write && seen.path.contains(here.path.as_str());
            if strikes {
                let mut entered = enters.lock().unwrap_or_else(PoisonError::into_inner);
                let base = standing(&store, &here, &shared);
                entered.get_or_insert_with(|| enter(&store, &here, &shared, base));
            }
            strikes
        });
        let pass = stage.apply(Timeouts::default()).await.unwrap();
        assert!(pass.is_settled(), "{:?}", pass.last.blocked);
        stage.check_end().unwrap();
        let entered = entered.lock().unwrap_or_else(PoisonError::into_inner).unwrap();
        assert!(holds(&stage.store, &place, &tag, &entered), "{tag}");
    }
}

/// Registries have no compare-and-swap: this cannot be seen, let alone undone. Once is enough, though: from the next
/// look on, what the other one writes stays.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_entered_while_we_write_is_overwritten_and_stays_when_it_is_entered_again() {
    let client = faults::client();
    for tag in SHARED {
        let stage = Stage::set(client.clone()).await;
        let (tag, place) = (tag(&stage.image), stage.mirrored());
        let (entered, stands) = play(&stage, &tag, Moment::DuringTheWrite).await.unwrap();
        assert!(!stands, "{tag}");
        let again = enter(&stage.store, &place, &tag, standing(&stage.store, &place, &tag));
        assert_eq!(again, entered);
        stage.apply(Timeouts::default()).await.unwrap();
        assert!(holds(&stage.store, &place, &tag, &entered), "{tag}");
        stage.check_end().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_writes_over_ours_later_is_joined_by_ours_again() {
    let client = faults::client();
    for tag in SHARED {
        let stage = Stage::set(client.clone()).await;
        let (tag, place) = (tag(&stage.image), stage.mirrored());
        stage.apply(Timeouts::default()).await.unwrap();
        let entered = enter(&stage.store, &place, &tag, None);
        stage.apply(Timeouts::default()).await.unwrap();
        assert!(holds(&stage.store, &place, &tag, &entered), "{tag}");
        stage.check_end().unwrap();
    }
}
