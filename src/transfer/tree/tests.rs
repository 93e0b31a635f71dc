use serde_json::json;

use super::*;
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{MemoryRegistries, Operation, Store};

fn here() -> Repository {
    "one.test/app".parse().unwrap()
}

fn holding(image: &Image) -> MemoryRegistries {
    let store = Store::new();
    image.push(&store, &here());
    MemoryRegistries::new(store)
}

async fn read(registries: &MemoryRegistries, root: Digest) -> Result<TreeAnswer, TreeError> {
    read_tree(registries, &here(), &root, &Limits::default()).await
}

/// An index of these entries, beside whatever stands already.
fn add_index(registries: &MemoryRegistries, entries: &serde_json::Value) -> Digest {
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries });
    registries
        .store()
        .add_manifest(&here(), media_type::OCI_INDEX, index.to_string().into())
}

#[tokio::test]
async fn a_tree_holds_every_manifest_once_children_first_and_every_blob_once() {
    let image = ImageRecipe::nested(3, 2).make(Seed(1));
    let TreeAnswer::Whole(tree) = read(&holding(&image), image.root()).await.unwrap() else {
        panic!("everything is there");
    };
    assert_eq!(tree.root().digest, image.root());
    let order: Vec<Digest> = tree.manifests().iter().map(|manifest| manifest.digest).collect();
    assert_eq!(order.len(), image.manifests().len());
    for (position, manifest) in tree.manifests().iter().enumerate() {
        let children = manifest.manifest.manifests.iter();
        assert!(children.clone().all(|child| order[..position].contains(&child.digest)));
    }
    let mut blobs: Vec<Digest> = tree.blobs().iter().map(|blob| blob.digest).collect();
    let mut expected: Vec<Digest> = image.blobs().iter().map(|blob| blob.descriptor.digest).collect();
    blobs.sort();
    expected.sort();
    assert_eq!(blobs, expected);
}

#[tokio::test]
async fn what_is_absent_is_told_from_what_is_incomplete_and_from_errors() {
    let image = ImageRecipe::multi(3).make(Seed(1));
    let registries = holding(&image);
    assert_eq!(
        read(&registries, Digest::of(b"other")).await.unwrap(),
        TreeAnswer::Absent
    );
    let lost = image.manifests()[1].digest;
    registries.store().delete_manifest(&here(), &lost);
    assert_eq!(
        read(&registries, image.root()).await.unwrap(),
        TreeAnswer::Incomplete { missing: vec![lost] }
    );
    registries.store().corrupt_manifest(&here(), &image.root());
    assert!(matches!(
        read(&registries, image.root()).await,
        Err(TreeError::Registry(_))
    ));
}

#[tokio::test]
async fn nesting_over_the_limit_is_refused_and_at_the_limit_is_not() {
    for (levels, whole) in [(4, true), (5, false)] {
        let image = ImageRecipe::nested(levels, 1).make(Seed(1));
        let answer = read(&holding(&image), image.root()).await;
        match answer {
            Ok(TreeAnswer::Whole(_)) => assert!(whole),
            Err(TreeError::TooDeep { limit: 4, .. }) => assert!(!whole),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_short_way_to_a_manifest_hides_no_longer_one() {
    let image = ImageRecipe::nested(4, 1).make(Seed(1));
    let registries = holding(&image);
    let entry = |manifest: &crate::sim::images::ImageManifest| json!({ "mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.bytes.len() });
    let every: Vec<_> = image.manifests().iter().map(entry).collect();
    let root = add_index(&registries, &json!(every));
    assert!(matches!(read(&registries, root).await, Err(TreeError::TooDeep { .. })));
}

#[tokio::test]
async fn an_image_of_too_many_or_too_large_manifests_is_refused() {
    let image = ImageRecipe::multi(3).make(Seed(1));
    let registries = holding(&image);
    let read = |limits| {
        let registries = &registries;
        async move { read_tree(registries, &here(), &image.root(), &limits).await }
    };
    let few = Limits {
        image_manifests: 3,
        ..Limits::default()
    };
    assert!(matches!(read(few).await, Err(TreeError::TooMany { limit: 3, .. })));
    assert_eq!(registries.store().requests().of(Operation::ReadManifest), 1);
}

#[tokio::test]
async fn manifests_over_the_limit_together_are_refused() {
    let image = ImageRecipe::multi(3).make(Seed(1));
    let limits = Limits {
        image_bytes: 1_000,
        ..Limits::default()
    };
    let answer = read_tree(&holding(&image), &here(), &image.root(), &limits).await;
    assert!(matches!(answer, Err(TreeError::TooLarge { .. })));
}

#[tokio::test]
async fn an_index_that_describes_its_entries_wrongly_is_refused() {
    let image = ImageRecipe::single().make(Seed(1));
    let registries = holding(&image);
    let manifest = image.root_manifest();
    let size = manifest.bytes.len();
    for entry in [
        json!({ "mediaType": manifest.media_type, "digest": manifest.digest, "size": size + 1 }),
        json!({ "mediaType": media_type::OCI_INDEX, "digest": manifest.digest, "size": size }),
    ] {
        let root = add_index(&registries, &json!([entry]));
        assert!(
            matches!(read(&registries, root).await, Err(TreeError::Contradiction { .. })),
            "{entry}"
        );
    }
    let schema1 = json!({ "mediaType": media_type::DOCKER_SCHEMA1, "digest": manifest.digest, "size": size });
    let root = add_index(&registries, &json!([schema1]));
    let error = read(&registries, root).await.unwrap_err();
    assert!(matches!(
        error,
        TreeError::Manifest {
            error: ManifestError::Schema1,
            ..
        }
    ));
}

#[tokio::test]
async fn an_entry_that_is_no_manifest_is_a_blob() {
    let registries = MemoryRegistries::new(Store::new());
    let digest = registries.store().add_blob(&here(), Bytes::from_static(b"cache"));
    let entry = json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 5 });
    let root = add_index(&registries, &json!([entry]));
    let TreeAnswer::Whole(tree) = read(&registries, root).await.unwrap() else {
        panic!("everything is there");
    };
    assert_eq!(
        tree.blobs().iter().map(|blob| blob.digest).collect::<Vec<_>>(),
        [digest]
    );
}
