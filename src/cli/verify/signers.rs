//! Whose signatures are asked for, as cosign's flags say it.

use std::path::{Path, PathBuf};

use miette::{Report, miette};

use crate::trust::judging::AcceptedSigner;
use crate::trust::{IdentityPattern, PublicKey, TextPattern};

#[derive(Debug, Default, clap::Args)]
pub(super) struct SignerArguments {
    /// A public key's file; of several, any one counts
    #[arg(long = "key", value_name = "FILE", conflicts_with_all = [
        "certificate_identity", "certificate_identity_regexp", "certificate_oidc_issuer", "certificate_oidc_issuer_regexp",
    ])]
    pub keys: Vec<PathBuf>,

    /// The identity that the certificate must be for
    #[arg(long, value_name = "IDENTITY", conflicts_with = "certificate_identity_regexp")]
    pub certificate_identity: Option<String>,

    /// A regular expression that must hold somewhere in the identity: write ^ and $ where it is to be the whole
    #[arg(long, value_name = "EXPRESSION")]
    pub certificate_identity_regexp: Option<String>,

    /// Who must have vouched for the identity, such as <https://token.actions.githubusercontent.com>
    #[arg(long, value_name = "URL", conflicts_with = "certificate_oidc_issuer_regexp")]
    pub certificate_oidc_issuer: Option<String>,

    /// A regular expression that must hold somewhere in the issuer
    #[arg(long, value_name = "EXPRESSION")]
    pub certificate_oidc_issuer_regexp: Option<String>,
}

impl SignerArguments {
    pub(super) fn open(&self) -> Result<Vec<AcceptedSigner>, Report> {
        let subject = pattern(
            self.certificate_identity.as_deref(),
            self.certificate_identity_regexp.as_deref(),
            "--certificate-identity-regexp",
        )?;
        let issuer = pattern(
            self.certificate_oidc_issuer.as_deref(),
            self.certificate_oidc_issuer_regexp.as_deref(),
            "--certificate-oidc-issuer-regexp",
        )?;
        match (subject, issuer) {
            (Some(subject), Some(issuer)) => Ok(vec![AcceptedSigner::Certificate(IdentityPattern { subject, issuer })]),
            (None, None) if !self.keys.is_empty() => self.keys.iter().map(|path| key(path)).collect(),
            (None, None) => Err(miette!(
                help = "give --key FILE, or --certificate-identity IDENTITY with --certificate-oidc-issuer URL",
                "whose signature counts was not said"
            )),
            _ => Err(miette!(
                help = "anybody can have an issuer of their own say what they like: give both",
                "an identity counts together with its issuer only"
            )),
        }
    }
}

fn pattern(exact: Option<&str>, expression: Option<&str>, flag: &str) -> Result<Option<TextPattern>, Report> {
    match (exact, expression) {
        (Some(""), _) | (_, Some("")) => Err(miette!("an empty identity or issuer would be anybody's")),
        (Some(exact), _) => Ok(Some(TextPattern::Exact(exact.to_owned()))),
        (None, Some(expression)) => {
            let pattern = TextPattern::expression(expression).map_err(|error| miette!("{flag}: {error}"))?;
            if pattern.is_open() {
                tracing::warn!(
                    flag,
                    expression,
                    "holds for whatever contains it: write ^ in front and $ behind"
                );
            }
            Ok(Some(pattern))
        }
        (None, None) => Ok(None),
    }
}

fn key(path: &Path) -> Result<AcceptedSigner, Report> {
    let bytes = std::fs::read(path).map_err(|error| {
        miette!(
            help = "a key in a KMS is exported first: `cosign public-key --key URI`",
            "{} cannot be read: {error}",
            path.display()
        )
    })?;
    let key = PublicKey::from_pem(&bytes).map_err(|error| miette!("{}: {error}", path.display()))?;
    Ok(AcceptedSigner::Key(key))
}
