//! Logins that Docker and podman stored.

mod file;
mod logins;

#[cfg(fuzzing)]
pub(super) use file::LoginFile;
pub(super) use logins::{StoredLogins, server};
