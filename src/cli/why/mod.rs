//! `landfall why`: one image's whole story.

mod story;
mod text;

use std::io::Write;

use miette::{IntoDiagnostic as _, Report, miette};

use self::story::{Standing, Story, stories};
use super::audit::{keys, record_is_borne_out};
use super::exit_code::Ended as _;
use super::list::asked_for;
use super::log::log_at;
use super::session::{configuration, repository, runtime};
use super::{Common, ExitCode, Format, WithExitCode as _};
use crate::assembly;
use crate::audit::compare::History;
use crate::audit::look::{Answer, Depth, Looking, OurKeys, look_at_image};
use crate::config::Config;
use crate::model::{CommitId, Desired};
use crate::registry::{ManifestAt, Registry as _};
use crate::source::{GitRepository, Source as _};

/// Tell one image's whole story: who asked for it, when, by which commit and review, and where it stands now
///
/// Reads Git, and the endpoints of the targets that ask for the image: what stands there, who signed it, what its
/// promotion record says of source, gate and commit. Shows the commands that tell the same by hand.
#[derive(Debug, clap::Args)]
pub struct WhyCommand {
    /// A public reference with a tag or digest (`…/coredns:v1`, `…/coredns@sha256:…`), without either, or a digest
    #[arg(value_name = "REF")]
    reference: String,

    /// Ask no registry: tell what Git says alone
    #[arg(long)]
    offline: bool,
}

impl WhyCommand {
    /// [`ExitCode::PartlyConverged`] where a registry could not be asked.
    ///
    /// # Errors
    /// Where Git cannot be read, or it never asked for such an image.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let config = configuration(common)?;
        let source = repository(common, &config)?.here().ended()?;
        let commit = match &common.revision {
            Some(revision) => source.resolve(revision),
            None => source.head(),
        }
        .ended()?;
        let log = log_at(&source, commit).ended()?;
        let resolved = asked_for(&source, commit)?;
        let mut stories = stories(&log, &resolved.desired, &self.reference)
            .map_err(|unknown| miette!(help = unknown.help, "{}", unknown.what))
            .with_exit_code(ExitCode::Invalid)?;
        for story in &mut stories {
            story.find_writers(&source).ended()?;
        }
        let mut code = ExitCode::AsDesired;
        if !self.offline {
            let keys = keys(&resolved.desired)?;
            let history = History::of(&log);
            for story in &mut stories {
                stand(story, &config, &source, commit, &resolved.desired, &keys, &history)?;
                if story.standing.iter().any(|standing| !standing.is_seen()) {
                    code = ExitCode::PartlyConverged;
                }
            }
        }
        match common.format {
            Format::Json => {
                let document = serde_json::json!({ "schemaVersion": 1, "commit": commit, "images": stories });
                writeln!(output, "{document:#}")
            }
            Format::Text => text::write(&stories, self.offline, output),
        }
        .into_diagnostic()?;
        Ok(code)
    }
}

/// Looks at the image wherever it is asked for.
fn stand(
    story: &mut Story,
    config: &std::sync::Arc<Config>,
    source: &GitRepository,
    commit: CommitId,
    desired: &Desired,
    keys: &OurKeys,
    history: &History,
) -> Result<(), Report> {
    let registries = assembly::registries(config).ended()?;
    let looking = Looking {
        registry: &registries,
        limits: &config.limits,
        keys,
    };
    let digest = story.digest;
    runtime()?.block_on(async {
        for claim in story.claims(desired) {
            let target = &desired.targets[claim.target];
            for endpoint in claim.endpoints.iter() {
                let endpoint = target.endpoint(endpoint);
                let place = endpoint.prefix.join(&claim.repository);
                let image = look_at_image(&looking, &place, &digest, Depth::Manifests).await;
                let mut tags = Vec::new();
                for tag in &claim.tags {
                    let answer = match registries.head_manifest(&place, ManifestAt::Tag(tag)).await {
                        Ok(digest) => Answer::Seen(digest),
                        Err(error) => Answer::NotSeen(error.to_string().into()),
                    };
                    tags.push((tag.clone(), answer));
                }
                let borne_out = image
                    .records
                    .iter()
                    .map(|record| record_is_borne_out(source, commit, history, record, &digest))
                    .collect();
                let signer = claim.signer.as_deref();
                story.standing.push(Standing::new(
                    target,
                    &endpoint.name,
                    place,
                    tags,
                    image,
                    borne_out,
                    signer,
                ));
            }
        }
    });
    Ok(())
}
