//! From one commit to the next.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{commit, process};
use crate::execute::Stop;
use crate::facts::Bounds;
use crate::model::{Digest, Repository, UnitId};
use crate::plan::Scope;
use crate::reconcile::state::{Disk, State};
use crate::reconcile::{Following, Unwatched, Writes};
use crate::sim::images::ImageRecipe;
use crate::sim::registry::{Operation, Store};
use crate::sim::{History, Seed};

const PROMOTIONS: &str = "promotions/team/app.toml";

/// Two targets, the second with these lines and these mirrors.
fn landfall(of_second: &str, mirrors: &str) -> String {
    format!(
        "version = 1\n[targets.one]\npublic-name = \"one.public.test\"\nprimary = \"one.test/images\"\n\
         [targets.two]\npublic-name = \"two.public.test\"\nprimary = \"two.test/images\"\n{of_second}\n\
         [targets.two.mirrors]\n{mirrors}\n\
         [projects.team]\nsources = [\"source.test/team\"]\ntargets = [\"one\", \"two\"]\npaths = [\"team\"]\n"
    )
}

fn promotion(target: &str, digest: Digest) -> String {
    format!("target = \"{target}\"\n[images.app.tags]\n\"v1\" = \"{digest}\"\n")
}

#[test]
fn what_was_followed_goes_on_being_followed_where_the_next_cannot_be_taken() {
    let (history, disk) = (Arc::new(History::default()), Disk::new());
    let mut process = process(State::open_on(&disk).unwrap(), &history, &Store::new());
    let declared = promotion("one", Digest::of(b"a"));
    let root = landfall("", "");
    let first = commit(&history, &[("landfall.toml", &root), (PROMOTIONS, &declared)]);
    process.follow(first, Following::Accept).unwrap();
    let wanted: Vec<UnitId> = process.graph().wanted().collect();
    assert_eq!(wanted.len(), 1);
    // The disk is gone between two commits.
    disk.kill();
    let both = [
        ("landfall.toml", &*root),
        (PROMOTIONS, &*declared),
        ("promotions/team/b.toml", ""),
    ];
    let next = commit(&history, &both);
    assert!(process.follow(next, Following::Accept).is_err());
    assert_eq!(process.revision().map(|revision| revision.commit), Some(first));
    assert_eq!(process.graph().wanted().collect::<Vec<_>>(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_setting_or_an_endpoint_of_one_target_costs_no_request_about_anything_else() {
    let (history, store) = (Arc::new(History::default()), Store::new());
    let image = ImageRecipe::single().make(Seed(1));
    let source: Repository = "source.test/team/app".parse().unwrap();
    image.push(&store, &source);
    let mut process = process(State::in_memory().unwrap(), &history, &store);
    let (one, two) = (promotion("one", image.root()), promotion("two", image.root()));
    let declare = |root: &str| {
        let files = [
            ("landfall.toml", root),
            ("promotions/team/1.toml", &*one),
            ("promotions/team/2.toml", &*two),
        ];
        commit(&history, &files)
    };
    let hour = SignedDuration::from_hours(1);
    let bounds = Bounds {
        tags: hour,
        images: hour,
        evidence: hour,
    };
    let europe = "europe = \"europe.test/images\"";
    let commits = [
        landfall("", europe),
        landfall("drift = \"report\"", europe),
        landfall(
            "",
            "africa = \"africa.test/images\"\nfrankfurt = \"europe.test/images\"",
        ),
        landfall("", "asia = \"asia.test/images\"\nfrankfurt = \"europe.test/images\""),
    ];
    let asked_by = [
        vec!["europe.test", "one.test", "source.test", "two.test"],
        vec![],
        vec!["africa.test", "two.test"],
        vec!["asia.test", "two.test"],
    ];
    for (root, expected) in commits.iter().zip(asked_by) {
        process.follow(declare(root), Following::Accept).unwrap();
        store.forget_history();
        for _ in 0..3 {
            process
                .pass(&Scope::default(), &bounds, Writes::Due, &Unwatched, &Stop::new())
                .await
                .unwrap();
        }
        // Whether an endpoint answers is asked in every pass; two.test gives the image to the new mirror.
        let mut asked: Vec<String> = store
            .requests()
            .iter()
            .filter(|(_, operation, _)| *operation != Operation::Ping)
            .map(|(registry, ..)| registry.to_string())
            .collect();
        asked.dedup();
        assert_eq!(asked, expected, "{root}");
    }
    let digest = |place: &str| store.tag(&place.parse().unwrap(), &"v1".parse().unwrap());
    assert_eq!(digest("asia.test/images/team/app"), Some(image.root()));
}
