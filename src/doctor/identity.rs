//! As whom landfall comes: which credentials, from where, and what the token server makes of them. Never a secret.

use super::examination::{Check, Outcome};
use crate::config::{Config, Credential, RegistrySettings, SecretSource};
use crate::credentials::Sources;
use crate::model::{Prefix, Repository};
use crate::registry::{Granted, RegistryError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Reading,
    Writing,
}

impl Purpose {
    const fn topic(self) -> &'static str {
        match self {
            Self::Reading => "reading as",
            Self::Writing => "writing as",
        }
    }
}

/// The credentials that are shown for this repository.
pub async fn credentials(config: &Config, sources: &Sources, repository: &Repository, purpose: Purpose) -> Check {
    let settings = config.registry(repository);
    let silent = settings.is_none_or(|settings| settings.read.is_none() && settings.write.is_none());
    if silent {
        return stored(sources, repository, purpose).await;
    }
    let chosen = settings.and_then(|settings| match purpose {
        Purpose::Reading => settings.read.as_ref().or(settings.write.as_ref()),
        Purpose::Writing => settings.write.as_ref(),
    });
    let (Some(settings), Some(credential)) = (settings, chosen) else {
        return Check::new(
            purpose.topic(),
            Outcome::Note,
            format!("nobody: the configuration has credentials for reading `{repository}`, and none for writing"),
        );
    };
    let file = config
        .file
        .as_ref()
        .map_or_else(|| "config.toml".into(), |file| file.display().to_string());
    let text = format!(
        "{}; [registries.\"{}\"] in {file}",
        described(credential),
        made_by(config, settings)
    );
    Check::new(purpose.topic(), Outcome::Fine, text)
}

async fn stored(sources: &Sources, repository: &Repository, purpose: Purpose) -> Check {
    let place = Prefix::below(repository.clone());
    match sources.stored_login(&place).await {
        Ok(Some((file, user))) => {
            let user = user.map_or_else(|| "a token".to_owned(), |user| format!("user `{user}`"));
            let text = format!("{user}; the login stored in {}", file.display());
            Check::new(purpose.topic(), Outcome::Fine, text)
        }
        Ok(None) => {
            let text = "nobody: no credentials are configured, and no login is stored";
            Check::new(purpose.topic(), Outcome::Note, text)
        }
        Err(message) => Check::new(purpose.topic(), Outcome::Attention, message),
    }
}

/// The shortest prefix with these credentials: longer ones inherit them.
fn made_by<'a>(config: &'a Config, settings: &'a RegistrySettings) -> &'a Prefix {
    config
        .registries
        .iter()
        .rev()
        .filter(|other| other.prefix.contains_prefix(&settings.prefix))
        .take_while(|other| (&other.read, &other.write) == (&settings.read, &settings.write))
        .last()
        .map_or(&settings.prefix, |other| &other.prefix)
}

fn described(credential: &Credential) -> String {
    match credential {
        Credential::Anonymous => "nobody, as configured (`anonymous = true`)".to_owned(),
        Credential::Basic { username, password } => format!("user `{username}`, password in {}", kept(password)),
        Credential::Token(token) => format!("a token in {}", kept(token)),
        Credential::IdentityToken(token) => format!("an identity token in {}", kept(token)),
        Credential::Helper(helper) => format!("what {} tells", helper.program()),
        Credential::Ambient(platform) => format!("this machine's identity at {platform}"),
    }
}

fn kept(source: &SecretSource) -> String {
    match source {
        SecretSource::File(file) => file.display().to_string(),
        SecretSource::Variable(name) => format!("${name}"),
    }
}

/// What the token server grants; nothing is said where there are no tokens.
pub fn token(granted: Result<Granted, RegistryError>, purpose: Purpose) -> Option<Check> {
    let topic = match purpose {
        Purpose::Reading => "read token",
        Purpose::Writing => "write token",
    };
    Some(match granted {
        Ok(Granted::NoToken) => return None,
        Ok(Granted::Opaque { asked }) => {
            let text = format!(
                "given for {}; only the registry can read what it allows",
                asked.join(" ")
            );
            Check::new(topic, Outcome::Note, text)
        }
        Ok(Granted::Scopes { asked, granted }) => {
            let missing: Vec<&String> = asked.iter().filter(|scope| !covers(&granted, scope)).collect();
            if missing.is_empty() {
                Check::new(topic, Outcome::Fine, format!("grants {}", granted.join(" ")))
            } else {
                let granted = if granted.is_empty() {
                    "nothing".to_owned()
                } else {
                    granted.join(" ")
                };
                let text = format!("grants {granted}, and {} was asked for", asked.join(" "));
                let outcome = if purpose == Purpose::Reading {
                    Outcome::Note
                } else {
                    Outcome::Attention
                };
                Check::new(topic, outcome, text)
            }
        }
        Err(error) => Check::new(topic, Outcome::Refused, error.short()),
    })
}

/// Whether the scopes hold every action of `asked`.
fn covers(granted: &[String], asked: &str) -> bool {
    let Some((resource, actions)) = asked.rsplit_once(':') else {
        return false;
    };
    let held: Vec<&str> = granted
        .iter()
        .filter_map(|scope| scope.rsplit_once(':'))
        .filter(|(other, _)| *other == resource)
        .flat_map(|(_, actions)| actions.split(','))
        .collect();
    held.contains(&"*") || actions.split(',').all(|action| held.contains(&action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_grants_less_than_was_asked_for_is_pointed_out() {
        let check = |asked: &[&str], granted: &[&str]| {
            let owned = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect();
            let granted = Granted::Scopes {
                asked: owned(asked),
                granted: owned(granted),
            };
            token(Ok(granted), Purpose::Writing).unwrap()
        };
        let asked = ["repository:a/b:pull,push"];
        assert_eq!(check(&asked, &["repository:a/b:push,pull"]).outcome, Outcome::Fine);
        assert_eq!(check(&asked, &["repository:a/b:*"]).outcome, Outcome::Fine);
        let narrow = check(&asked, &["repository:a/b:pull"]);
        assert_eq!(narrow.outcome, Outcome::Attention);
        assert_eq!(
            narrow.text,
            "grants repository:a/b:pull, and repository:a/b:pull,push was asked for"
        );
        assert!(check(&asked, &[]).text.starts_with("grants nothing"));
        assert_eq!(token(Ok(Granted::NoToken), Purpose::Reading), None);
    }
}
