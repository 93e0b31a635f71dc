//! Images that stay where they are: a project whose source is its own target's primary.
//!
//! Nothing is read from inside a target but what is claimed there ("target:NAME"), with this one exception, which is
//! what `landfall snapshot` writes for a registry that is to be adopted: source and place are the same repository, so
//! there is nothing to copy to the primary, and mirrors that are added later are filled from it. A target that signs is
//! not among them: what landfall signed would be read as its source's own.

use crate::model::{Prefix, Target};

use super::code;
use super::finding::Finding;
use super::prefix_map::below;
use super::scalar::TargetPath;
use super::target_table::PRIMARY;

/// What a source prefix is that lies inside an endpoint of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The place itself that its images go to.
    InPlace,
    /// The same, where the images would be signed.
    InPlaceSigned,
    /// Any other.
    Inside,
}

/// Judges a source prefix for a project that promotes to this target. A project with several paths writes each image
/// several times, and only one of the places could be the source: such a project is never in place.
pub(super) fn standing(source: &Prefix, target: &Target, paths: &[TargetPath], signs: bool) -> Standing {
    let primary = &target.endpoints[0].prefix;
    let is_place = |path: &TargetPath| {
        source.registry == primary.registry && source.path() == below(primary.path(), path.as_str())
    };
    match paths {
        [only] if is_place(only) && signs => Standing::InPlaceSigned,
        [only] if is_place(only) => Standing::InPlace,
        _ => Standing::Inside,
    }
}

/// What is wrong with a source (`what`) that is read inside a target's endpoint.
pub(super) fn refusal(what: &str, target: &Target, endpoint: usize, standing: Standing) -> Finding {
    let name = &target.name;
    let endpoint = &target.endpoints[endpoint].name;
    let message = format!("{what} lies inside endpoint `{endpoint}` of target `{name}`");
    let help = match standing {
        Standing::InPlaceSigned => format!(
            "a target is its own source only where nothing is signed, or landfall's signatures would pass for the \
             source's: remove the signer, or promote to another {PRIMARY}"
        ),
        Standing::InPlace | Standing::Inside => {
            format!("write \"target:{name}\": what is claimed there is then waited for")
        }
    };
    Finding::error(code::SOURCE_IN_TARGET, message).help(help)
}
