//! The embedded registry, judged by an independent client and by the specification's status codes.

mod client;
mod protocol;

use bytes::Bytes;
use futures_util::StreamExt;
use landfall::demo::registry::{Access, Credentials, EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{Digest, Repository, media_type};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::{Behaviour, Operation, WriteKind};
use oci_client::client::{BlobResponse, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use reqwest::{Method, StatusCode};

const NAME: &str = "team/app";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

async fn start(options: EmbeddedOptions) -> EmbeddedRegistry {
    EmbeddedRegistry::start(options).await.unwrap()
}

fn repository(registry: &EmbeddedRegistry, path: &str) -> Repository {
    Repository::new(registry.registry().clone(), path.parse().unwrap())
}

fn reference(registry: &EmbeddedRegistry, tag: &str) -> Reference {
    format!("{}/{NAME}:{tag}", registry.registry()).parse().unwrap()
}

fn independent_client(use_monolithic_push: bool) -> Client {
    Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        use_monolithic_push,
        ..ClientConfig::default()
    })
}

fn credentials() -> Credentials {
    Credentials {
        user: "ci".into(),
        password: "secret".into(),
    }
}

fn layers() -> [ImageLayer; 2] {
    [vec![1; 3_000], vec![2; 10]].map(|content| ImageLayer::new(content, LAYER.into(), None))
}

async fn push(client: &Client, to: &Reference, auth: &RegistryAuth) -> Result<String, String> {
    let config = Config::oci_v1(b"{}".to_vec(), None);
    let pushed = client
        .push(to, &layers(), config, auth, None)
        .await
        .map_err(|error| error.to_string())?;
    Ok(pushed.manifest_url)
}

async fn pull(client: &Client, from: &Reference, auth: &RegistryAuth) -> Result<Vec<Bytes>, String> {
    let pulled = client
        .pull(from, auth, vec![LAYER])
        .await
        .map_err(|error| error.to_string())?;
    Ok(pulled.layers.into_iter().map(|layer| layer.data).collect())
}

/// An image with an SBOM referrer under `v1`.
fn prepared(registry: &EmbeddedRegistry) -> (Image, Image) {
    let here = repository(registry, NAME);
    let image = ImageRecipe::multi(2).make(Seed(1));
    let sbom = image.sbom_referrer();
    image.push(registry.store(), &here);
    sbom.push(registry.store(), &here);
    registry.store().set_tag(&here, &"v1".parse().unwrap(), image.root());
    (image, sbom)
}

/// Requests as the specification writes them, without a client's cleverness.
struct Raw<'a> {
    client: reqwest::Client,
    registry: &'a EmbeddedRegistry,
}

impl<'a> Raw<'a> {
    fn new(registry: &'a EmbeddedRegistry) -> Self {
        Self {
            client: reqwest::Client::new(),
            registry,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Response {
        let url = format!("http://{}{path}", self.registry.address());
        let mut request = self.client.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.send(Method::GET, path, &[], "").await
    }

    async fn code(&self, method: Method, path: &str) -> (u16, String) {
        let answer = self.send(method, path, &[], "").await;
        let status = answer.status().as_u16();
        let envelope: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        (
            status,
            envelope["errors"][0]["code"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    answer
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_token_for_one_repository_opens_no_other() {
    let access = Access::Bearer {
        credentials: credentials(),
        anonymous_pull: false,
    };
    let registry = start(EmbeddedOptions {
        access,
        ..EmbeddedOptions::default()
    })
    .await;
    prepared(&registry);
    let raw = Raw::new(&registry);
    let refused = raw.get("/v2/team/app/tags/list").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let address = registry.address();
    assert_eq!(
        header(&refused, "www-authenticate"),
        format!(r#"Bearer realm="http://{address}/token",service="{address}",scope="repository:team/app:pull""#)
    );
    let basic = [("Authorization", "Basic Y2k6c2VjcmV0")];
    let issued = raw
        .send(Method::GET, "/token?scope=repository:team/app:pull", &basic, "")
        .await;
    let body: serde_json::Value = serde_json::from_slice(&issued.bytes().await.unwrap()).unwrap();
    let bearer = format!("Bearer {}", body["token"].as_str().unwrap());
    let with_token = [("Authorization", bearer.as_str())];
    let list = |path: &'static str| raw.send(Method::GET, path, &with_token, "");
    assert_eq!(list("/v2/team/app/tags/list").await.status(), StatusCode::OK);
    let other = list("/v2/team/other/tags/list").await;
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);
    assert!(header(&other, "www-authenticate").contains("insufficient_scope"));
    let upload = raw
        .send(Method::POST, "/v2/team/app/blobs/uploads/", &with_token, "")
        .await;
    assert_eq!(upload.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(registry.token_requests(), 1);
}

#[tokio::test]
async fn a_registry_that_was_shut_down_answers_no_more_and_its_address_is_free() {
    let registry = start(EmbeddedOptions::default()).await;
    let (address, store) = (registry.address(), registry.store().clone());
    registry.shutdown().await;
    assert!(reqwest::get(format!("http://{address}/v2/")).await.is_err());
    let again = start(EmbeddedOptions {
        address,
        store,
        ..EmbeddedOptions::default()
    })
    .await;
    assert_eq!(again.address(), address);
}
