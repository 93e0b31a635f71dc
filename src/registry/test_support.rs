//! What the tests of this module share.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;

use super::{Credentials, HttpRegistries, PrefixOptions, RegistryOptions, Secret};
use crate::http::test_server::{TestServer, answer};
use crate::http::{ClientOptions, RetryPolicy};
use crate::model::{Descriptor, Digest, Repository};

/// Options to reach this server by plain HTTP, quick to repeat.
pub(super) fn options(server: &TestServer) -> RegistryOptions {
    let mut prefix = PrefixOptions::new(server.address.to_string().parse().unwrap());
    prefix.plain_http = true;
    RegistryOptions {
        prefixes: vec![prefix],
        client: ClientOptions {
            retries: RetryPolicy {
                attempts: 2,
                pause: Duration::from_millis(1),
                refusals: 0,
                ..RetryPolicy::default()
            },
            environment_proxy: false,
            ..ClientOptions::default()
        },
        ..RegistryOptions::default()
    }
}

pub(super) fn registries(server: &TestServer) -> HttpRegistries {
    HttpRegistries::new(options(server)).unwrap()
}

/// The same, with a user name and a password for reading and writing.
pub(super) fn with_password(server: &TestServer, password: &str) -> HttpRegistries {
    let mut options = options(server);
    options.prefixes[0].write = Some(Arc::new(basic(password)));
    HttpRegistries::new(options).unwrap()
}

pub(super) fn basic(password: &str) -> Credentials {
    Credentials::Basic {
        username: "robot".to_owned(),
        password: Secret::new(password),
    }
}

/// The repository `team/app` at this server.
pub(super) fn repository(server: &TestServer) -> Repository {
    format!("{}/team/app", server.address).parse().unwrap()
}

/// An error as registries give it.
pub(super) fn refusal(status: u16, code: &str) -> Response {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"said by the registry"}}]}}"#);
    answer(status, &[("content-type", "application/json")], body)
}

pub(super) fn blob(bytes: &[u8]) -> Descriptor {
    serde_json::from_value(serde_json::json!({
        "mediaType": "application/octet-stream", "digest": Digest::of(bytes), "size": bytes.len(),
    }))
    .unwrap()
}
