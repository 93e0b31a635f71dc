//! From a configuration to what a registry is shown.

use std::fs;

use axum::response::Response;

use super::*;
use crate::assembly::registries;
use crate::config::Environment;
use crate::http::test_server::{Received, TestServer, answer};

/// A registry with a token server, and Azure's metadata service beside it.
fn respond(request: &Received) -> Response {
    let form = String::from_utf8_lossy(&request.body).into_owned();
    match (request.line().as_str(), request.header("authorization")) {
        ("GET /metadata/identity/oauth2/token", _) => answer(200, &[], r#"{"access_token":"entra"}"#),
        ("POST /oauth2/exchange", _) if form.ends_with("&access_token=entra") => {
            answer(200, &[], r#"{"refresh_token":"of-the-registry"}"#)
        }
        ("POST /token", _) if form.ends_with("&refresh_token=of-the-registry") => {
            answer(200, &[], r#"{"access_token":"t"}"#)
        }
        // robot:told
        ("GET /token", Some("Basic cm9ib3Q6dG9sZA==")) => answer(200, &[], r#"{"token":"t"}"#),
        ("GET /token", None) => answer(200, &[], r#"{"token":"of-strangers"}"#),
        (_, Some("Bearer t")) => answer(200, &[], "{}"),
        _ => {
            let realm = format!(r#"Bearer realm="http://{}/token""#, request.header("host").unwrap());
            answer(401, &[("www-authenticate", &realm)], "")
        }
    }
}

/// Reads a manifest under a configuration of this registry; `home` is the folder of the logins.
async fn read(keys: &str, home: &std::path::Path) -> (TestServer, Result<bool, RegistryError>) {
    let server = TestServer::start(|request| async move { respond(&request) }).await;
    let bin = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/credentials/bin:/usr/bin:/bin");
    let variables = [
        ("HOME", home.to_str().unwrap().to_owned()),
        ("PATH", bin.to_owned()),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url("/")),
        ("DOCKER_CONFIG", home.to_str().unwrap().to_owned()),
    ];
    let environment = Environment::Fixed(variables.map(|(name, value)| (name.to_owned(), value)).into());
    let text = format!(
        "[registries.\"{}\"]\nplain-http = true\n{keys}\n[limits]\nconcurrency = 4",
        server.address
    );
    let config = Config::parse(&text, "/etc/landfall/config.toml".as_ref(), environment).unwrap();
    let registries = registries(&Arc::new(config)).unwrap();
    let repository = format!("{}/team/app", server.address).parse().unwrap();
    let tag = "v1".parse().unwrap();
    let found = registries.manifest(&repository, ManifestAt::Tag(&tag)).await;
    (server, found.map(|manifest| manifest.is_some()))
}

#[tokio::test]
async fn an_ambient_identity_opens_the_registry_that_it_is_configured_for() {
    let home = tempfile::TempDir::new().unwrap();
    let (server, found) = read("read = { ambient = \"azure\" }", home.path()).await;
    assert!(found.unwrap());
    // The first question goes without: nobody knows yet that this registry asks for anything.
    for line in [
        "GET /metadata/identity/oauth2/token",
        "POST /oauth2/exchange",
        "POST /token",
    ] {
        assert_eq!(server.count(line), 1, "{:?}", server.lines());
    }
}

#[tokio::test]
async fn no_platform_is_asked_who_we_are_unless_configured() {
    let home = tempfile::TempDir::new().unwrap();
    let (server, found) = read("", home.path()).await;
    assert_eq!(found.unwrap_err().kind, ErrorKind::Denied);
    assert!(
        server
            .received()
            .iter()
            .all(|request| !request.path.contains("metadata"))
    );
}

#[tokio::test]
async fn a_helper_serves_by_configuration_and_by_what_docker_stored_and_not_where_anonymity_was_chosen() {
    let home = tempfile::TempDir::new().unwrap();
    fs::write(home.path().join("secret"), "told").unwrap();
    let (_, found) = read("read = { credential-helper = \"test\" }", home.path()).await;
    assert!(found.unwrap());
    fs::write(home.path().join("config.json"), r#"{"credsStore": "test"}"#).unwrap();
    let (_, found) = read("", home.path()).await;
    assert!(found.unwrap());
    let (server, found) = read("read = { anonymous = true }", home.path()).await;
    assert_eq!(found.unwrap_err().kind, ErrorKind::Denied);
    let received = server.received();
    let shown: Vec<_> = received
        .iter()
        .filter_map(|request| request.header("authorization"))
        .collect();
    assert_eq!(shown, ["Bearer of-strangers"]);
}

#[tokio::test]
async fn what_is_declared_impossible_is_not_asked() {
    let server = TestServer::start(|_| async { answer(404, &[("content-type", "application/json")], "") }).await;
    let text = format!(
        "allow-writes = [\"{0}\"]\n[registries.\"{0}\"]\nplain-http = true\ncapabilities = \
         {{ referrers = false, mount = false, tag-deletion = false, manifest-deletion = false, catalog = false }}",
        server.address
    );
    let environment = Environment::Fixed([("HOME".to_owned(), "/nonexistent".to_owned())].into());
    let config = Config::parse(&text, "/etc/landfall/config.toml".as_ref(), environment).unwrap();
    let registries = registries(&Arc::new(config)).unwrap();
    let repository: Repository = format!("{}/team/app", server.address).parse().unwrap();
    let (digest, tag) = (Digest::of(b"x"), "v1".parse().unwrap());
    let blob = Descriptor::of("application/octet-stream", b"x");
    let from = "team/other".parse().unwrap();
    assert_eq!(
        registries.mount_blob(&repository, &from, &blob).await.unwrap(),
        Mount::NotMounted
    );
    let kind = |error: RegistryError| {
        assert!(error.message.contains("the configuration declares"), "{error}");
        error.kind
    };
    let by_tag = registries.delete_tag(&repository, &tag).await.unwrap_err();
    let by_digest = registries.delete_manifest(&repository, &digest).await.unwrap_err();
    let prefix = Prefix::of(repository.registry.clone());
    let listed = registries.catalog(&prefix).await.unwrap_err();
    assert_eq!([by_tag, by_digest, listed].map(kind), [ErrorKind::Unsupported; 3]);
    assert_eq!(server.lines(), Vec::<String>::new());
    let referrers = registries.referrers(&repository, &digest).await.unwrap();
    assert_eq!(referrers, Referrers::default());
    assert_eq!(server.lines().len(), 1, "the fallback tag alone: {:?}", server.lines());
}
