//! Killed at every await point: the next pass finishes, and nothing is signed twice into a registry.

use std::collections::BTreeSet;

use super::scenario::{Choices, ENDPOINTS, Scenario, place, tag};
use crate::model::SignaturePlacement;
use crate::sim::images::ImageRecipe;
use crate::sim::registry::Behaviour;

/// What must hold at any moment: who resolves a tag finds everything signed there.
fn assert_tags_are_signed(scenario: &Scenario, signed_at: &[&str], point: usize) {
    for name in ENDPOINTS {
        if scenario.store.tag(&place(name), &tag()).is_some() {
            for signed in signed_at
                .iter()
                .filter(|signed| signed_at.len() == 1 || **signed == name)
            {
                assert_eq!(scenario.found(signed).len(), 3, "{name}, point {point}");
            }
        }
    }
}

async fn killed_at_points(placement: SignaturePlacement, signed_at: &[&str], step: usize) -> usize {
    for point in (1..).step_by(step) {
        let scenario = Scenario::new(Choices {
            placement,
            recipe: ImageRecipe::multi(1).with_layers(1, 16),
            ..Choices::default()
        });
        let behaviour = Behaviour::without_referrers();
        scenario.store.set_behaviour(&place("asia").registry, behaviour);
        scenario.points.stay_at(point);
        tokio::select! {
            biased;
            _ = scenario.pass() => return point,
            () = scenario.points.reached.notified() => {}
        }
        assert_tags_are_signed(&scenario, signed_at, point);
        scenario.points.stay_at(0);
        scenario.converge().await;
        assert_tags_are_signed(&scenario, signed_at, point);
        let found: BTreeSet<_> = ENDPOINTS.iter().flat_map(|name| scenario.found(name)).collect();
        assert_eq!(found.len(), 3, "point {point}");
        // One more at most: made, and lost before it could be kept.
        assert!(scenario.signatures_made() <= 3 + 3, "point {point}");
    }
    unreachable!("each run ends")
}

#[tokio::test]
async fn a_promotion_killed_anywhere_is_finished_by_the_next_pass() {
    let points = killed_at_points(SignaturePlacement::Replicate, &ENDPOINTS, 1).await;
    assert!(points > 100, "{points}");
}

#[tokio::test]
async fn a_promotion_with_primary_only_signatures_killed_at_many_points_is_finished_by_the_next_pass() {
    killed_at_points(SignaturePlacement::PrimaryOnly, &["primary"], 5).await;
}
