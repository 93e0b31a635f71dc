use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;

use super::*;
use crate::http::options::{Concurrency, RetryPolicy, Timeouts};
use crate::http::test_server::{TestServer, alpn_server, answer, raw_server, tls_server};
use crate::http::{CertificateFiles, ClientCertificate, Home, LeastRate};

/// A client that fails fast where a test makes it wait for ever.
fn client() -> HttpClient {
    HttpClient::new(options())
}

fn options() -> ClientOptions {
    ClientOptions {
        retries: RetryPolicy {
            attempts: 2,
            pause: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        environment_proxy: false,
        ..ClientOptions::default()
    }
}

fn home(url: &str) -> Home {
    Home {
        url: Url::parse(url).unwrap(),
        trust: Trust::default(),
    }
}

/// Trust in the authorities of a file in `testdata/tls`.
fn authorities(file: &str) -> TrustOptions {
    let certificates = CertificateFiles {
        authorities: Some(tls(file)),
        client: None,
    };
    TrustOptions {
        certificates,
        ..TrustOptions::default()
    }
}

fn tls(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata/tls", file].iter().collect()
}

async fn send(client: &HttpClient, method: Method, url: &str, limit: usize) -> Result<Reply, HttpError> {
    let home = home(url);
    let mut request = Request::new(method, home.url.clone(), &home);
    request.authorization = Some(HeaderValue::from_static("Basic c2VjcmV0"));
    let mut retries = Retries::new(&client.options().retries);
    client.fetch(&request, limit, &mut retries).await
}

async fn get(client: &HttpClient, url: &str) -> Result<Reply, HttpError> {
    send(client, Method::GET, url, 1024).await
}

fn kind(result: Result<Reply, HttpError>) -> HttpErrorKind {
    result.unwrap_err().kind
}

#[tokio::test]
async fn authorization_goes_with_redirects_on_the_same_host_and_to_no_other() {
    let storage = TestServer::start(|_| async { answer(200, &[], "blob") }).await;
    let elsewhere = storage.url("/blob?signature=secret");
    let registry = TestServer::start(move |request| {
        let elsewhere = elsewhere.clone();
        async move {
            match request.path.as_str() {
                "/a" => answer(307, &[("location", "/b")], ""),
                _ => answer(302, &[("location", &elsewhere)], ""),
            }
        }
    })
    .await;
    let reply = get(&client(), &registry.url("/a")).await.unwrap();
    assert_eq!(
        (reply.status, reply.elsewhere, &reply.bytes[..]),
        (StatusCode::OK, true, &b"blob"[..])
    );
    assert!(
        registry
            .received()
            .iter()
            .all(|request| request.header("authorization").is_some())
    );
    assert_eq!(storage.received()[0].header("authorization"), None);
    assert_eq!(storage.received()[0].query, "signature=secret");
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = TestServer::start(|_| async { answer(307, &[("location", "/again")], "") }).await;
    assert_eq!(kind(get(&client(), &server.url("/")).await), HttpErrorKind::NotAllowed);
    assert_eq!(server.received().len(), 1 + MAX_REDIRECTS);
}

#[tokio::test]
async fn a_redirect_into_another_network_is_refused_before_anything_is_sent() {
    for target in [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://[fe80::1]/",
    ] {
        let server = TestServer::start(move |_| async move { answer(307, &[("location", target)], "") }).await;
        let error = get(&client(), &server.url("/")).await.unwrap_err();
        assert_eq!(error.kind, HttpErrorKind::NotAllowed);
        assert!(error.message.contains("is not itself in that network"), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_resolves_into_another_network_is_refused_when_connecting() {
    let server = TestServer::start(|_| async { answer(200, &[], "") }).await;
    let home = home("https://1.1.1.1/");
    let url = format!("http://localhost:{}/", server.address.port());
    let request = Request::new(Method::GET, Url::parse(&url).unwrap(), &home);
    let error = client().open(&request, &mut Retries::none()).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::NotAllowed, "{error}");
    assert!(error.message.contains("`localhost`, a loopback address"), "{error}");
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn writes_are_neither_redirected_nor_repeated() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/moved" => answer(307, &[("location", "/here")], ""),
            _ => answer(503, &[], ""),
        }
    })
    .await;
    for path in ["/moved", "/down"] {
        send(&client(), Method::PUT, &server.url(path), 1024).await.unwrap();
    }
    assert_eq!(server.lines(), ["PUT /moved", "PUT /down"]);
    let down = raw_server(b"").await;
    let result = send(&client(), Method::PUT, &format!("http://{down}/"), 1024).await;
    assert_eq!(kind(result), HttpErrorKind::Interrupted);
}

#[tokio::test]
async fn reads_are_repeated_twice_unless_the_server_names_a_time_that_is_far() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/later" => answer(503, &[("retry-after", "61")], ""),
            _ => answer(502, &[], ""),
        }
    })
    .await;
    assert_eq!(
        get(&client(), &server.url("/gone")).await.unwrap().status,
        StatusCode::BAD_GATEWAY
    );
    assert_eq!(server.count("GET /gone"), 3);
    get(&client(), &server.url("/later")).await.unwrap();
    assert_eq!(server.count("GET /later"), 1);
}

#[tokio::test]
async fn no_more_than_the_limit_is_ever_read() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/announced" => answer(200, &[], vec![b'x'; 2000]),
            _ => answer(
                200,
                &[],
                Body::from_stream(stream::repeat(Ok::<_, std::convert::Infallible>("x".repeat(1000)))),
            ),
        }
    })
    .await;
    for path in ["/announced", "/endless"] {
        assert_eq!(
            kind(get(&client(), &server.url(path)).await),
            HttpErrorKind::TooLarge,
            "{path}"
        );
    }
    assert!(
        send(&client(), Method::GET, &server.url("/announced"), 2000)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_truncated_body_is_an_interruption() {
    let server = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour").await;
    assert_eq!(
        kind(get(&client(), &format!("http://{server}/")).await),
        HttpErrorKind::Interrupted
    );
}

#[tokio::test]
async fn every_wait_has_an_end() {
    let server = TestServer::start(|request| async move {
        match request.path.as_str() {
            "/head" => pending().await,
            "/trickle" => {
                let bytes = stream::repeat_with(|| Ok::<_, std::convert::Infallible>("a"));
                let bytes = bytes.then(|byte| async move {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    byte
                });
                answer(200, &[], Body::from_stream(bytes))
            }
            _ => answer(
                200,
                &[],
                Body::from_stream(
                    stream::once(async { Ok::<_, std::convert::Infallible>("a") }).chain(stream::pending()),
                ),
            ),
        }
    })
    .await;
    let short = Duration::from_millis(50);
    let timeouts = Timeouts::default();
    for (path, timeouts) in [
        (
            "/head",
            Timeouts {
                head: short,
                ..timeouts
            },
        ),
        (
            "/idle",
            Timeouts {
                idle: short,
                ..timeouts
            },
        ),
        (
            "/body",
            Timeouts {
                body: short,
                ..timeouts
            },
        ),
        (
            "/trickle",
            Timeouts {
                least_rate: LeastRate {
                    bytes_per_second: 10_000,
                    over: short,
                },
                ..timeouts
            },
        ),
    ] {
        let client = HttpClient::new(ClientOptions { timeouts, ..options() });
        assert_eq!(
            kind(get(&client, &server.url(path)).await),
            HttpErrorKind::TimedOut,
            "{path}"
        );
    }
}

#[tokio::test]
async fn errors_name_the_cause_and_no_secret() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let error = get(&client(), &format!("http://{closed}/v2/?token=hunter2"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Unreachable);
    assert!(error.message.contains("refused"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    let plain = TestServer::start(|_| async { answer(200, &[], "") }).await;
    let error = get(&client(), &format!("https://{}/", plain.address))
        .await
        .unwrap_err();
    assert!(error.message.contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn a_certificate_authority_of_ones_own_counts_where_it_is_configured() {
    let address = tls_server().await;
    let url = format!("https://localhost:{}/", address.port());
    let mut client = client();
    let error = get(&client, &url).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Unreachable);
    assert!(error.message.contains("configure the registry's CA"), "{error}");

    let trust = client.add_trust(authorities("ca.pem")).unwrap();
    let home = Home { trust, ..home(&url) };
    let request = Request::new(Method::GET, home.url.clone(), &home);
    let answer = client.open(&request, &mut Retries::none()).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

/// The digest of a certificate in a PEM file of `testdata/tls`.
fn fingerprint(file: &str) -> String {
    let block = pem::parse(std::fs::read(tls(file)).unwrap()).unwrap();
    crate::model::Digest::of(block.contents()).to_string()
}

#[tokio::test]
async fn a_clients_certificate_is_shown_at_home_and_to_no_other_and_rotated() {
    let address = tls_server().await;
    let url = format!("https://localhost:{}/", address.port());
    let folder = tempfile::TempDir::new().unwrap();
    let install = |name: &str| {
        for end in ["pem", "key"] {
            std::fs::copy(
                tls(&format!("client-{name}.{end}")),
                folder.path().join(format!("client.{end}")),
            )
            .unwrap();
        }
    };
    install("first");
    let mut client = client();
    let mut trusted = authorities("ca.pem");
    trusted.certificates.client = Some(ClientCertificate {
        certificate: folder.path().join("client.pem"),
        key: folder.path().join("client.key"),
    });
    let trust = client.add_trust(trusted).unwrap();
    let client = &client;
    let ask = async |from: &str| {
        let home = Home { trust, ..home(from) };
        let request = Request::new(Method::GET, home.url.clone(), &home);
        let reply = client.fetch(&request, 1024, &mut Retries::none()).await.unwrap();
        String::from_utf8(reply.bytes.to_vec()).unwrap()
    };
    assert_eq!(ask(&url).await, fingerprint("client-first.pem"));
    let target = url.clone();
    let elsewhere = TestServer::start(move |_| {
        let target = target.clone();
        async move { answer(307, &[("location", &target)], "") }
    })
    .await;
    assert_eq!(ask(&elsewhere.url("/")).await, "none");
    install("second");
    assert_eq!(ask(&url).await, fingerprint("client-first.pem"));
    let later = async || {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(10)).await;
        tokio::time::resume();
    };
    later().await;
    assert_eq!(ask(&url).await, fingerprint("client-second.pem"));
    // In the middle of a rotation the certificate and the key do not belong together.
    std::fs::copy(tls("client-first.pem"), folder.path().join("client.pem")).unwrap();
    later().await;
    assert_eq!(ask(&url).await, fingerprint("client-second.pem"));
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered() {
    let (address, spoken) = alpn_server().await;
    let mut client = client();
    let trust = client.add_trust(authorities("ca.pem")).unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let home = Home { trust, ..home(&url) };
    let request = Request::new(Method::GET, home.url.clone(), &home);
    // The server hangs up once it knows.
    assert!(client.open(&request, &mut Retries::none()).await.is_err());
    assert_eq!(spoken.await.unwrap().as_deref(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn an_answer_holds_its_place_until_it_is_read() {
    let server = TestServer::start(|_| async { answer(200, &[], "x") }).await;
    let concurrency = Concurrency {
        requests: 1,
        ..Concurrency::default()
    };
    let client = HttpClient::new(ClientOptions {
        concurrency,
        ..options()
    });
    let home = home(&server.url("/"));
    let request = Request::new(Method::GET, home.url.clone(), &home);
    let first = client.open(&request, &mut Retries::none()).await.unwrap();
    let mut retries = Retries::none();
    let second = client.open(&request, &mut retries);
    tokio::pin!(second);
    assert!(futures_util::poll!(&mut second).is_pending());
    first.read(10).await.unwrap();
    second.await.unwrap();
}
