use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Method, StatusCode};
use url::Url;

use super::*;
use crate::http::test_server::{TestServer, answer, raw_server};
use crate::http::{ClientOptions, Home, Trust};

type Pieces = Vec<Result<Bytes, &'static str>>;

async fn upload_to(url: &str, length: u64, pieces: Pieces) -> Result<StatusCode, UploadError<&'static str>> {
    upload_stream(url, Timeouts::default(), length, stream::iter(pieces)).await
}

async fn upload_stream<S>(
    url: &str,
    timeouts: Timeouts,
    length: u64,
    content: S,
) -> Result<StatusCode, UploadError<&'static str>>
where
    S: Stream<Item = Result<Bytes, &'static str>> + Send + Unpin + 'static,
{
    let client = HttpClient::new(ClientOptions {
        timeouts,
        environment_proxy: false,
        ..ClientOptions::default()
    });
    let home = Home {
        url: Url::parse(url).unwrap(),
        trust: Trust::default(),
    };
    let request = Request::new(Method::PUT, home.url.clone(), &home);
    let answer = client.upload(&request, length, content).await?;
    Ok(answer.status)
}

fn pieces(texts: &[&'static str]) -> Pieces {
    texts
        .iter()
        .map(|text| Ok(Bytes::from_static(text.as_bytes())))
        .collect()
}

#[tokio::test]
async fn the_bytes_arrive_with_their_length() {
    let server = TestServer::start(|_| async { answer(201, &[], "") }).await;
    let status = upload_to(&server.url("/"), 6, pieces(&["one", "", "two"]))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::CREATED);
    upload_to(&server.url("/empty"), 0, vec![]).await.unwrap();
    let received = server.received();
    assert_eq!(&received[0].body[..], b"onetwo");
    assert_eq!(received[0].header("content-length"), Some("6"));
    assert_eq!(received[0].header("transfer-encoding"), None);
    assert_eq!(received[1].header("content-length"), Some("0"));
}

#[tokio::test]
async fn the_contents_own_error_comes_back() {
    let server = TestServer::start(|_| async { answer(201, &[], "") }).await;
    let content = vec![Ok(Bytes::from_static(b"one")), Err("the source failed")];
    let error = upload_to(&server.url("/"), 6, content).await.unwrap_err();
    assert!(matches!(error, UploadError::Content("the source failed")), "{error:?}");
}

#[tokio::test]
async fn content_of_another_length_is_an_error() {
    let server = TestServer::start(|_| async { answer(201, &[], "") }).await;
    for (length, found) in [(7, 6), (4, 6)] {
        let error = upload_to(&server.url("/"), length, pieces(&["one", "two"]))
            .await
            .unwrap_err();
        assert!(
            matches!(error, UploadError::Length { announced, found: f } if announced == length && f == found),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_early_refusal_is_an_answer() {
    let server = raw_server(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let endless = stream::repeat(Ok(Bytes::from_static(&[0; 1024])));
    match upload_stream(&format!("http://{server}/"), Timeouts::default(), 1 << 40, endless).await {
        Ok(status) => assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE),
        // The connection may break under the bytes that were still on their way.
        Err(error) => assert!(matches!(error, UploadError::Http(_)), "{error:?}"),
    }
}

#[tokio::test]
async fn an_upload_that_stops_moving_ends() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/silent" => std::future::pending().await,
            _ => answer(201, &[], ""),
        }
    })
    .await;
    let short = Duration::from_millis(50);
    let timeouts = Timeouts {
        idle: short,
        commit: short,
        ..Timeouts::default()
    };
    let stuck = upload_stream(&server.url("/"), timeouts, 6, stream::pending())
        .await
        .unwrap_err();
    let unanswered = upload_stream(&server.url("/silent"), timeouts, 3, stream::iter(pieces(&["one"])))
        .await
        .unwrap_err();
    for (error, message) in [(stuck, "stopped in the middle"), (unanswered, "complete upload")] {
        match error {
            UploadError::Http(error) => {
                assert_eq!(error.kind, HttpErrorKind::TimedOut);
                assert!(error.message.contains(message), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_next_to_nothing_is_broken_off_and_one_that_waits_for_content_is_not() {
    use futures_util::StreamExt as _;

    let minute = Duration::from_secs(60);
    let late = |text: &'static str| async move {
        tokio::time::sleep(10 * minute).await;
        Ok::<_, &str>(Bytes::from_static(text.as_bytes()))
    };
    let content = stream::iter(["one", "two", "six"]).then(late).boxed();
    let progress = Arc::new(Mutex::new(Progress {
        last: Instant::now(),
        sent: 0,
        length: 9,
        pace: Pace::new(Timeouts::default().least_rate),
        failure: None,
    }));
    let mut body = Metered {
        content,
        given: None,
        progress: Arc::clone(&progress),
    };
    assert!(matches!(body.next().await, Some(Ok(_))));
    assert!(matches!(body.next().await, Some(Ok(_))));
    tokio::time::advance(minute).await;
    assert!(matches!(body.next().await, Some(Err(_))));
    assert!(matches!(lock(&progress).failure, Some(Failure::Crawls(_))));
}
