//! Logins that Docker and podman stored.

mod file;
mod logins;

pub(super) use logins::{StoredLogins, server};
