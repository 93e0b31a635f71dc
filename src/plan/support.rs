//! What the registry of an endpoint is known to be unable to do. What is not known is tried.

use super::blocked::Cause;
use super::planner::Planner;
use super::unit::Subject;
use crate::model::{
    Capabilities, Capability, Carried, CarriedKind, EndpointSet, NodeId, SignatureForm, Slot, TargetId,
};

impl Planner<'_> {
    /// Where a registry can take all of these, as far as is known. Elsewhere the node is blocked.
    pub(super) fn able(
        &mut self,
        target: TargetId,
        node: NodeId,
        at: EndpointSet,
        needs: impl IntoIterator<Item = Capability> + Clone,
    ) -> EndpointSet {
        self.screen(target, node, at, |known| {
            needs
                .clone()
                .into_iter()
                .find(|capability| known.can(*capability) == Some(false))
        })
    }

    /// Where a registry moves tags that stand, as far as is known. Elsewhere the node is blocked.
    pub(super) fn able_to_move(&mut self, target: TargetId, node: NodeId, at: EndpointSet) -> EndpointSet {
        let immutable = Capability::ImmutableTags;
        self.screen(target, node, at, |known| {
            (known.can(immutable) == Some(true)).then_some(immutable)
        })
    }

    fn screen(
        &mut self,
        target: TargetId,
        node: NodeId,
        at: EndpointSet,
        obstacle: impl Fn(&Capabilities) -> Option<Capability>,
    ) -> EndpointSet {
        let memory = self.memory;
        if memory.capabilities.is_empty() {
            return at;
        }
        let mut able = at;
        for endpoint in at.iter() {
            let Some(known) = memory.capabilities.get(&(target, endpoint)) else {
                continue;
            };
            if let Some(capability) = obstacle(known)
                && let Some(knowledge) = known.of(capability)
            {
                let cause = Cause::Unsupported {
                    target,
                    endpoint,
                    capability,
                    known_by: knowledge.known_by,
                };
                self.block(cause, node);
                able.remove(endpoint);
            }
        }
        able
    }
}

/// What a registry has to take of an image and of what travels with it. Of an image that was admitted before and is not
/// at its source any more, nothing is known.
pub(super) fn of_image(subject: &Subject<'_>) -> impl Iterator<Item = Capability> + Clone {
    subject
        .source
        .into_iter()
        .flat_map(|source| source.needs.iter().copied())
}

pub(super) fn of_carried(carried: &[Carried]) -> impl Iterator<Item = Capability> + Clone {
    carried.iter().map(|item| match item.kind {
        CarriedKind::Referrer { .. } => Capability::Artifact,
        CarriedKind::CosignTag { .. } => Capability::OciImage,
    })
}

pub(super) fn of_artifact(slot: Slot) -> Option<Capability> {
    match slot {
        Slot::Signature(SignatureForm::Bundle | SignatureForm::Referrer) | Slot::Attestation(_) => {
            Some(Capability::Artifact)
        }
        Slot::Signature(SignatureForm::Tag) => Some(Capability::OciImage),
        Slot::Gate | Slot::Image | Slot::Tag(_) => None,
    }
}
