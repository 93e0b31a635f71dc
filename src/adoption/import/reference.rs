//! References as Docker's tools write them: without a registry they are meant for Docker Hub.
//!
//! What a name without a registry means, `oci-client` knows. Tags and digests are split off here: it adds `latest` where
//! there is none, and whoever reads a list of images has to know whether one was written.

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
    // A tag or a digest would be taken off silently.
    let is_bare = name.rsplit('/').next().is_some_and(|last| !last.contains([':', '@']));
    let normalised = match name.parse::<oci_client::Reference>() {
        Ok(reference) if is_bare => format!("{}/{}", reference.registry(), reference.repository()),
        // Hosts in brackets, which it does not know; and what is no name, for an error that says why.
        _ => name.to_owned(),
    };
    let parsed = normalised.parse();
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
        assert_eq!(shown("[::1]:5000/a:v1"), "[::1]:5000/a v1");
        assert_eq!(shown("R.Example.com:443/a"), "r.example.com/a");
        assert_eq!(shown("index.docker.io/alpine"), "docker.io/library/alpine");
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
