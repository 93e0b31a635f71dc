//! The client against a server that counts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::http::test_server::{TestServer, answer};
use crate::http::{ClientOptions, Home, HttpClient, Line, Request, Retries, Timeouts, Trust};

/// Requests a second that the server allows; it saves up a second's worth.
const ALLOWED: f64 = 40.0;
const WARM_UP: Duration = Duration::from_secs(45);
const END: Duration = Duration::from_secs(105);

struct Bucket {
    tokens: f64,
    at: Instant,
    /// Served and refused since the warm-up.
    served: f64,
    refused: f64,
}

impl Bucket {
    fn admits(&mut self, now: Instant, began: Instant) -> bool {
        self.tokens = (self.tokens + (now - self.at).as_secs_f64() * ALLOWED).min(ALLOWED);
        self.at = now;
        let admitted = self.tokens >= 1.0;
        if admitted {
            self.tokens -= 1.0;
        }
        if now - began >= WARM_UP {
            *if admitted { &mut self.served } else { &mut self.refused } += 1.0;
        }
        admitted
    }
}

fn client() -> HttpClient {
    // Time runs ahead whenever everybody waits, for sockets too.
    let long = Duration::from_secs(3600);
    HttpClient::new(ClientOptions {
        timeouts: Timeouts {
            connect: long,
            head: long,
            idle: long,
            body: long,
            commit: long,
            ..Timeouts::default()
        },
        environment_proxy: false,
        ..ClientOptions::default()
    })
}

fn home(server: &TestServer) -> Home {
    Home {
        url: Url::parse(&server.url("/")).unwrap(),
        trust: Trust::default(),
    }
}

async fn settled_use(retry_after: Option<&'static str>) -> (f64, f64) {
    let began = Instant::now();
    let bucket = Arc::new(Mutex::new(Bucket {
        tokens: ALLOWED,
        at: began,
        served: 0.0,
        refused: 0.0,
    }));
    let counted = Arc::clone(&bucket);
    let server = TestServer::start(move |_| {
        let bucket = Arc::clone(&counted);
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            match (bucket.lock().unwrap().admits(Instant::now(), began), retry_after) {
                (true, _) => answer(200, &[], ""),
                (false, None) => answer(429, &[], ""),
                (false, Some(seconds)) => answer(429, &[("retry-after", seconds)], ""),
            }
        }
    })
    .await;
    let (client, home) = (client(), home(&server));
    let workers = (0..50_u64).map(|number| {
        let (client, home) = (&client, &home);
        async move {
            while began.elapsed() < END {
                let method = if number % 3 == 0 { Method::PUT } else { Method::GET };
                let mut request = Request::new(method, home.url.clone(), home);
                request.line = Line::of(&(number % 7));
                let mut retries = Retries::of_refusals(&client.options().retries);
                let _ = client.fetch(&request, 1024, &mut retries).await.unwrap();
            }
        }
    });
    join_all(workers).await;
    let bucket = bucket.lock().unwrap();
    let time = (END - WARM_UP).as_secs_f64();
    (
        bucket.served / (ALLOWED * time),
        bucket.refused / (bucket.served + bucket.refused),
    )
}

#[tokio::test(start_paused = true)]
async fn nine_tenths_of_what_a_server_allows_are_used_and_few_requests_refused() {
    for retry_after in [None, Some("1")] {
        let (used, refused) = settled_use(retry_after).await;
        assert!(used >= 0.9, "{retry_after:?}: used {used}");
        assert!(refused <= 0.02, "{retry_after:?}: refused {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_sent_again_when_its_time_has_come() {
    for (method, status, repeated) in [
        (Method::GET, 429, true),
        (Method::PUT, 429, true),
        (Method::GET, 503, true),
        (Method::PUT, 503, false),
    ] {
        let first = Arc::new(Mutex::new(true));
        let server = TestServer::start(move |_| {
            let refuse = std::mem::take(&mut *first.lock().unwrap());
            async move {
                match refuse {
                    true => answer(status, &[("retry-after", "9")], ""),
                    false => answer(200, &[], ""),
                }
            }
        })
        .await;
        let (client, home) = (client(), home(&server));
        let mut request = Request::new(method.clone(), home.url.clone(), &home);
        request.body = "body".into();
        let began = Instant::now();
        let mut retries = match method {
            Method::GET => Retries::new(&client.options().retries),
            _ => Retries::of_refusals(&client.options().retries),
        };
        let reply = client.fetch(&request, 1024, &mut retries).await.unwrap();
        assert_eq!(reply.status == StatusCode::OK, repeated, "{method} {status}");
        assert_eq!(began.elapsed() >= Duration::from_secs(9), repeated);
        if repeated && method == Method::PUT {
            assert_eq!(server.received()[1].body, "body");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_wants_to_be_left_alone_for_long_is() {
    let server = TestServer::start(|_| async { answer(429, &[("retry-after", "600")], "") }).await;
    let (client, home) = (client(), home(&server));
    let request = Request::new(Method::GET, home.url.clone(), &home);
    let mut retries = Retries::new(&client.options().retries);
    let answered = client.fetch(&request, 1024, &mut retries).await.unwrap();
    assert_eq!(answered.status, StatusCode::TOO_MANY_REQUESTS);
    let error = client.fetch(&request, 1024, &mut retries).await.unwrap_err();
    assert_eq!(error.kind, crate::http::HttpErrorKind::Throttled);
    assert!(
        error.retry_after.is_some_and(|wait| wait > Duration::from_secs(500)),
        "{error:?}"
    );
    assert_eq!(server.received().len(), 1);
}
