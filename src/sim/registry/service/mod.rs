//! What a registry does when asked: the OCI distribution specification over the store, without its HTTP. Requests are
//! counted and writes are recorded as a client's, whichever transport brought them.

mod blobs;
mod lists;
mod manifests;
mod refusals;
mod registries;
#[cfg(test)]
mod test_support;

pub(super) use lists::describe;
pub use manifests::{Accepted, Head};
pub use registries::Service;
