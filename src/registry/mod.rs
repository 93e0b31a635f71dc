//! One registry's protocol (OCI distribution specification 1.1): auth, blobs, manifests, tags, referrers, typed errors.

mod access;
mod auth;
mod blobs;
mod catalog;
mod chunking;
mod classify;
mod client;
mod credentials;
mod deletes;
mod envelope;
mod error;
mod exchange;
#[cfg(fuzzing)]
pub mod fuzzing;
mod link;
mod manifests;
mod options;
mod pages;
mod probe;
mod protocol;
mod referrers;
mod resumed;
mod rewindable;
mod sessions;
mod tags;
#[cfg(test)]
mod test_support;
mod transmission;
mod upload_session;
mod uploads;
mod verified;

pub use catalog::Catalog;
pub use client::HttpRegistries;
pub use credentials::{
    Anonymous, CredentialSource, Credentials, CredentialsFuture, IDENTITY_USER, RefusedFuture, Secret,
};
pub use error::{ErrorKind, RegistryError};
pub use options::{OptionsError, PrefixOptions, RegistryOptions, UploadManner};
pub use probe::{Granted, Greeting};
pub use protocol::{
    BlobStream, FetchedManifest, ManifestAt, Mount, Pushed, Referrers, Registry, Removal, Replaced, WritableRegistry,
};
