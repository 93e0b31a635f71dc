//! Sources that lack, lie or break off.

use super::*;

#[tokio::test]
async fn a_source_that_serves_wrong_bytes_publishes_nothing() {
    let (store, image) = prepared(ImageRecipe::single().with_layers(2, 3_000));
    let registries = MemoryRegistries::new(store.clone());
    let damaged = image.blobs()[1].descriptor.digest;
    store.corrupt_blob(&source(), &damaged);
    let to = mirrors(2);
    for result in copy(&registries, &image, &[source()], &to).await {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, TransferError::NoSource { digest, .. } if *digest == damaged),
            "{error}"
        );
        assert!(!error.is_uncertain());
    }
    for mirror in &to {
        let held = store.contents(mirror).unwrap_or_default();
        assert!(held.manifests.is_empty());
        assert!(!held.blobs.contains(&damaged));
    }
}

#[tokio::test]
async fn the_next_source_is_asked_where_one_lacks_a_blob_serves_another_or_breaks_off() {
    for damage in [
        Store::lose_blob as fn(&Store, &Repository, &Digest) -> bool,
        Store::corrupt_blob,
    ] {
        let (store, image) = prepared(ImageRecipe::single());
        let registries = MemoryRegistries::new(store.clone());
        let second = repository("second.test/app");
        image.push(&store, &second);
        damage(&store, &source(), &image.blobs()[0].descriptor.digest);
        let to = mirrors(2);
        assert!(
            copy(&registries, &image, &[source(), second], &to)
                .await
                .iter()
                .all(Result::is_ok)
        );
        assert!(to.iter().all(|mirror| stands(&store, &image, mirror)));
    }
    let (store, image) = prepared(ImageRecipe::single().with_layers(2, 3_000));
    let second = repository("second.test/app");
    image.push(&store, &second);
    let plan = FaultPlan::default().and_at(
        &source().registry,
        always(Fault::BreaksOff, Operations::Only(Operation::ReadBlob)),
    );
    let registries = MemoryRegistries::seeded(store.clone(), Seed(1), plan);
    assert!(
        copy(&registries, &image, &[source(), second], &mirrors(2))
            .await
            .iter()
            .all(Result::is_ok)
    );
}

#[tokio::test]
async fn a_child_that_is_missing_at_the_source_blocks_the_image() {
    let (store, image) = prepared(ImageRecipe::multi(2));
    let registries = MemoryRegistries::new(store.clone());
    let child = image.manifests()[0].digest;
    store.delete_manifest(&source(), &child);
    let transfer = Transfer::default();
    let root = image.root();
    let read = |from: Vec<Repository>| {
        let (transfer, registries) = (&transfer, &registries);
        async move { transfer.read_from(registries, &root, &from, &Limits::default()).await }
    };
    let error = read(vec![source()]).await.unwrap_err();
    let TransferError::NoSource { failures, .. } = &error else {
        panic!("{error}")
    };
    assert!(matches!(&failures[0].problem, SourceProblem::Incomplete(missing) if *missing == [child]));
    assert!(error.to_string().contains(&child.to_string()));

    let second = repository("second.test/app");
    image.push(&store, &second);
    assert!(read(vec![source(), second]).await.is_ok());
}

#[tokio::test]
async fn an_image_nested_too_deep_is_not_copied() {
    let (store, image) = prepared(ImageRecipe::nested(5, 1));
    let registries = MemoryRegistries::new(store);
    let transfer = Transfer::default();
    let error = transfer
        .read_from(&registries, &image.root(), &[source()], &Limits::default())
        .await
        .unwrap_err();
    let TransferError::NoSource { failures, .. } = error else {
        panic!("{error}")
    };
    assert!(matches!(
        &failures[0].problem,
        SourceProblem::Tree(TreeError::TooDeep { limit: 4, .. })
    ));
}
