//! Landfall's client as the matrix sets it up.

use std::sync::Arc;
use std::time::Duration;

use landfall::demo::registry::Credentials as EmbeddedCredentials;
use landfall::http::{ClientOptions, RetryPolicy, Timeouts};
use landfall::model::Prefix;
use landfall::registry::{Credentials, HttpRegistries, PrefixOptions, RegistryOptions, Secret};

/// What takes longer is taken for something that does not end. Cells take seconds, on a machine at rest.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// What the embedded registries want.
pub fn embedded_credentials() -> EmbeddedCredentials {
    EmbeddedCredentials {
        user: "landfall".to_owned(),
        password: "secret".to_owned(),
    }
}

/// A client of the registries at these addresses, with credentials for those that want them.
pub fn registries(addresses: impl Iterator<Item = (String, bool)>, timeouts: Timeouts) -> HttpRegistries {
    let prefixes = addresses.map(|(address, wants_credentials)| {
        let credentials = Credentials::Basic {
            username: embedded_credentials().user,
            password: Secret::new(embedded_credentials().password),
        };
        PrefixOptions {
            plain_http: true,
            write: wants_credentials.then(|| Arc::new(credentials) as _),
            ..PrefixOptions::new(address.parse::<Prefix>().unwrap())
        }
    });
    HttpRegistries::new(RegistryOptions {
        prefixes: prefixes.collect(),
        client: ClientOptions {
            timeouts,
            retries: RetryPolicy {
                attempts: 2,
                pause: Duration::from_millis(5),
                refusals: 2,
                patience: Duration::from_secs(3),
            },
            environment_proxy: false,
            ..ClientOptions::default()
        },
        ..RegistryOptions::default()
    })
    .unwrap()
}

/// Short enough for a fault that waits to end soon.
pub fn impatient() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        head: Duration::from_millis(1_000),
        idle: Duration::from_millis(1_000),
        body: Duration::from_millis(2_000),
        commit: Duration::from_millis(1_000),
        ..Timeouts::default()
    }
}
