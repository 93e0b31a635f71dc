//! Which steps of a unit's plan may begin together now.

use std::collections::HashMap;

use crate::graph::DependsAt;
use crate::model::{EndpointIndex, EndpointSet, NodeId, Slot, TagId};
use crate::plan::{Action, Content, Step};

/// What keeps steps of a unit from beginning.
pub(super) struct Room<'a> {
    /// Endpoints at which nothing of the unit is under way, and at which there is room.
    pub at: EndpointSet,
    /// What another run of the unit is signing.
    pub signing: &'a [Slot],
    /// Of a set of endpoints, those at which no run of another unit writes this tag.
    pub tag_is_free: &'a dyn Fn(TagId, EndpointSet) -> EndpointSet,
}

/// The part of a plan that may begin: each step where there is room for it, less the endpoints where something that it
/// waits for is due and does not begin with it. What is left out comes later, from a later plan.
pub(super) fn startable(plan: &[Step], room: &Room<'_>) -> Vec<Step> {
    let mut left_out: HashMap<NodeId, EndpointSet> = HashMap::new();
    let mut unsigned: Vec<NodeId> = Vec::new();
    let mut begins: Vec<Step> = Vec::new();
    for step in plan {
        if matches!(step.action, Action::Sign) {
            if room.signing.contains(&step.node.slot) {
                unsigned.push(step.node);
            } else {
                begins.push(step.clone());
            }
            continue;
        }
        let mut at = step.at & room.at;
        for dependency in &step.after {
            let Some(missing) = left_out.get(&dependency.node) else {
                continue;
            };
            match dependency.at {
                DependsAt::SameEndpoint => at -= *missing,
                DependsAt::Primary if missing.contains(EndpointIndex::PRIMARY) => at = EndpointSet::EMPTY,
                DependsAt::Primary => {}
            }
        }
        match step.action {
            Action::Attach {
                content: Content::MadeHere,
                ..
            } if unsigned.contains(&step.node) => at = EndpointSet::EMPTY,
            Action::Tag { tag, .. } => at = (room.tag_is_free)(tag, at),
            _ => {}
        }
        let left = step.at - at;
        if !left.is_empty() && !matches!(step.action, Action::Remove { .. }) {
            *left_out.entry(step.node).or_default() |= left;
        }
        if !at.is_empty() {
            begins.push(Step { at, ..step.clone() });
        }
    }
    // Nothing is signed that is not attached.
    let attached: Vec<NodeId> = begins
        .iter()
        .filter(|step| matches!(step.action, Action::Attach { .. }))
        .map(|step| step.node)
        .collect();
    begins.retain(|step| !matches!(step.action, Action::Sign) || attached.contains(&step.node));
    begins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Dependency;
    use crate::model::{Digest, SignatureForm, UnitId};
    use crate::plan::Reason;

    const SIGNATURE: Slot = Slot::Signature(SignatureForm::Bundle);
    const TAG: Slot = Slot::Tag(TagId(0));

    fn at(endpoints: &[u8]) -> EndpointSet {
        endpoints.iter().map(|endpoint| EndpointIndex(*endpoint)).collect()
    }

    fn node(slot: Slot) -> NodeId {
        NodeId { unit: UnitId(0), slot }
    }

    fn step(slot: Slot, action: Action, endpoints: &[u8], after: &[(Slot, DependsAt)]) -> Step {
        let after = after.iter().map(|(slot, at)| Dependency {
            node: node(*slot),
            at: *at,
        });
        Step {
            node: node(slot),
            action,
            at: at(endpoints),
            after: after.collect(),
            because: Reason::Promotion,
        }
    }

    /// A first promotion to these endpoints.
    fn promotion(endpoints: &[u8], signature: DependsAt, signature_at: &[u8]) -> Vec<Step> {
        let copy = Action::Copy {
            from: Box::default(),
            carried: [].into(),
        };
        let attach = Action::Attach {
            content: Content::MadeHere,
            from: Box::default(),
        };
        let tag = Action::Tag {
            tag: TagId(0),
            digest: Digest::of(b""),
            replaces: None,
            keeps: false,
        };
        let image = (Slot::Image, DependsAt::SameEndpoint);
        vec![
            step(Slot::Image, copy, endpoints, &[]),
            step(SIGNATURE, Action::Sign, &[], &[]),
            step(SIGNATURE, attach, signature_at, &[image]),
            step(TAG, tag, endpoints, &[image, (SIGNATURE, signature)]),
        ]
    }

    fn begins(plan: &[Step], room: &[u8], signing: &[Slot]) -> Vec<(Slot, bool, EndpointSet)> {
        let room = Room {
            at: at(room),
            signing,
            tag_is_free: &|_, at| at,
        };
        startable(plan, &room)
            .iter()
            .map(|step| (step.node.slot, matches!(step.action, Action::Sign), step.at))
            .collect()
    }

    #[test]
    fn what_has_room_begins_whole_and_the_rest_later() {
        let plan = promotion(&[0, 1], DependsAt::SameEndpoint, &[0, 1]);
        assert_eq!(
            begins(&plan, &[1], &[]),
            [
                (Slot::Image, false, at(&[1])),
                (SIGNATURE, true, at(&[])),
                (SIGNATURE, false, at(&[1])),
                (TAG, false, at(&[1])),
            ]
        );
        assert_eq!(begins(&plan, &[], &[]), []);
    }

    #[test]
    fn what_is_being_signed_elsewhere_is_not_signed_twice() {
        let plan = promotion(&[0, 1], DependsAt::SameEndpoint, &[0, 1]);
        assert_eq!(begins(&plan, &[1], &[SIGNATURE]), [(Slot::Image, false, at(&[1]))]);
    }

    #[test]
    fn a_tag_waits_for_a_signature_that_is_due_at_the_primary() {
        let plan = promotion(&[0, 1], DependsAt::Primary, &[0]);
        assert_eq!(begins(&plan, &[1], &[]), [(Slot::Image, false, at(&[1]))]);
        assert_eq!(begins(&plan, &[0, 1], &[]).len(), 4);
    }

    #[test]
    fn a_tag_that_another_unit_writes_waits() {
        let plan = promotion(&[0, 1], DependsAt::SameEndpoint, &[0, 1]);
        let room = Room {
            at: at(&[0, 1]),
            signing: &[],
            tag_is_free: &|_, at| at - EndpointSet::PRIMARY,
        };
        let steps = startable(&plan, &room);
        assert_eq!(steps.last().map(|step| step.at), Some(at(&[1])));
        assert_eq!(steps[2].at, at(&[0, 1]));
    }
}
