//! With requests as the specification writes them.

use super::*;

#[tokio::test]
async fn refusals_carry_the_codes_of_the_specification() {
    let registry = start(EmbeddedOptions::default()).await;
    prepared(&registry);
    let raw = Raw::new(&registry);
    let absent = Digest::of(b"absent");
    for (method, path, expected) in [
        (
            Method::GET,
            "/v2/team/app/manifests/v9".to_owned(),
            (404, "MANIFEST_UNKNOWN"),
        ),
        (
            Method::GET,
            "/v2/team/none/manifests/v1".to_owned(),
            (404, "NAME_UNKNOWN"),
        ),
        (Method::GET, "/v2/team/none/tags/list".to_owned(), (404, "NAME_UNKNOWN")),
        (
            Method::GET,
            format!("/v2/team/app/blobs/{absent}"),
            (404, "BLOB_UNKNOWN"),
        ),
        (
            Method::GET,
            "/v2/team/app/blobs/sha256:0".to_owned(),
            (400, "DIGEST_INVALID"),
        ),
        (
            Method::GET,
            "/v2/team/app/referrers/sha256:0".to_owned(),
            (400, "DIGEST_INVALID"),
        ),
        (Method::GET, "/v2/Team/manifests/v1".to_owned(), (400, "NAME_INVALID")),
        (
            Method::PUT,
            "/v2/team/app/manifests/v1".to_owned(),
            (400, "MANIFEST_INVALID"),
        ),
        (
            Method::DELETE,
            format!("/v2/team/app/manifests/{absent}"),
            (404, "MANIFEST_UNKNOWN"),
        ),
        (
            Method::PATCH,
            "/v2/team/app/blobs/uploads/1".to_owned(),
            (404, "BLOB_UPLOAD_UNKNOWN"),
        ),
        (Method::POST, "/v2/team/app/tags/list".to_owned(), (405, "UNSUPPORTED")),
    ] {
        let (status, code) = raw.code(method.clone(), &path).await;
        assert_eq!((status, code.as_str()), expected, "{method} {path}");
    }
    assert_eq!(raw.get("/v2/").await.status(), StatusCode::OK);
    assert_eq!(raw.get("/anything").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_chunked_upload_reports_its_progress_and_refuses_gaps() {
    let registry = start(EmbeddedOptions::default()).await;
    let raw = Raw::new(&registry);
    let begun = raw.send(Method::POST, "/v2/team/app/blobs/uploads/", &[], "").await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let location = header(&begun, "location");
    let patch = |range: &'static str, content: &'static str| {
        let (raw, location) = (&raw, &location);
        async move {
            raw.send(Method::PATCH, location, &[("Content-Range", range)], content)
                .await
        }
    };
    let first = patch("0-4", "hello").await;
    assert_eq!(
        (first.status(), header(&first, "range")),
        (StatusCode::ACCEPTED, "0-4".into())
    );
    assert_eq!(patch("9-13", "world").await.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(patch("5-9", "world").await.status(), StatusCode::ACCEPTED);
    let status = raw.get(&location).await;
    assert_eq!(
        (status.status(), header(&status, "range")),
        (StatusCode::NO_CONTENT, "0-9".into())
    );

    let digest = Digest::of(b"helloworld!");
    let put = raw
        .send(Method::PUT, &format!("{location}?digest={digest}"), &[], "!")
        .await;
    assert_eq!(put.status(), StatusCode::CREATED);
    assert_eq!(header(&put, "docker-content-digest"), digest.to_string());
    assert!(registry.store().has_blob(&repository(&registry, NAME), &digest));
    assert_eq!(raw.get(&location).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_blob_comes_in_one_request_and_only_under_its_own_digest() {
    let registry = start(EmbeddedOptions::default()).await;
    let raw = Raw::new(&registry);
    let post = |digest: Digest| {
        let path = format!("/v2/team/app/blobs/uploads/?digest={digest}");
        let raw = &raw;
        async move { raw.send(Method::POST, &path, &[], "content").await.status() }
    };
    assert_eq!(post(Digest::of(b"other")).await, StatusCode::BAD_REQUEST);
    assert_eq!(post(Digest::of(b"content")).await, StatusCode::CREATED);
    let path = format!("/v2/team/app/blobs/{}", Digest::of(b"content"));
    let head = raw.send(Method::HEAD, &path, &[], "").await;
    assert_eq!(
        (head.status(), header(&head, "content-length")),
        (StatusCode::OK, "7".into())
    );
    let outside = raw.send(Method::GET, &path, &[("Range", "bytes=7-")], "").await;
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(
        raw.send(Method::DELETE, &path, &[], "").await.status(),
        StatusCode::ACCEPTED
    );
    assert_eq!(raw.get(&path).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_upload_can_be_given_up() {
    let registry = start(EmbeddedOptions::default()).await;
    let raw = Raw::new(&registry);
    let begun = raw.send(Method::POST, "/v2/team/app/blobs/uploads/", &[], "").await;
    let location = header(&begun, "location");
    assert_eq!(
        raw.send(Method::DELETE, &location, &[], "").await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        raw.send(Method::PATCH, &location, &[], "x").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn tags_come_in_pages_that_name_the_next() {
    let behaviour = Behaviour {
        tag_page: 2,
        ..Behaviour::default()
    };
    let registry = start(EmbeddedOptions {
        behaviour,
        ..EmbeddedOptions::default()
    })
    .await;
    let (image, _) = prepared(&registry);
    for tag in ["v2", "v3", "v4"] {
        registry
            .store()
            .set_tag(&repository(&registry, NAME), &tag.parse().unwrap(), image.root());
    }
    let raw = Raw::new(&registry);
    let mut path = "/v2/team/app/tags/list".to_owned();
    let mut tags = Vec::new();
    loop {
        let page = raw.get(&path).await;
        let link = header(&page, "link");
        let body: serde_json::Value = serde_json::from_slice(&page.bytes().await.unwrap()).unwrap();
        tags.extend(
            body["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| tag.as_str().unwrap().to_owned()),
        );
        match link.split_once('>') {
            Some((next, _)) => path = next.trim_start_matches('<').to_owned(),
            None => break,
        }
    }
    assert_eq!(tags, ["v1", "v2", "v3", "v4"]);
    assert_eq!(registry.store().requests().of(Operation::ListTags), 2);
    assert_eq!(
        raw.get("/v2/team/app/tags/list?n=x").await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn referrers_are_filtered_and_can_be_switched_off() {
    for behaviour in [Behaviour::default(), Behaviour::without_referrers()] {
        let api = behaviour.referrers_api;
        let registry = start(EmbeddedOptions {
            behaviour,
            ..EmbeddedOptions::default()
        })
        .await;
        let (image, sbom) = prepared(&registry);
        let raw = Raw::new(&registry);
        let path = format!("/v2/team/app/referrers/{}?artifactType=application/none", image.root());
        let filtered = raw.get(&path).await;
        assert_eq!(filtered.status() == StatusCode::OK, api);
        if api {
            assert_eq!(header(&filtered, "oci-filters-applied"), "artifactType");
            let body: serde_json::Value = serde_json::from_slice(&filtered.bytes().await.unwrap()).unwrap();
            assert_eq!(body["manifests"], serde_json::json!([]));
        }
        let manifest = sbom.root_manifest();
        let path = format!("/v2/team/app/manifests/{}", manifest.digest);
        let types = [("Content-Type", manifest.media_type.as_str())];
        let put = raw.send(Method::PUT, &path, &types, manifest.bytes.clone()).await;
        assert_eq!(put.status(), StatusCode::CREATED);
        assert_eq!(
            header(&put, "oci-subject"),
            if api { image.root().to_string() } else { String::new() }
        );
    }
}

#[tokio::test]
async fn a_manifest_over_the_limit_is_refused() {
    let behaviour = Behaviour {
        max_manifest: 100,
        ..Behaviour::default()
    };
    let registry = start(EmbeddedOptions {
        behaviour,
        ..EmbeddedOptions::default()
    })
    .await;
    let raw = Raw::new(&registry);
    let put = raw
        .send(Method::PUT, "/v2/team/app/manifests/v1", &[], vec![b' '; 101])
        .await;
    assert_eq!(put.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
