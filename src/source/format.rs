//! Which formats of repositories are read, and what to say about the others.

use std::fs;
use std::path::Path;

use super::SourceError;

/// Refuses what gix opens and this version does not read: it would find no references there.
pub(super) fn check(path: &Path, repository: &gix::ThreadSafeRepository) -> Result<(), SourceError> {
    let local = repository.to_thread_local();
    if local.object_hash() != gix::hash::Kind::Sha1 {
        return Err(object_format(path, &local.object_hash().to_string()));
    }
    match local.config_snapshot().string("extensions.refStorage") {
        Some(storage) if storage != "files" => Err(SourceError::ReferenceFormat {
            repository: path.to_owned(),
            format: storage.to_string(),
        }),
        _ => Ok(()),
    }
}

/// What to say about a path that gix did not open.
pub(super) fn refusal(path: &Path, reason: &str) -> SourceError {
    if let Some(format) = declared_object_format(path).filter(|format| !format.eq_ignore_ascii_case("sha1")) {
        return object_format(path, &format);
    }
    let is_folder = path.is_dir();
    let looks_like_one = path.join(".git").exists() || path.join("HEAD").exists();
    let (reason, hint) = if !path.exists() {
        (
            "there is nothing".to_owned(),
            "name the folder that holds `.git`, or a bare repository",
        )
    } else if !is_folder {
        (
            "it is a file".to_owned(),
            "name the folder that holds `.git`, or a bare repository",
        )
    } else if looks_like_one {
        (reason.to_owned(), "`git -C PATH fsck` there tells more")
    } else {
        (
            "there is no `.git` in it".to_owned(),
            "name the folder that holds it, or make this one a repository: `git init`, `git add --all`, `git commit` there",
        )
    };
    SourceError::NotARepository {
        repository: path.to_owned(),
        reason,
        hint: hint.to_owned(),
    }
}

fn object_format(path: &Path, format: &str) -> SourceError {
    let digits = format
        .to_ascii_lowercase()
        .trim_start_matches("sha")
        .trim_start_matches('-')
        .to_owned();
    SourceError::ObjectFormat {
        repository: path.to_owned(),
        format: format!("SHA-{digits}"),
    }
}

/// The object format that a repository's own configuration names.
fn declared_object_format(path: &Path) -> Option<String> {
    let configuration = [path.join(".git/config"), path.join("config")]
        .into_iter()
        .find_map(|file| fs::read_to_string(file).ok())?;
    let mut is_extensions = false;
    for line in configuration.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            is_extensions = section.to_ascii_lowercase().starts_with("extensions]");
        } else if is_extensions
            && let Some((key, value)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("objectformat")
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}
