//! Authentication: challenges, scopes, tokens.

mod authenticator;
mod authorization;
mod bearer;
mod challenge;
mod scope;
mod token;

pub(super) use authenticator::Authenticator;
pub(super) use authorization::Authorization;
pub(super) use scope::Scopes;
