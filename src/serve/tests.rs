//! The API as a client meets it, over the socket and over an address.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::testing::{image, status};
use super::{Access, Daemon, Listener, Metrics, ServeLimits, Service, Token, router, serve};
use crate::model::{Asked, Reply, Request, RequestError};

/// A loop that answers what it is asked, and keeps a record of it.
struct Loop {
    seen: Arc<std::sync::Mutex<Vec<Request>>>,
    daemon: Daemon,
    _running: AbortOnDropHandle<()>,
}

fn answer(request: &Request) -> Result<Reply, RequestError> {
    match request {
        Request::Turn => Ok(Reply::Turned { is_following: true }),
        Request::Status => Ok(Reply::Status(Box::new(status()))),
        Request::Image { reference } if reference == "coredns" => Ok(Reply::Images(vec![image(); 150])),
        Request::Image { reference } => Err(RequestError::NotFound(format!("nothing is called `{reference}`"))),
        Request::Reconcile { .. } => Ok(Reply::Standing {
            standing: Box::new(status().standing.expect("a standing")),
            pause: None,
        }),
        Request::Accept { .. } => Err(RequestError::Refused("its manifests are wrong".to_owned())),
        Request::Adopt { .. } | Request::Pause { .. } | Request::Resume => Ok(Reply::Done(vec!["done".to_owned()])),
    }
}

fn turning() -> Loop {
    let (asked, mut requests) = mpsc::channel::<Asked>(8);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let running = tokio::spawn(async move {
        while let Some(Asked { request, reply }) = requests.recv().await {
            let answer = answer(&request);
            record.lock().unwrap().push(request);
            let _ = reply.send(answer);
        }
    });
    Loop {
        seen,
        daemon: Daemon {
            asked,
            turn_time: Duration::from_secs(10),
        },
        _running: AbortOnDropHandle::new(running),
    }
}

struct Served {
    base: String,
    client: Client,
    stop: CancellationToken,
    serving: AbortOnDropHandle<()>,
}

fn start(daemon: &Daemon, listener: Listener, access: Access, limits: ServeLimits, client: Client) -> Served {
    let base = match &listener {
        Listener::Address(_) => listener.place(),
        Listener::Socket { .. } => "http://landfall".to_owned(),
    };
    let service = Service {
        daemon: daemon.clone(),
        metrics: Arc::new(Metrics::default()),
    };
    let stop = CancellationToken::new();
    let serving = serve(listener, router(service, &limits), access, limits, stop.clone());
    Served {
        base,
        client,
        stop,
        serving: AbortOnDropHandle::new(tokio::spawn(serving)),
    }
}

fn over_socket(daemon: &Daemon, folder: &Path) -> Served {
    let path = folder.join("landfall.sock");
    let listener = Listener::socket(&path).unwrap();
    let client = Client::builder().unix_socket(path).no_proxy().build().unwrap();
    start(daemon, listener, Access::All, ServeLimits::default(), client)
}

async fn over_address(daemon: &Daemon, token: Option<&str>, limits: ServeLimits) -> Served {
    let listener = Listener::address("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let access = Access::Read {
        token: token.map(Token::new),
    };
    let client = Client::builder().no_proxy().build().unwrap();
    start(daemon, listener, access, limits, client)
}

impl Served {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> (StatusCode, Value) {
        let (status, text) = self.get(path).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: &Value, token: Option<&str>) -> (StatusCode, String) {
        let mut request = self.client.post(format!("{}{path}", self.base)).body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}

#[tokio::test]
async fn over_the_socket_everything_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let turning = turning();
    let served = over_socket(&turning.daemon, folder.path());
    assert_eq!(served.get("/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(served.get("/readyz").await.0, StatusCode::OK);
    assert!(served.get("/metrics").await.1.ends_with("# EOF\n"));
    let (code, told) = served.json("/api/v1/status").await;
    assert_eq!(
        (code, &told["targets"][0]["name"]),
        (StatusCode::OK, &json!("production"))
    );
    let paused = served
        .post("/api/v1/pause", &json!({"reason": "maintenance"}), None)
        .await;
    assert_eq!(paused.0, StatusCode::OK, "{}", paused.1);
    let standing = served
        .post("/api/v1/reconcile", &json!({"only": "production"}), None)
        .await;
    assert_eq!(standing.0, StatusCode::OK, "{}", standing.1);
    let seen = turning.seen.lock().unwrap().clone();
    assert!(seen.contains(&Request::Pause {
        reason: "maintenance".to_owned()
    }));
    assert!(seen.contains(&Request::Reconcile {
        only: Some("production".to_owned())
    }));
}

#[tokio::test]
async fn over_an_address_nothing_changes_without_the_token() {
    let turning = turning();
    let read_only = over_address(&turning.daemon, None, ServeLimits::default()).await;
    let with_token = over_address(&turning.daemon, Some("s3cret"), ServeLimits::default()).await;
    let changes = [
        ("/api/v1/pause", json!({"reason": "x"})),
        ("/api/v1/resume", json!({})),
        ("/api/v1/accept", json!({"revision": "main"})),
        ("/api/v1/adopt", json!({"glob": "**", "reason": "x"})),
        ("/api/v1/reconcile", json!({})),
    ];
    for (path, body) in &changes {
        for (served, token) in [
            (&read_only, Some("s3cret")),
            (&with_token, None),
            (&with_token, Some("wrong")),
        ] {
            assert_eq!(served.post(path, body, token).await.0, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(*turning.seen.lock().unwrap(), []);
    assert_eq!(read_only.get("/api/v1/targets").await.0, StatusCode::OK);
    let (code, _) = with_token.post(changes[0].0, &changes[0].1, Some("s3cret")).await;
    assert_eq!(code, StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_as_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let turning = turning();
    let served = over_socket(&turning.daemon, folder.path());
    for (path, code) in [
        ("/api/v1/images?reference=nosuch", StatusCode::NOT_FOUND),
        ("/api/v1/images", StatusCode::BAD_REQUEST),
        ("/api/v1/images?reference=a&page=2", StatusCode::BAD_REQUEST),
        ("/api/v2/status", StatusCode::NOT_FOUND),
        ("/api/v1/pause", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let (found, problem) = served.json(path).await;
        assert_eq!(found, code, "{path}");
        assert_eq!(problem["status"], json!(code.as_u16()), "{path}: {problem}");
        assert!(
            problem["detail"].as_str().is_some_and(|text| !text.is_empty()),
            "{path}"
        );
    }
    let refused = served.post("/api/v1/accept", &json!({"revision": "main"}), None).await;
    assert_eq!(refused.0, StatusCode::CONFLICT);
    let garbage = served.post("/api/v1/pause", &json!({"reason": 7}), None).await;
    assert_eq!(garbage.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn images_come_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let turning = turning();
    let served = over_socket(&turning.daemon, folder.path());
    let mut counts = Vec::new();
    for query in ["", "&offset=100", "&limit=5", "&limit=100000", "&offset=1000"] {
        let (_, page) = served.json(&format!("/api/v1/images?reference=coredns{query}")).await;
        counts.push((page["items"].as_array().unwrap().len(), page["total"].as_u64().unwrap()));
    }
    assert_eq!(counts, [(100, 150), (50, 150), (5, 150), (100, 150), (0, 150)]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_hangs_is_not_healthy() {
    let (asked, _kept) = mpsc::channel(8);
    let daemon = Daemon {
        asked,
        turn_time: Duration::from_secs(10),
    };
    let error = daemon.status().await.unwrap_err();
    assert!(error.to_string().contains("has not come around"), "{error}");
}

#[tokio::test]
async fn a_loop_that_ended_is_told_as_stopping() {
    let (asked, requests) = mpsc::channel(8);
    drop(requests);
    let daemon = Daemon {
        asked,
        turn_time: Duration::from_secs(10),
    };
    assert_eq!(daemon.status().await.unwrap_err(), super::AskError::Stopping);
}

#[tokio::test]
async fn enormous_and_endless_requests_are_refused() {
    let turning = turning();
    let limits = ServeLimits {
        head_time: Duration::from_millis(50),
        ..ServeLimits::default()
    };
    let served = over_address(&turning.daemon, Some("s3cret"), limits).await;
    let large = json!({"reason": "x".repeat(1 << 20)});
    let (code, _) = served.post("/api/v1/pause", &large, Some("s3cret")).await;
    assert_eq!(code, StatusCode::PAYLOAD_TOO_LARGE);
    let address = served.base.trim_start_matches("http://").to_owned();
    for garbage in [
        format!("GET /{} HTTP/1.1\r\n", "x".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(1_000)),
        // Headers that never end.
        "GET /healthz HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "\u{0}\u{1}garbage\r\n\r\n".to_owned(),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        // It may be refused before all of it was sent.
        let _ = stream.write_all(garbage.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(served.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_stop_ends_serving() {
    let folder = tempfile::tempdir().unwrap();
    let turning = turning();
    let served = over_socket(&turning.daemon, folder.path());
    assert_eq!(served.get("/healthz").await.0, StatusCode::OK);
    served.stop.cancel();
    served.serving.await.unwrap();
    assert!(!folder.path().join("landfall.sock").exists());
}

#[tokio::test]
async fn people_who_ask_for_text_get_text() {
    let folder = tempfile::tempdir().unwrap();
    let turning = turning();
    let served = over_socket(&turning.daemon, folder.path());
    let answer = served
        .client
        .get("http://landfall/api/v1/status")
        .header("accept", "text/plain")
        .send();
    let text = answer.await.unwrap().text().await.unwrap();
    assert!(text.starts_with("Not as desired"), "{text}");
}
