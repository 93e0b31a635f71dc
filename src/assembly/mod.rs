//! The composition root: from the configuration to registries, signers, memory and a reconciler of the world outside.
//!
//! Whatever reaches a registry from here passes [`AllowedRegistries`], which keeps `allow-reads` and `allow-writes`.

mod allowed_registries;
mod error;
mod known_registries;
mod registries;
mod repository;
mod session;
mod signers;
mod writes;

pub use allowed_registries::AllowedRegistries;
pub use error::AssemblyError;
pub use known_registries::KnownRegistries;
pub use registries::registries;
pub use repository::{Opening, repository};
pub use session::{CACHE_BYTES, RealWorld, Session};
pub use signers::signers;
pub use writes::{WritesRefused, claims_refused, writes_refused};
