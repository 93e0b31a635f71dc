//! Is an image there, whole?

use std::sync::Arc;

use super::failure::LookError;
use super::place::Place;
use crate::facts::{Answer, Depth, ImageAnswer};
use crate::model::Digest;
use crate::registry::Registry;
use crate::transfer::ImageTree;

pub(super) async fn look<R: Registry>(place: &Place<'_, R>, image: &Digest, depth: Depth) -> Result<Answer, LookError> {
    Ok(Answer::Image(match place.whole(image, depth).await? {
        Some(tree) => ImageAnswer::WholeWith(below(&tree)),
        None => ImageAnswer::Lacking,
    }))
}

/// The manifests below an image's own.
pub(super) fn below(tree: &ImageTree) -> Arc<[Digest]> {
    let root = tree.root().digest;
    let manifests = tree.manifests().iter().map(|manifest| manifest.digest);
    let mut below: Vec<Digest> = manifests.filter(|digest| *digest != root).collect();
    below.sort_unstable();
    below.into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::facts::Ask;
    use crate::model::media_type;
    use crate::observe::tests::fixture::{Fixture, MIRROR, PRIMARY};
    use crate::sim::registry::{Fault, Operation};

    fn whole(fixture: &Fixture) -> Answer {
        let root = fixture.image.root();
        let manifests = fixture.image.manifests().iter().map(|manifest| manifest.digest);
        let mut below: Vec<Digest> = manifests.filter(|digest| *digest != root).collect();
        below.sort_unstable();
        Answer::Image(ImageAnswer::WholeWith(below.into()))
    }

    const LACKING: Answer = Answer::Image(ImageAnswer::Lacking);

    #[tokio::test]
    async fn an_image_is_whole_where_all_of_it_is() {
        let fixture = Fixture::new();
        fixture.image.push(&fixture.store, &fixture.at(PRIMARY));
        let ask = Ask::Image(fixture.unit);
        for depth in [Depth::Manifests, Depth::Blobs] {
            assert_eq!(fixture.answer(ask, depth, PRIMARY).await, whole(&fixture));
            assert_eq!(fixture.answer(ask, depth, MIRROR).await, LACKING);
        }
        let manifests = fixture.image.manifests();
        fixture
            .store
            .delete_manifest(&fixture.at(PRIMARY), &manifests[0].digest);
        assert_eq!(fixture.answer(ask, Depth::Manifests, PRIMARY).await, LACKING);
    }

    #[tokio::test]
    async fn a_lost_blob_is_seen_at_its_depth() {
        let fixture = Fixture::new().promoted();
        let blobs = fixture.image.blobs();
        fixture
            .store
            .lose_blob(&fixture.at(PRIMARY), &blobs[1].descriptor.digest);
        let ask = Ask::Image(fixture.unit);
        assert_eq!(fixture.answer(ask, Depth::Manifests, PRIMARY).await, whole(&fixture));
        assert_eq!(fixture.answer(ask, Depth::Blobs, PRIMARY).await, LACKING);
    }

    #[tokio::test]
    async fn a_registry_that_serves_other_bytes_leaves_the_image_unknown() {
        let fixture = Fixture::new().promoted();
        let ask = Ask::Image(fixture.unit);
        fixture.strike(Fault::WrongBytes, Operation::ReadManifest);
        fixture.unknown(ask).await;
        fixture.registries.faults().stop();
        fixture
            .store
            .corrupt_manifest(&fixture.at(PRIMARY), &fixture.image.root());
        let why = fixture.unknown(ask).await;
        assert!(why.contains("was served for"), "{why}");
    }

    #[tokio::test]
    async fn a_throttled_registry_leaves_the_image_unknown() {
        let fixture = Fixture::new().promoted();
        let ask = Ask::Image(fixture.unit);
        fixture.throttle(Operation::HeadBlob);
        assert_eq!(fixture.answer(ask, Depth::Manifests, PRIMARY).await, whole(&fixture));
        let answer = fixture.answer(ask, Depth::Blobs, PRIMARY).await;
        assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
        fixture.throttle(Operation::ReadManifest);
        fixture.unknown(ask).await;
    }

    #[tokio::test]
    async fn content_that_cannot_be_read_is_neither_there_nor_absent() {
        let fixture = Fixture::of_root(media_type::OCI_MANIFEST, Bytes::from_static(b"not a manifest"));
        let why = fixture.unknown(Ask::Image(fixture.unit)).await;
        assert!(why.contains(&fixture.root().to_string()), "{why}");
    }
}
