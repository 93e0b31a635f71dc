//! Amazon ECR, private and public: `GetAuthorizationToken` with the credentials of the environment, pod or machine.

mod identity;
mod registry;
mod signature;
mod token;

pub(super) use token::login;
