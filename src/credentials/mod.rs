//! Where credentials for registries come from: files, variables, other programs' logins, credential helpers, and the
//! ambient identity that a platform gives to what runs on it.

mod ambient;
mod aws;
mod azure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod github;
mod google;
mod helper;
mod json_web_token;
mod kept;
mod service;
mod sources;
mod stored;

pub use helper::HelperLimits;
pub use sources::Sources;
