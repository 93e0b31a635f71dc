use super::*;
use crate::http::test_server::{TestServer, answer};
use crate::registry::test_support::{options, refusal, registries};

fn list(names: &str, next: Option<&str>) -> axum::response::Response {
    let body = format!(r#"{{"repositories":{names}}}"#);
    match next {
        Some(next) => answer(200, &[("link", &format!(r#"<{next}>; rel="next""#))], body),
        None => answer(200, &[], body),
    }
}

fn prefix(server: &TestServer, path: &str) -> Prefix {
    format!("{}{path}", server.address).parse().unwrap()
}

#[tokio::test]
async fn all_pages_are_read_and_what_is_not_below_the_prefix_is_left_out() {
    let server = TestServer::start(|request| async move {
        match request.query.as_str() {
            "" => list(r#"["other/a","team","team/b"]"#, Some("/v2/_catalog?last=team%2Fb&n=3")),
            "last=team%2Fb&n=3" => list(r#"["team/a/deep","teams/c","team/D","Other"]"#, Some("?last=x")),
            _ => list("null", None),
        }
    })
    .await;
    let found = registries(&server).catalog(&prefix(&server, "/team")).await.unwrap();
    let paths: Vec<_> = found.repositories.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(paths, ["team", "team/a/deep", "team/b"]);
    assert_eq!(found.unreadable, ["team/D"]);
    let all = registries(&server).catalog(&prefix(&server, "")).await.unwrap();
    assert_eq!(all.repositories.len(), 5);
}

#[tokio::test]
async fn a_registry_without_a_list_is_told_from_an_empty_one() {
    for (status, body, expected) in [
        (200, r#"{"repositories":[]}"#, Ok(0)),
        (200, "{}", Err(ErrorKind::Malformed)),
        (200, "<html>", Err(ErrorKind::Malformed)),
        (404, "404 page not found", Err(ErrorKind::Unsupported)),
        (405, "", Err(ErrorKind::Unsupported)),
        (403, "", Err(ErrorKind::Denied)),
        (429, "", Err(ErrorKind::Throttled)),
    ] {
        let server = TestServer::start(move |_| async move { answer(status, &[], body) }).await;
        let found = registries(&server).catalog(&prefix(&server, "")).await;
        assert_eq!(
            found.map(|found| found.repositories.len()).map_err(|error| error.kind),
            expected,
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    let server = TestServer::start(|request| async move {
        match request.query.as_str() {
            "" => list(r#"["a"]"#, Some("?last=a")),
            _ => refusal(404, "NAME_UNKNOWN"),
        }
    })
    .await;
    let error = registries(&server).catalog(&prefix(&server, "")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
}

/// go-containerregistry's registry gives 10,000 of its repositories, in any order, and knows nothing of `last`.
#[tokio::test]
async fn a_list_that_is_cut_off_is_an_error() {
    let server = TestServer::start(|request| async move {
        let first = if request.query.is_empty() { 0 } else { 500 };
        let names: Vec<String> = (first..first + 1_000).map(|number| format!("r{number}")).collect();
        list(&serde_json::to_string(&names).unwrap(), None)
    })
    .await;
    let error = registries(&server).catalog(&prefix(&server, "")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert!(error.message.contains("cuts the list short"), "{error}");
}

#[tokio::test]
async fn more_repositories_than_allowed_are_an_error() {
    let server = TestServer::start(|_| async { list(r#"["a","b","c"]"#, None) }).await;
    let mut options = options(&server);
    options.limits.repositories = 2;
    let registries = HttpRegistries::new(options).unwrap();
    let error = registries.catalog(&prefix(&server, "")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
}
