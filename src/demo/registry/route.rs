//! From a request's path to what it names (OCI distribution specification, "Endpoints").

use crate::model::{Registry, Repository};
use crate::sim::registry::{Refusal, RefusalCode};

/// What a path names. References and digests are as the client wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Base,
    Token,
    Catalog,
    Manifest(Repository, &'a str),
    Blob(Repository, &'a str),
    Uploads(Repository),
    Upload(Repository, &'a str),
    Tags(Repository),
    Referrers(Repository, &'a str),
}

impl<'a> Route<'a> {
    /// `None` where nothing is served at this path.
    pub fn of(registry: &Registry, path: &'a str) -> Result<Option<Self>, Refusal> {
        match path {
            "/token" => return Ok(Some(Self::Token)),
            "/v2" | "/v2/" => return Ok(Some(Self::Base)),
            "/v2/_catalog" => return Ok(Some(Self::Catalog)),
            _ => {}
        }
        let Some(path) = path.strip_prefix("/v2/") else {
            return Ok(None);
        };
        let in_repository = |name: &str| match name.parse() {
            Ok(path) => Ok(Repository::new(registry.clone(), path)),
            Err(error) => Err(Refusal::new(RefusalCode::NameInvalid, format!("`{name}`: {error}"))),
        };
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Ok(Some(Self::Tags(in_repository(name)?)));
        }
        if let Some(name) = path.strip_suffix("/").unwrap_or(path).strip_suffix("/blobs/uploads") {
            return Ok(Some(Self::Uploads(in_repository(name)?)));
        }
        let Some((rest, last)) = path.rsplit_once('/') else {
            return Ok(None);
        };
        let Some((name, kind)) = rest.rsplit_once('/') else {
            return Ok(None);
        };
        Ok(match kind {
            "manifests" => Some(Self::Manifest(in_repository(name)?, last)),
            "blobs" => Some(Self::Blob(in_repository(name)?, last)),
            "referrers" => Some(Self::Referrers(in_repository(name)?, last)),
            "uploads" => match name.strip_suffix("/blobs") {
                Some(name) => Some(Self::Upload(in_repository(name)?, last)),
                None => None,
            },
            _ => None,
        })
    }

    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Base | Self::Token | Self::Catalog => None,
            Self::Manifest(repository, _)
            | Self::Blob(repository, _)
            | Self::Uploads(repository)
            | Self::Upload(repository, _)
            | Self::Tags(repository)
            | Self::Referrers(repository, _) => Some(repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        "127.0.0.1:5000".parse().unwrap()
    }

    #[test]
    fn names_with_slashes_are_told_from_what_follows_them() {
        let repository: Repository = "127.0.0.1:5000/a/blobs/b".parse().unwrap();
        let registry = registry();
        let route = |path| Route::of(&registry, path).unwrap().unwrap();
        assert_eq!(route("/v2/"), Route::Base);
        assert_eq!(route("/v2/_catalog"), Route::Catalog);
        assert_eq!(
            route("/v2/a/blobs/b/manifests/v1"),
            Route::Manifest(repository.clone(), "v1")
        );
        assert_eq!(
            route("/v2/a/blobs/b/blobs/sha256:0"),
            Route::Blob(repository.clone(), "sha256:0")
        );
        assert_eq!(
            route("/v2/a/blobs/b/blobs/uploads/"),
            Route::Uploads(repository.clone())
        );
        assert_eq!(
            route("/v2/a/blobs/b/blobs/uploads/17"),
            Route::Upload(repository.clone(), "17")
        );
        assert_eq!(route("/v2/a/blobs/b/tags/list"), Route::Tags(repository.clone()));
        assert_eq!(
            route("/v2/a/blobs/b/referrers/sha256:0"),
            Route::Referrers(repository, "sha256:0")
        );
    }

    #[test]
    fn bad_names_are_refused_and_other_paths_are_nothing() {
        assert_eq!(
            Route::of(&registry(), "/v2/A/tags/list").unwrap_err().code,
            RefusalCode::NameInvalid
        );
        for path in ["/", "/v1/", "/v2/a", "/v2/a/b", "/v2/a/uploads/1"] {
            assert_eq!(Route::of(&registry(), path), Ok(None), "{path}");
        }
    }
}
