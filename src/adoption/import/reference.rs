//! References as Docker's tools write them: without a registry they are meant for Docker Hub.

use crate::model::{Digest, Repository, Tag};

/// What a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub repository: Repository,
    pub tag: Option<Tag>,
    pub digest: Option<Digest>,
}

/// Reads `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
///
/// # Errors
/// Why it is none, for people.
pub fn parse(text: &str) -> Result<Reference, String> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse().map_err(|error| format!("{error}"))?)),
        None => (text, None),
    };
    // A colon before the last slash belongs to a port.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => {
            let tag = tag.parse().map_err(|error: crate::model::TagError| error.to_string())?;
            (name, Some(tag))
        }
        _ => (rest, None),
    };
    Ok(Reference {
        repository: repository(name)?,
        tag,
        digest,
    })
}

/// Reads `[HOST[:PORT]/]PATH`.
///
/// # Errors
/// Why it is none, for people.
pub fn repository(name: &str) -> Result<Repository, String> {
    let has_host = name
        .split_once('/')
        .is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost");
    let parsed = if has_host {
        name.parse()
    } else {
        format!("docker.io/{name}").parse()
    };
    parsed.map_err(|error: crate::model::PathError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_meant_as_docker_means_them() {
        let shown = |text: &str| {
            let found = parse(text).unwrap();
            let tag = found.tag.map(|tag| format!(" {tag}")).unwrap_or_default();
            let digest = found
                .digest
                .map(|digest| format!(" {}", digest.short()))
                .unwrap_or_default();
            format!("{}{tag}{digest}", found.repository)
        };
        assert_eq!(shown("alpine"), "docker.io/library/alpine");
        assert_eq!(shown("grafana/loki:3.0"), "docker.io/grafana/loki 3.0");
        assert_eq!(shown("localhost/a"), "localhost/a");
        assert_eq!(shown("r.example.com:5000/a/b"), "r.example.com:5000/a/b");
        let digest = Digest::of(b"");
        assert_eq!(
            shown(&format!("r.example.com/a:v1@{digest}")),
            format!("r.example.com/a v1 {}", digest.short())
        );
        for bad in ["", "a:", "a@sha256:0", "A", "r.example.com/", "ocidir://a", "a:b:c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
