//! The refusals that several requests meet.

use crate::model::{Digest, Repository};
use crate::registry::ManifestAt;
use crate::sim::registry::{Refusal, RefusalCode};

pub(super) fn unknown_name(repository: &Repository) -> Refusal {
    Refusal::new(
        RefusalCode::NameUnknown,
        format!("repository {} is not known", repository.path),
    )
}

pub(super) fn unknown_manifest(at: ManifestAt<'_>) -> Refusal {
    Refusal::new(RefusalCode::ManifestUnknown, format!("manifest {at} is not known"))
}

pub(super) fn digest_differs(wanted: &Digest, computed: &Digest) -> Refusal {
    Refusal::new(
        RefusalCode::DigestInvalid,
        format!("the content is {computed}, not {wanted}"),
    )
}
