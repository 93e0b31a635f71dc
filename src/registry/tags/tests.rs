use super::*;
use crate::http::test_server::{TestServer, answer};
use crate::registry::Registry as _;
use crate::registry::pages::{BARREN, PAGES};
use crate::registry::test_support::{options, refusal, registries, repository};

fn list(tags: &str, next: Option<&str>) -> axum::response::Response {
    let body = format!(r#"{{"name":"team/app","tags":{tags}}}"#);
    match next {
        Some(next) => answer(200, &[("link", &format!(r#"<{next}>; rel="next""#))], body),
        None => answer(200, &[], body),
    }
}

fn names(tags: &[Tag]) -> Vec<&str> {
    tags.iter().map(Tag::as_str).collect()
}

#[tokio::test]
async fn all_pages_are_read_by_relative_and_absolute_links() {
    let server = TestServer::start(|request| async move {
        let host = request.header("host").unwrap();
        match request.query.as_str() {
            "n=1000" => list(r#"["c","a"]"#, Some("/v2/team/app/tags/list?last=c,&n=2")),
            "last=c,&n=2" => list(
                r#"["b", "a"]"#,
                Some(&format!("http://{host}/v2/team/app/tags/list?last=b")),
            ),
            _ => list("[]", None),
        }
    })
    .await;
    let tags = registries(&server).tags(&repository(&server)).await.unwrap().unwrap();
    assert_eq!(names(&tags), ["a", "b", "c"]);
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn empty_lists_and_unknown_repositories_are_told_apart() {
    let server = TestServer::start(|request| async move {
        match request.path.split('/').nth(3).unwrap() {
            "null" => list("null", None),
            "unknown" => refusal(404, "NAME_UNKNOWN"),
            "empty" => answer(200, &[], "{}"),
            "page" => answer(200, &[("content-type", "text/html")], "<html>"),
            "throttled" => answer(429, &[], ""),
            _ => answer(404, &[], "404 page not found"),
        }
    })
    .await;
    let registries = registries(&server);
    for (name, expected) in [
        ("null", Ok(Some(vec![]))),
        ("unknown", Ok(None)),
        ("empty", Err(ErrorKind::Malformed)),
        ("page", Err(ErrorKind::Malformed)),
        ("throttled", Err(ErrorKind::Throttled)),
        ("route", Err(ErrorKind::Malformed)),
    ] {
        let repository = format!("{}/team/{name}", server.address).parse().unwrap();
        assert_eq!(
            registries.tags(&repository).await.map_err(|error| error.kind),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    let server = TestServer::start(|request| async move {
        let last = request.query.as_str();
        match request.path.split('/').nth(3).unwrap() {
            "gone" if last == "n=1000" => list(r#"["a"]"#, Some("?last=a")),
            "gone" => refusal(404, "NAME_UNKNOWN"),
            "circle" => list(r#"["a"]"#, Some(if last == "last=b" { "?last=c" } else { "?last=b" })),
            "away" => list(r#"["a"]"#, Some("http://example.com/v2/team/away/tags/list?last=a")),
            "endless" => list(
                r#"["a"]"#,
                Some(&format!("?last={}", last.len()).replace("last=", &format!("{last}x"))),
            ),
            _ => answer(200, &[("link", "what?")], r#"{"tags":["a"]}"#),
        }
    })
    .await;
    let mut options = options(&server);
    options.limits.pages = 5;
    let registries = HttpRegistries::new(options).unwrap();
    for (name, expected) in [
        ("gone", ErrorKind::Refused),
        ("circle", ErrorKind::Malformed),
        ("away", ErrorKind::NotAllowed),
        ("endless", ErrorKind::TooLarge),
        ("unreadable", ErrorKind::Malformed),
    ] {
        let repository = format!("{}/team/{name}", server.address).parse().unwrap();
        assert_eq!(registries.tags(&repository).await.unwrap_err().kind, expected, "{name}");
    }
    assert_eq!(server.count("GET /v2/team/endless/tags/list"), 5);
}

#[tokio::test]
async fn more_tags_than_allowed_are_an_error() {
    let server = TestServer::start(|_| async { list(r#"["a","b","c"]"#, None) }).await;
    let mut options = options(&server);
    options.limits.tags = 2;
    let registries = HttpRegistries::new(options).unwrap();
    assert_eq!(
        registries.tags(&repository(&server)).await.unwrap_err().kind,
        ErrorKind::TooLarge
    );
}

#[tokio::test]
async fn names_that_are_no_tags_do_not_hide_the_others() {
    let server = TestServer::start(|_| async { list(r#"["a","-b","c d","",null]"#, None) }).await;
    let tags = registries(&server).tags(&repository(&server)).await.unwrap().unwrap();
    assert_eq!(names(&tags), ["a"]);
}

/// go-containerregistry's registry.
#[tokio::test]
async fn a_list_that_is_cut_off_without_a_link_is_read_to_its_end() {
    let server = TestServer::start(|request| async move {
        let all: Vec<String> = (0..2_500).map(|number| format!("v{number:04}")).collect();
        let after = request.query.split_once("last=").map_or("", |(_, last)| last);
        let rest = all.iter().position(|tag| **tag > *after).unwrap_or(0);
        let page = &all[rest..all.len().min(rest + 1_000)];
        list(&serde_json::to_string(page).unwrap(), None)
    })
    .await;
    let tags = registries(&server).tags(&repository(&server)).await.unwrap().unwrap();
    assert_eq!(tags.len(), 2_500);
    assert_eq!(server.received().len(), 3);
}

/// Debian's docker-registry.
#[tokio::test]
async fn a_long_list_that_comes_whole_is_known_to_be_whole() {
    let server = TestServer::start(|_| async {
        let all: Vec<String> = (0..1_500).map(|number| format!("v{number}")).collect();
        list(&serde_json::to_string(&all).unwrap(), None)
    })
    .await;
    let tags = registries(&server).tags(&repository(&server)).await.unwrap().unwrap();
    assert_eq!(tags.len(), 1_500);
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_list_that_goes_on_without_bringing_much_ends() {
    for (growing, most) in [(false, BARREN + 1), (true, PAGES + 1)] {
        let server = TestServer::start(move |request| async move {
            let page: usize = request
                .query
                .strip_prefix("page=")
                .and_then(|page| page.parse().ok())
                .unwrap_or(0);
            let tag = if growing { page } else { 0 };
            list(
                &format!(r#"["t{tag}"]"#),
                Some(&format!("/v2/team/app/tags/list?page={}", page + 1)),
            )
        })
        .await;
        let error = registries(&server).tags(&repository(&server)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed, "{error}");
        assert!(server.received().len() <= most, "{}", server.received().len());
    }
}

#[tokio::test]
async fn pages_that_hold_nothing_we_may_see_do_not_end_a_list() {
    let server = TestServer::start(|request| async move {
        let page: usize = request
            .query
            .strip_prefix("page=")
            .and_then(|page| page.parse().ok())
            .unwrap_or(0);
        let next = format!("/v2/team/app/tags/list?page={}", page + 1);
        match page {
            0..5 => list("[]", Some(&next)),
            _ => list(r#"["a"]"#, None),
        }
    })
    .await;
    let tags = registries(&server).tags(&repository(&server)).await.unwrap().unwrap();
    assert_eq!(names(&tags), ["a"]);
}
