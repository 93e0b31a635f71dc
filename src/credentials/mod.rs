//! Where credentials for registries and Git hosts come from: files, variables, other programs' logins, credential helpers, and the
//! ambient identity that a platform gives to what runs on it.

mod ambient;
mod aws;
mod azure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod git;
mod git_helper;
mod github;
mod github_app;
mod google;
mod helper;
mod json_web_token;
mod kept;
mod program;
mod service;
mod sources;
mod stored;

pub use git::{GitCredentials, GitLogins};
pub use program::HelperLimits;
pub use sources::Sources;
