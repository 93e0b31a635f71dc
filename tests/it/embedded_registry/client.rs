//! With a client of others.

use super::*;

#[tokio::test]
async fn an_independent_client_pushes_and_pulls_in_one_piece_and_in_chunks() {
    for monolithic in [true, false] {
        let registry = start(EmbeddedOptions::default()).await;
        let client = independent_client(monolithic);
        let reference = reference(&registry, "v1");
        push(&client, &reference, &RegistryAuth::Anonymous).await.unwrap();
        let pulled = pull(&client, &reference, &RegistryAuth::Anonymous).await.unwrap();
        assert_eq!(pulled, layers().map(|layer| layer.data));
        let blobs = registry
            .store()
            .writes()
            .iter()
            .filter(|write| matches!(write.kind, WriteKind::Blob(_)))
            .count();
        assert_eq!(blobs, 3);
        registry.shutdown().await;
    }
}

#[tokio::test]
async fn every_kind_of_access_lets_in_who_may_and_nobody_else() {
    let right = RegistryAuth::Basic("ci".into(), "secret".into());
    let wrong = RegistryAuth::Basic("ci".into(), "guess".into());
    for access in [
        Access::Basic(credentials()),
        Access::Bearer {
            credentials: credentials(),
            anonymous_pull: false,
        },
    ] {
        let registry = start(EmbeddedOptions {
            access,
            ..EmbeddedOptions::default()
        })
        .await;
        let reference = reference(&registry, "v1");
        for refused in [&wrong, &RegistryAuth::Anonymous] {
            assert!(push(&independent_client(true), &reference, refused).await.is_err());
        }
        assert_eq!(registry.store().writes(), []);
        push(&independent_client(true), &reference, &right).await.unwrap();
        assert!(pull(&independent_client(true), &reference, &wrong).await.is_err());
        assert!(pull(&independent_client(true), &reference, &right).await.is_ok());
    }
}

#[tokio::test]
async fn anonymous_tokens_read_and_do_not_write() {
    let access = Access::Bearer {
        credentials: credentials(),
        anonymous_pull: true,
    };
    let registry = start(EmbeddedOptions {
        access,
        ..EmbeddedOptions::default()
    })
    .await;
    let reference = reference(&registry, "v1");
    let right = RegistryAuth::Basic("ci".into(), "secret".into());
    push(&independent_client(true), &reference, &right).await.unwrap();
    let before = registry.token_requests();
    assert!(
        pull(&independent_client(true), &reference, &RegistryAuth::Anonymous)
            .await
            .is_ok()
    );
    assert!(registry.token_requests() > before);
    assert!(
        push(&independent_client(true), &reference, &RegistryAuth::Anonymous)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_independent_client_reads_digests_ranges_and_referrers_and_mounts() {
    let registry = start(EmbeddedOptions::default()).await;
    let (image, sbom) = prepared(&registry);
    let client = independent_client(true);
    let tagged = reference(&registry, "v1");
    let digest = client
        .fetch_manifest_digest(&tagged, &RegistryAuth::Anonymous)
        .await
        .unwrap();
    assert_eq!(digest, image.root().to_string());
    let (bytes, _) = client
        .pull_manifest_raw(&tagged, &RegistryAuth::Anonymous, &[media_type::OCI_INDEX])
        .await
        .unwrap();
    assert_eq!(Digest::of(&bytes), image.root());

    let blob = &image.blobs()[0];
    let wanted = blob.descriptor.digest.to_string();
    let part = client
        .pull_blob_stream_partial(&tagged, wanted.as_str(), 10, Some(20))
        .await
        .unwrap();
    let BlobResponse::Partial(mut part) = part else {
        panic!("the range was ignored");
    };
    let mut read = Vec::new();
    while let Some(piece) = part.stream.next().await {
        read.extend(piece.unwrap());
    }
    assert_eq!(read, blob.bytes[10..30]);

    let by_digest = tagged.clone_with_digest(image.root().to_string());
    let referrers = client.pull_referrers(&by_digest, None).await.unwrap();
    assert_eq!(
        referrers
            .manifests
            .iter()
            .map(|found| found.digest.clone())
            .collect::<Vec<_>>(),
        [sbom.root().to_string()]
    );

    let elsewhere: Reference = format!("{}/other:v1", registry.registry()).parse().unwrap();
    client.mount_blob(&elsewhere, &tagged, &wanted).await.unwrap();
    assert!(
        registry
            .store()
            .has_blob(&repository(&registry, "other"), &blob.descriptor.digest)
    );
}
