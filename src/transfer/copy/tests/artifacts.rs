//! What is sent otherwise than images.

use super::*;

#[tokio::test]
async fn a_referrer_is_always_sent_because_the_answer_tells_who_lists_it() {
    let (store, image) = prepared(ImageRecipe::single());
    let sbom = image.sbom_referrer();
    sbom.push(&store, &source());
    let to = mirrors(2);
    store.set_behaviour(&to[1].registry, Behaviour::without_referrers());
    let registries = MemoryRegistries::new(store.clone());
    for _ in 0..2 {
        let results = copy(&registries, &sbom, &[source()], &to).await;
        let acknowledged: Vec<bool> = results
            .into_iter()
            .map(|result| result.unwrap().subject_acknowledged)
            .collect();
        assert_eq!(acknowledged, [true, false]);
    }
}

#[tokio::test]
async fn foreign_layers_stay_where_they_are() {
    let store = Store::new();
    let config = store.add_blob(&source(), Bytes::from_static(b"{}"));
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": Digest::of(b"elsewhere"),
        "size": 9,
        "urls": ["https://elsewhere.test/layer"],
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::DOCKER_MANIFEST,
        "config": { "mediaType": media_type::OCI_EMPTY, "digest": config, "size": 2 },
        "layers": [foreign],
    });
    let root = store.add_manifest(&source(), media_type::DOCKER_MANIFEST, manifest.to_string().into());
    let registries = MemoryRegistries::new(store.clone());
    let transfer = Transfer::default();
    let tree = transfer
        .read_from(&registries, &root, &[source()], &Limits::default())
        .await
        .unwrap();
    let to = mirrors(1);
    assert!(copy_with(&transfer, &registries, &tree, &[source()], &to).await[0].is_ok());
    assert_eq!(
        store.contents(&to[0]).unwrap().blobs.into_iter().collect::<Vec<_>>(),
        [config]
    );
}

#[tokio::test]
async fn an_artifact_is_stored_blobs_first_and_not_uploaded_twice() {
    let (store, image) = prepared(ImageRecipe::single());
    let made = image.attestation_referrer();
    let artifact = Artifact {
        media_type: made.root_manifest().media_type.clone(),
        manifest: made.root_manifest().bytes.clone(),
        blobs: made
            .blobs()
            .iter()
            .map(|blob| (blob.descriptor.clone(), blob.bytes.clone()))
            .collect(),
    };
    let registries = MemoryRegistries::new(store.clone());
    let transfer = Transfer::default();
    for _ in 0..2 {
        let pushed = transfer.put_referrer(&registries, &source(), &artifact).await.unwrap();
        assert!(pushed.subject_acknowledged);
    }
    assert!(stands(&store, &made, &source()));
    assert_eq!(store.requests().of(Operation::WriteBlob), 2);
    let found = registries.referrers(&source(), &image.root()).await.unwrap();
    assert_eq!(found.from_api, [artifact.digest()]);
}
