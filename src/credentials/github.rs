//! GitHub's container registry: the token that a workflow has, or that whoever starts landfall gives it.

use std::time::Duration;

use super::kept::Lease;
use crate::config::Environment;
use crate::registry::{Credentials, Secret};

/// GitHub looks at the token alone; a name is needed all the same.
const ANYONE: &str = "github-actions";

/// `$GITHUB_TOKEN` as the password of `$GITHUB_ACTOR` ("Working with the Container registry").
pub(super) fn login(environment: &Environment) -> Result<Lease, String> {
    let text = |name: &str| environment.get(name).and_then(|value| value.into_string().ok());
    let token = text("GITHUB_TOKEN").ok_or(
        "GITHUB_TOKEN is not set; in a workflow, pass it: `env: { GITHUB_TOKEN: ${{ github.token }} }`, with the \
         permission `packages: write`",
    )?;
    Ok(Lease {
        credentials: Some(Credentials::Basic {
            username: text("GITHUB_ACTOR").unwrap_or_else(|| ANYONE.to_owned()),
            password: Secret::new(token),
        }),
        // Nothing is saved by keeping it.
        life: Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment::Fixed(variables.iter().map(own).collect())
    }

    fn user(variables: &[(&str, &str)]) -> String {
        match login(&environment(variables)).unwrap().credentials {
            Some(Credentials::Basic { username, password }) => format!("{username}:{}", password.expose()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_workflows_token_is_the_password_of_its_actor() {
        let both = [("GITHUB_ACTOR", "octocat"), ("GITHUB_TOKEN", "ghs_x")];
        assert_eq!(user(&both), "octocat:ghs_x");
        assert_eq!(user(&both[1..]), "github-actions:ghs_x");
        let error = login(&environment(&both[..1])).err().unwrap();
        assert!(error.contains("GITHUB_TOKEN is not set"), "{error}");
    }
}
