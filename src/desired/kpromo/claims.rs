//! What a project of kpromo's claims.

use std::sync::Arc;

use crate::desired::claims::{Judge, Judged};
use crate::desired::code;
use crate::desired::configuration::Configuration;
use crate::desired::finding::Finding;
use crate::desired::ledger::Ledger;
use crate::desired::limits::LIMITS;
use crate::desired::manifest_file::Content;
use crate::desired::project_files::ProjectFiles;
use crate::desired::projects::Grant;
use crate::desired::promotions_file::Image;
use crate::desired::route::{check_length, too_long};
use crate::desired::scalar::TargetPath;
use crate::desired::scope::Scope;
use crate::model::{EndpointSet, RepoPath, Repository, RepositoryPath, Source};

use super::destinations;
use super::manifest::Manifest;
use super::rule::Rule;
use super::shared::Shared;

/// A project's two files, or the one that holds both.
pub(super) struct Contents<'a> {
    pub manifest: &'a Manifest,
    pub manifest_path: &'a RepoPath,
    pub images: &'a [Image],
    pub images_path: &'a RepoPath,
}

impl<'a> Contents<'a> {
    /// `None` where a file does not parse.
    pub fn of(files: &'a ProjectFiles) -> Option<Self> {
        let mut manifest = None;
        let mut images = None;
        for file in &files.files {
            match &file.content {
                Some(Content::KpromoManifest(content)) => manifest = Some((content, &file.path)),
                Some(Content::KpromoImages(content)) => images = Some((&content[..], &file.path)),
                Some(Content::Promotions(_)) | None => {}
            }
        }
        let (manifest, manifest_path) = manifest?;
        let plain = manifest
            .images
            .as_ref()
            .map(|images| (&images.value[..], manifest_path));
        let (images, images_path) = plain.or(images)?;
        Some(Self {
            manifest,
            manifest_path,
            images,
            images_path,
        })
    }
}

/// The images of a project whose files all parse.
pub(in crate::desired) fn images(files: &ProjectFiles) -> &[Image] {
    Contents::of(files).map_or(&[], |contents| contents.images)
}

/// Whether two versions of a project, both of which parse, promote from and to the same places.
pub(in crate::desired) fn go_alike(one: &ProjectFiles, other: &ProjectFiles) -> bool {
    let (Some(one), Some(other)) = (Contents::of(one), Contents::of(other)) else {
        return false;
    };
    let destinations = |manifest: &Manifest| {
        manifest
            .destinations
            .iter()
            .map(|found| found.value.clone())
            .collect::<Vec<_>>()
    };
    one.manifest.source.value == other.manifest.source.value
        && destinations(one.manifest) == destinations(other.manifest)
}

/// Judges a project whose files all parse, as far as they name images in `scope`.
pub(in crate::desired) fn judge(
    configuration: &Configuration,
    rule: &Rule,
    name: &Arc<str>,
    files: &ProjectFiles,
    ledger: &Ledger,
    shared: &Shared,
    scope: &Scope,
) -> Judged {
    let Some(contents) = Contents::of(files) else {
        return Judged::default();
    };
    let routes = destinations::routes(configuration, rule, contents.manifest);
    let grants: Vec<Grant> = routes
        .iter()
        .flatten()
        .map(|(_, endpoints)| rule.grant(*endpoints))
        .collect();
    let mut judge = Judge::new(configuration, name, scope);
    let routes = match routes {
        Ok(routes) => routes,
        Err(findings) => {
            hold_all(
                &mut judge,
                rule,
                &contents,
                findings.first().map(|(_, finding)| finding.code),
            );
            for (at, finding) in findings {
                judge.report(contents.manifest_path, at, finding);
            }
            return judge.finish(ledger, shared);
        }
    };
    for image in contents.images.iter().filter(|image| scope.holds(&image.name.value)) {
        for ((path, _), grant) in routes.iter().zip(&grants) {
            claim(&mut judge, rule, &contents, image, path, grant);
        }
    }
    judge.finish(ledger, shared)
}

/// Where no one can say where the images go, they are held below the names they have.
fn hold_all(judge: &mut Judge<'_>, rule: &Rule, contents: &Contents<'_>, code: Option<&'static str>) {
    let code = code.unwrap_or(code::UNKNOWN_ENDPOINT);
    for image in contents.images {
        judge.hold_image(contents.images_path, image, Some(rule.target), &image.name.value, code);
    }
}

fn claim<'a>(
    judge: &mut Judge<'a>,
    rule: &Rule,
    contents: &Contents<'a>,
    image: &'a Image,
    path: &TargetPath,
    grant: &'a Grant,
) {
    let repository = path.join(&image.name.value);
    match source(judge.configuration(), rule, contents.manifest, image, &repository) {
        Ok(source) => judge.place(rule.target, repository, image, contents.images_path, source, grant),
        Err(finding) => {
            judge.hold_image(
                contents.images_path,
                image,
                Some(rule.target),
                &repository,
                finding.code,
            );
            judge.report(contents.images_path, image.name.at, finding);
        }
    }
}

/// Where an image that goes to `repository` is read; or why it may not go there.
fn source(
    configuration: &Configuration,
    rule: &Rule,
    manifest: &Manifest,
    image: &Image,
    repository: &RepositoryPath,
) -> Result<Source, Finding> {
    check_length(&configuration.targets[rule.target], repository)?;
    let read: Repository = manifest.source.value.join(&image.name.value);
    let length = read.path.as_str().len();
    if length > LIMITS.repository_path {
        return Err(too_long(repository, length, "at its source"));
    }
    match configuration.endpoints.holding_repository(&read) {
        None => Ok(Source::Registry(read)),
        Some((target, endpoint)) => {
            let target = &configuration.targets[*target];
            let message = format!(
                "`{read}` lies inside endpoint `{}` of target `{}`",
                target.endpoints[*endpoint].name, target.name
            );
            let finding = Finding::error(code::SOURCE_IN_TARGET, message);
            Err(finding.help("promote from a registry that no target writes to"))
        }
    }
}

/// Where a project would write an image: for finding repositories that several projects claim.
pub(super) fn routes_of(
    configuration: &Configuration,
    rule: &Rule,
    contents: &Contents<'_>,
) -> Vec<(TargetPath, EndpointSet)> {
    destinations::routes(configuration, rule, contents.manifest).unwrap_or_default()
}
