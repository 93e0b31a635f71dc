//! Does an endpoint answer, which tags does it have, on which digests do they stand?

use super::failure::LookError;
use super::place::Place;
use crate::facts::Answer;
use crate::graph::Graph;
use crate::model::{EndpointIndex, Repository, RepositoryId, Tag, TargetId};
use crate::registry::{ManifestAt, Registry};

/// Some repository at an endpoint: credentials and budgets go by repository, so that one is needed to ask at all.
/// `None` where nothing is claimed at the target.
pub(super) fn any_repository(graph: &Graph, target: TargetId, endpoint: EndpointIndex) -> Option<Repository> {
    (0..graph.repository_count())
        .map(|index| RepositoryId(index as u32))
        .find(|id| graph.repository(*id).0 == target)
        .map(|id| graph.place(id, endpoint))
}

pub(super) async fn ping<R: Registry>(place: &Place<'_, R>) -> Result<Answer, LookError> {
    place.registry.ping(&place.repository).await?;
    Ok(Answer::Endpoint)
}

pub(super) async fn tags<R: Registry>(place: &Place<'_, R>) -> Result<Answer, LookError> {
    Ok(Answer::Tags(place.registry.tags(&place.repository).await?))
}

pub(super) async fn tag<R: Registry>(place: &Place<'_, R>, tag: &Tag) -> Result<Answer, LookError> {
    Ok(Answer::Tag(place.head(ManifestAt::Tag(tag)).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Ask, Depth};
    use crate::observe::tests::fixture::{Fixture, MIRROR, PRIMARY, tag};
    use crate::sim::registry::{Failure as Trouble, Fault, Operation};

    #[tokio::test]
    async fn an_endpoint_answers_refuses_or_is_silent() {
        let fixture = Fixture::new();
        let ask = Ask::Endpoint(fixture.graph.target_of(fixture.unit));
        assert_eq!(fixture.answer(ask, Depth::Manifests, MIRROR).await, Answer::Endpoint);
        fixture.strike(Fault::Fails(Trouble::Unreachable), Operation::Ping);
        let why = fixture.unknown(ask).await;
        assert_eq!(why, "GET https://one.test/v2/: connection refused");
        fixture.strike(Fault::Fails(Trouble::Denied), Operation::Ping);
        let answer = fixture.answer(ask, Depth::Manifests, PRIMARY).await;
        assert!(matches!(&answer, Answer::Failed(why) if why.is_denied()), "{answer:?}");
    }

    #[tokio::test]
    async fn a_repository_that_is_not_there_has_no_list() {
        let fixture = Fixture::new();
        let ask = Ask::Tags(fixture.graph.unit(fixture.unit).repository);
        assert_eq!(fixture.answer(ask, Depth::Manifests, PRIMARY).await, Answer::Tags(None));
        let fixture = fixture.promoted();
        fixture.store.set_tag(&fixture.at(PRIMARY), &tag("v1"), fixture.root());
        assert_eq!(
            fixture.answer(ask, Depth::Manifests, PRIMARY).await,
            Answer::Tags(Some(vec![tag("v1")]))
        );
        fixture.throttle(Operation::ListTags);
        fixture.unknown(ask).await;
    }

    #[tokio::test]
    async fn a_tag_has_a_digest_or_is_not_there() {
        let fixture = Fixture::new().promoted();
        let ask = Ask::Tag(fixture.graph.unit(fixture.unit).tags[0]);
        assert_eq!(fixture.answer(ask, Depth::Manifests, PRIMARY).await, Answer::Tag(None));
        fixture.store.set_tag(&fixture.at(PRIMARY), &tag("v1"), fixture.root());
        assert_eq!(
            fixture.answer(ask, Depth::Manifests, PRIMARY).await,
            Answer::Tag(Some(fixture.root()))
        );
        fixture.strike(Fault::Fails(Trouble::Server(None)), Operation::HeadManifest);
        fixture.unknown(ask).await;
    }
}
