//! Authentication: challenges, scopes, tokens.

mod authenticator;
mod authorization;
mod bearer;
mod challenge;
mod scope;
mod token;

pub(super) use authenticator::Authenticator;
pub(super) use authorization::Authorization;
#[cfg(fuzzing)]
pub(super) use challenge::challenges;
pub(super) use challenge::is_too_narrow;
pub(super) use scope::Scopes;
#[cfg(fuzzing)]
pub(super) use token::Token;
