//! `landfall verify`: who signed an image, and whether that is who it should be.

mod json;
mod signers;
mod text;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use miette::{IntoDiagnostic as _, Report, miette};

use self::signers::SignerArguments;
use super::exit_code::Ended as _;
use super::reach::Reach;
use super::session::runtime;
use super::{Common, ExitCode, Format, WithExitCode as _};
use crate::adoption::import::reference::{self, Reference};
use crate::assembly;
use crate::gather::{GatherError, Gatherer, ImageAt, images_of};
use crate::model::{Digest, Limits, Repository};
use crate::registry::Registry;
use crate::trust::judging::{AcceptedSigner, Demand, Form, PREDICATE_NAMES, Proof, Wanted, judge, predicate_uri};
use crate::trust::{LogRule, TrustRoots};

/// Verify who signed images, or made attestations about them
///
/// As `cosign verify` and `cosign verify-attestation` do, with the same flags, for bundles that refer to an image, `.sig` and
/// `.att` tags, and signatures that refer to it. One thing is stricter: an attestation is no signature of the image.
///
/// Works without a configuration: with Docker's logins, or none. Ends with 2 where an image does not verify.
#[derive(Debug, clap::Args)]
pub struct VerifyCommand {
    /// Images: [HOST[:PORT]/]PATH[:TAG][@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,

    #[command(flatten)]
    signers: SignerArguments,

    /// Verify attestations of this type instead of signatures: a name that cosign has for it, such as slsaprovenance1 or
    /// vuln, or a URI
    #[arg(long = "type", value_name = "TYPE")]
    predicate_type: Option<String>,

    /// What the signer must have said beside; may be given several times
    #[arg(short, long = "annotations", value_name = "KEY=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,

    /// Verify the images of all platforms that an index lists, too
    #[arg(short, long)]
    recursive: bool,

    /// A trusted_root.json, for another Sigstore than the public one
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,

    /// Take signatures that no transparency log has; certificates then need a signed timestamp
    #[arg(long)]
    insecure_ignore_tlog: bool,

    /// Take certificates that no certificate log has
    #[arg(long)]
    insecure_ignore_sct: bool,

    #[command(flatten)]
    reach: Reach,
}

/// What was found out about one image.
#[derive(Debug)]
struct Judged {
    repository: Repository,
    image: ImageAt,
    proofs: Vec<(Form, Digest, Proof)>,
    /// What stands there and proves nothing, and why.
    refused: Vec<(Form, Digest, String)>,
}

impl Judged {
    fn is_verified(&self) -> bool {
        !self.proofs.is_empty()
    }
}

/// Where, what and how to verify.
struct Verification<'a, R> {
    registries: &'a R,
    limits: &'a Limits,
    wanted: Wanted,
    signers: Vec<AcceptedSigner>,
    roots: Option<TrustRoots>,
    log: LogRule,
    annotations: BTreeMap<String, String>,
    recursive: bool,
}

impl VerifyCommand {
    /// [`ExitCode::Differences`] where an image does not verify.
    ///
    /// # Errors
    /// What cannot be read, or is no image, key, identity or trust root.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let images = self
            .images
            .iter()
            .map(|text| reference::parse(text).map_err(|reason| miette!("`{text}` names no image: {reason}")));
        let images = images
            .collect::<Result<Vec<_>, Report>>()
            .with_exit_code(ExitCode::Invalid)?;
        let registries: Vec<_> = images.iter().map(|image| &image.repository.registry).collect();
        let config = self.reach.configuration(common, &registries)?;
        let log = LogRule {
            signature: !self.insecure_ignore_tlog,
            certificate: !self.insecure_ignore_sct,
        };
        let signers = self.signers.open().with_exit_code(ExitCode::Invalid)?;
        let roots = self.roots(&signers, log).with_exit_code(ExitCode::Invalid)?;
        let reachable = assembly::registries(&config).ended()?;
        let verification = Verification {
            registries: &reachable,
            limits: &config.limits,
            wanted: self.wanted().with_exit_code(ExitCode::Invalid)?,
            signers,
            roots,
            log,
            annotations: self.annotations.iter().cloned().collect(),
            recursive: self.recursive,
        };
        let judged = runtime()?.block_on(async {
            let mut judged = Vec::new();
            for image in &images {
                judged.extend(verification.judge(image).await?);
            }
            Ok::<_, GatherError>(judged)
        });
        let judged = judged.ended()?;
        match common.format {
            Format::Text => text::write(&judged, &verification.wanted, output),
            Format::Json => json::write(&judged, &verification.wanted, output),
        }
        .into_diagnostic()?;
        Ok(if judged.iter().all(Judged::is_verified) {
            ExitCode::AsDesired
        } else {
            ExitCode::Differences
        })
    }

    fn wanted(&self) -> Result<Wanted, Report> {
        let Some(text) = &self.predicate_type else {
            return Ok(Wanted::Signature);
        };
        let names: Vec<&str> = PREDICATE_NAMES.iter().map(|(name, _)| *name).collect();
        let uri = predicate_uri(text).ok_or_else(|| {
            miette!(
                help = format!("the names are {}; anything else is a URI", names.join(", ")),
                "`{text}` is no predicate type"
            )
        })?;
        Ok(Wanted::Attestation(uri.to_owned()))
    }

    /// Needed where a certificate or a log is to be judged.
    fn roots(&self, signers: &[AcceptedSigner], log: LogRule) -> Result<Option<TrustRoots>, Report> {
        if let Some(path) = &self.trusted_root {
            let bytes = std::fs::read(path).map_err(|error| miette!("{} cannot be read: {error}", path.display()))?;
            let roots = TrustRoots::from_json(&bytes).map_err(|error| miette!("{}: {error}", path.display()))?;
            return Ok(Some(roots));
        }
        let needed = log.signature
            || signers
                .iter()
                .any(|signer| matches!(signer, AcceptedSigner::Certificate(_)));
        needed.then(TrustRoots::public_sigstore).transpose().into_diagnostic()
    }
}

impl<R: Registry> Verification<'_, R> {
    async fn judge(&self, image: &Reference) -> Result<Vec<Judged>, GatherError> {
        let Reference {
            repository,
            tag,
            digest,
        } = image;
        let images = images_of(
            self.registries,
            repository,
            tag.as_ref(),
            digest.as_ref(),
            self.recursive,
            self.limits,
        );
        let gatherer = Gatherer {
            registry: self.registries,
            repository,
            limits: self.limits,
        };
        let mut judged = Vec::new();
        for image in images.await? {
            let gathered = gatherer.gather(&image.digest, &self.wanted).await?;
            let demand = Demand {
                image: image.digest,
                wanted: self.wanted.clone(),
                signers: &self.signers,
                roots: self.roots.as_ref(),
                log: self.log,
                annotations: &self.annotations,
            };
            let (mut proofs, mut refused) = (Vec::new(), Vec::new());
            for found in &gathered.found {
                match judge(found, &demand) {
                    Ok(proof) => proofs.push((found.form, found.digest, proof)),
                    Err(error) => refused.push((found.form, found.digest, error.to_string())),
                }
            }
            let unread = gathered.passed_over.into_iter();
            refused.extend(unread.map(|passed| (passed.form, passed.digest, passed.why)));
            judged.push(Judged {
                repository: repository.clone(),
                image,
                proofs,
                refused,
            });
        }
        Ok(judged)
    }
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests;
