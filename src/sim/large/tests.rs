//! What an event costs does not grow with what it does not concern.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Large, Size};
use crate::model::{Digest, EndpointIndex, EndpointSet, TargetId};
use crate::plan::Status;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

const SMALL: Size = Size {
    targets: 2,
    endpoints: 4,
    repositories: 2,
    images: 20,
};

/// The same with five times the images, all in the same repositories of the same targets.
const LARGER: Size = Size { images: 100, ..SMALL };

fn large(size: Size, period: SignedDuration) -> Large {
    let mut large = Large::standing(size, period, || Duration::ZERO);
    large.run_for(MINUTE);
    large
}

/// Plans made, and questions asked, while this goes on.
fn cost(large: &mut Large, what: impl FnOnce(&mut Large)) -> (u64, u64) {
    let before = (large.engine.plans_made(), large.looks());
    what(large);
    // However little was planned, it came to what planning everything comes to.
    let anew = large.engine.planned_anew(large.now());
    assert_eq!(large.engine.status(), Status::of(&anew));
    (large.engine.plans_made() - before.0, large.looks() - before.1)
}

#[test]
fn a_sweep_that_finds_all_as_it_was_plans_the_image_that_was_looked_at() {
    for size in [SMALL, LARGER] {
        let mut large = large(size, MINUTE);
        let (plans, looks) = cost(&mut large, |large| large.run_for(MINUTE * 2));
        let places = (size.all_images() * 3 * size.endpoints) as u64;
        assert!(looks >= places, "{looks} of {places} places");
        assert!(plans <= looks, "{plans} plans for {looks} looks at {size:?}");
    }
}

#[test]
fn one_images_commit_costs_the_same_beside_many_and_is_begun_within_a_second() {
    let costs = [SMALL, LARGER].map(|size| {
        let mut large = large(size, HOUR * 10_000);
        cost(&mut large, |large| {
            let at = large.now();
            let came = large.commit(|site| site.one_image_more(0));
            large.run_for(MINUTE);
            let begun = large.begun(came[0]).expect("it is promoted");
            assert!(begun.duration_since(at) <= SignedDuration::from_secs(1));
            assert!(large.engine.is_settled());
        })
    });
    assert_eq!(costs[0], costs[1]);
}

#[test]
fn a_setting_of_one_of_ten_targets_is_no_reason_to_ask_about_the_other_nine() {
    let size = Size {
        targets: 10,
        repositories: 10,
        ..SMALL
    };
    let mut large = large(size, HOUR * 10_000);
    let (plans, _) = cost(&mut large, |large| {
        let before: Vec<u64> = (1..10).map(|target| large.looks_at(target)).collect();
        large.commit(|site| site.report_drift(0));
        large.run_for(HOUR);
        let after: Vec<u64> = (1..10).map(|target| large.looks_at(target)).collect();
        assert_eq!(before, after);
    });
    assert!(plans <= size.images as u64, "{plans} plans");
}

#[test]
fn an_endpoint_that_goes_on_being_silent_is_asked_again_and_again_and_nothing_is_planned_for_it() {
    let mut large = large(LARGER, HOUR * 24);
    large.answers.silence(TargetId(0), EndpointIndex(1), true);
    // Within a day it is noticed.
    large.run_for(HOUR * 24);
    assert_eq!(large.engine.status().blocked.len(), 1);
    let (plans, looks) = cost(&mut large, |large| large.run_for(HOUR * 24));
    let others = (LARGER.all_images() * 3 * LARGER.endpoints) as u64;
    assert!(looks < others + 24 * 60 / 4, "{looks}");
    assert!(plans <= looks, "{plans} plans for {looks} looks");
    large.answers.silence(TargetId(0), EndpointIndex(1), false);
    large.run_for(MINUTE * 6);
    assert!(large.engine.is_settled(), "{:?}", large.engine.status());
}

#[test]
fn all_tags_of_a_repository_moved_at_once_are_put_right_in_as_many_plans_as_they_have_steps() {
    let per_image = [SMALL, LARGER].map(|size| {
        let mut large = large(size, MINUTE);
        let tags: Vec<_> = large
            .engine
            .graph
            .units()
            .iter()
            .flat_map(|unit| unit.tags.clone())
            .collect();
        for tag in tags {
            for endpoint in EndpointSet::first(size.endpoints).iter() {
                let old = large.engine.graph.units_under(tag).to_vec();
                let claimed = large.engine.graph.unit(old[0]).digest;
                large
                    .engine
                    .memory
                    .written
                    .entry(tag)
                    .or_default()
                    .set(endpoint, claimed);
                large.answers.move_tag(tag, endpoint, Digest::of(b"somebody else's"));
            }
        }
        let (plans, looks) = cost(&mut large, |large| large.run_for(MINUTE * 3));
        assert!(large.engine.is_settled(), "{:?}", large.engine.status());
        let steps = (size.all_images() * size.endpoints) as u64;
        // Each step is planned for what it moves and for what it displaces, which is looked at on its own.
        assert!(
            plans <= looks + 8 * steps,
            "{plans} plans for {looks} looks and {steps} steps"
        );
        plans / size.all_images() as u64
    });
    // Some more where there are more: what is not known yet of what somebody else's image lists is asked of all its neighbours.
    assert!(per_image[1] <= per_image[0] + per_image[0] / 4, "{per_image:?}");
}
