//! `landfall snapshot`: a live registry, written down as manifests.

mod selection;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, Report, miette};
use serde_json::json;

use self::selection::SelectionArguments;
use crate::adoption::name_after;
use crate::adoption::snapshot::{self, Found, Selected};
use crate::assembly;
use crate::cli::diagnostics::write_diagnostics;
use crate::cli::exit_code::Ended as _;
use crate::cli::init::{text_of, write_new};
use crate::cli::reach::Reach;
use crate::cli::session::runtime;
use crate::cli::{Common, ErrorOutput, ExitCode, Format, WithExitCode as _};
use crate::desired::{self, ImageManifest, Manifests, ProjectManifest, TargetManifest};
use crate::model::{CommitId, Drift, Prefix, RepositoryPath, Tree};

/// Write a registry down as manifests, as it stands now
///
/// Every tag below the prefix becomes a line with its digest, of a target that has no signer and is its own source: to
/// promote it is to do nothing. Signatures, attestations and referrers are no lines of their own, they travel with
/// their images. Whatever cannot be read ends the command, and nothing is written. Ends with 2 where something is
/// there that cannot be written down, and names it.
///
/// Works without a configuration: with Docker's logins, or none. Nothing is written to the registry.
#[derive(Debug, clap::Args)]
pub struct SnapshotCommand {
    /// The registry, and the repository prefix below which to look, such as registry.example.com/images
    prefix: Prefix,

    /// The directory to write the manifests into; nothing that exists is overwritten
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// A repository below the prefix, instead of all that the registry lists; may be given several times
    #[arg(long = "repository", value_name = "NAME")]
    repositories: Vec<RepositoryPath>,

    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    reach: Reach,

    /// Whose manifests to write: landfall's own, or the thin manifests of kpromo
    #[arg(long = "as", value_enum, value_name = "KIND", default_value_t = Kind::Landfall)]
    kind: Kind,

    /// For kpromo: a registry and prefix that the images are promoted to; may be given several times
    #[arg(long = "destination", value_name = "PREFIX", required_if_eq("kind", "kpromo"))]
    destinations: Vec<Prefix>,

    /// The name written into signatures and attestations [default: PREFIX]
    #[arg(long, value_name = "PREFIX")]
    public_name: Option<Prefix>,

    /// The project that promotes: its manifests stand in promotions/NAME/ [default: after the prefix]
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// The name of the target
    #[arg(long, value_name = "NAME", default_value = "production")]
    target: String,

    /// Write a runtime configuration that goes with the manifests, too
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// landfall.toml and promotions/
    Landfall,
    /// manifests/ and images/, digests as keys
    Kpromo,
}

impl SnapshotCommand {
    /// [`ExitCode::Differences`] where something that stands there is left out.
    ///
    /// # Errors
    /// What cannot be read or written, files that exist.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        if self.kind == Kind::Landfall && !self.destinations.is_empty() {
            return Err(miette!(
                help = "mirrors are added to landfall.toml later: they are then filled from what stands at the primary",
                "--destination is for --as kpromo"
            ))
            .with_exit_code(ExitCode::Invalid);
        }
        let selection = self.selection.open()?;
        let config = self.reach.configuration(common, &[&self.prefix.registry])?;
        let registries = assembly::registries(&config).ended()?;
        let find = snapshot::find(
            &registries,
            &self.prefix,
            &self.repositories,
            &selection,
            &config.limits,
        );
        let found = runtime()?.block_on(find).ended()?;
        let directory = std::path::absolute(&self.output).into_diagnostic()?;
        let files = match self.kind {
            Kind::Kpromo => {
                snapshot::kpromo_files(&self.project_name(), &self.prefix, &self.destinations, &found.images)
            }
            Kind::Landfall => match desired::write(&self.manifests(&found)) {
                Ok(files) => files
                    .into_iter()
                    .chain(desired::schema_files())
                    .map(|(path, text)| (path.to_string(), text))
                    .collect(),
                Err(refused) => {
                    let nothing = Tree {
                        commit: CommitId([0; 20]),
                        files: BTreeMap::new(),
                    };
                    write_diagnostics(&mut ErrorOutput::open(), &refused, &nothing).into_diagnostic()?;
                    return Ok(ExitCode::Invalid);
                }
            },
        };
        let mut paths: Vec<(PathBuf, String)> = files
            .into_iter()
            .map(|(path, text)| (directory.join(path), text))
            .collect();
        if let Some(path) = &self.write_config {
            paths.push((
                std::path::absolute(path).into_diagnostic()?,
                self.configuration(&directory)?,
            ));
        }
        let written: Vec<String> = paths.iter().map(|(path, _)| path.display().to_string()).collect();
        match common.format {
            Format::Text => {
                write_new(paths.into_iter(), output)?;
                self.say(&found, output)?;
            }
            Format::Json => {
                write_new(paths.into_iter(), &mut std::io::sink())?;
                serde_json::to_writer_pretty(&mut *output, &document(&self.prefix, &found, &written))
                    .into_diagnostic()?;
                writeln!(output).into_diagnostic()?;
            }
        }
        let whole = found.left_out.is_empty() && found.images.values().all(|image| image.vanished.is_empty());
        Ok(if whole {
            ExitCode::AsDesired
        } else {
            ExitCode::Differences
        })
    }

    fn project_name(&self) -> String {
        self.project.clone().unwrap_or_else(|| name_after(&self.prefix))
    }

    fn manifests(&self, found: &Found) -> Manifests {
        let Self { prefix, target, .. } = self;
        let image = |selected: &Selected| ImageManifest {
            tags: selected.tags.clone(),
            untagged: BTreeSet::new(),
        };
        let images = found.images.iter().filter(|(_, selected)| !selected.tags.is_empty());
        let images: BTreeMap<_, _> = images.map(|(name, selected)| (name.clone(), image(selected))).collect();
        let moves = images
            .values()
            .any(|image| image.tags.keys().any(|tag| tag.as_str() == "latest"));
        Manifests {
            about: format!(
                "What stood in {prefix}, written down by `landfall snapshot`.\n`landfall schema` prints the JSON Schema \
                 of this file."
            ),
            targets: vec![TargetManifest {
                name: target.clone(),
                public_name: self.public_name.clone().unwrap_or_else(|| prefix.clone()),
                primary: prefix.clone(),
                mirrors: BTreeMap::new(),
                drift: Drift::Report,
                mutable_tags: moves.then(|| "latest".to_owned()).into_iter().collect(),
                about: "This target is its own source: there is nothing to copy, and nothing is signed. Give the \
                        project another\nsource before you give the target a signer.\nOthers may still push there: a \
                        tag that they move is reported. Remove `drift`, and it is moved back."
                    .to_owned(),
            }],
            projects: vec![ProjectManifest {
                name: self.project_name(),
                target: target.clone(),
                path: None,
                sources: BTreeMap::from([(prefix.clone(), images)]),
            }],
        }
    }

    fn configuration(&self, directory: &Path) -> Result<String, Report> {
        let beside = directory.parent().unwrap_or(directory);
        let storage = text_of(&beside.join("storage"))?;
        Ok(desired::runtime_configuration(
            &[&self.prefix],
            &[],
            &text_of(directory)?,
            &storage,
        ))
    }

    fn say(&self, found: &Found, output: &mut dyn Write) -> Result<(), Report> {
        let count = |of: fn(&Selected) -> usize| found.images.values().map(of).sum::<usize>();
        let [tags, unsigned, undated] = [
            count(|image| image.tags.len()),
            count(|image| image.unsigned.len()),
            count(|image| image.undated.len()),
        ];
        let repositories = found.images.values().filter(|image| !image.tags.is_empty()).count();
        writeln!(output, "\n{tags} tags of {repositories} repositories.").into_diagnostic()?;
        if unsigned > 0 {
            writeln!(output, "{unsigned} tags are signed by none of the keys, and left out.").into_diagnostic()?;
        }
        if undated > 0 {
            writeln!(
                output,
                "{undated} tags do not say when they were made, and count as the oldest:"
            )
            .into_diagnostic()?;
            for (name, tag) in found
                .images
                .iter()
                .flat_map(|(name, image)| image.undated.iter().map(move |tag| (name, tag)))
            {
                writeln!(output, "  {name}:{tag}").into_diagnostic()?;
            }
        }
        let left_out = left_out(&self.prefix, found);
        if !left_out.is_empty() {
            writeln!(output, "Left out:").into_diagnostic()?;
        }
        for (place, reason) in left_out {
            writeln!(output, "  {place}: {reason}").into_diagnostic()?;
        }
        if self.kind == Kind::Landfall {
            let (directory, prefix) = (self.output.display(), &self.prefix);
            let with = match &self.write_config {
                Some(file) => format!("--config {}", file.display()),
                None => format!("--repo {directory}"),
            };
            writeln!(
                output,
                "\nnext:\n  landfall validate {directory}\n  git -C {directory} init --initial-branch main\n  \
                 git -C {directory} add . && git -C {directory} commit -m 'Write down {prefix}'\n  \
                 landfall adopt '{prefix}/**' --reason 'It is ours now' {with}\n  landfall plan {with}"
            )
            .into_diagnostic()?;
            if self.reach.is_plain() && self.write_config.is_none() {
                writeln!(
                    output,
                    "\nTLS was not used: config.toml needs this for the other commands, or let --write-config write \
                     it:\n  [registries.\"{}\"]\n  plain-http = true",
                    prefix.registry
                )
                .into_diagnostic()?;
            }
        }
        Ok(())
    }
}

fn left_out(prefix: &Prefix, found: &Found) -> Vec<(String, String)> {
    let vanished = found.images.iter().flat_map(|(name, image)| {
        image.vanished.iter().map(move |tag| {
            let reason = "the registry lists this tag, and has nothing there: it was deleted meanwhile, or is broken";
            (format!("{}:{tag}", prefix.join(name)), reason.to_owned())
        })
    });
    found.left_out.iter().cloned().chain(vanished).collect()
}

fn document(prefix: &Prefix, found: &Found, written: &[String]) -> serde_json::Value {
    let images: BTreeMap<String, serde_json::Value> = found
        .images
        .iter()
        .map(|(name, image)| {
            let facts = json!({ "tags": image.tags, "unsigned": image.unsigned, "undated": image.undated });
            (name.to_string(), facts)
        })
        .collect();
    let left_out: Vec<_> = left_out(prefix, found)
        .into_iter()
        .map(|(place, reason)| json!({ "place": place, "reason": reason }))
        .collect();
    json!({ "schemaVersion": 1, "prefix": prefix, "written": written, "images": images, "leftOut": left_out })
}
