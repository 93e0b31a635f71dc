//! Content that need not be read because its digest names bytes that everybody knows.

use std::sync::LazyLock;

use bytes::Bytes;

use crate::model::{Descriptor, Digest};

const EMPTY: &[u8] = b"{}";

static EMPTY_DIGEST: LazyLock<Digest> = LazyLock::new(|| Digest::of(EMPTY));

/// The bytes of a blob, where its digest alone tells them: those of the empty configuration that artifacts have (OCI image
/// specification, "Guidance for an Empty Descriptor"). A place that has lost it can still be copied from.
#[must_use]
pub fn known_content(blob: &Descriptor) -> Option<Bytes> {
    (blob.digest == *EMPTY_DIGEST && blob.size == EMPTY.len() as u64).then(|| Bytes::from_static(EMPTY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::media_type;

    #[test]
    fn the_empty_configuration_is_known_and_nothing_else() {
        let empty = Descriptor::of(media_type::OCI_EMPTY, EMPTY);
        assert_eq!(
            empty.digest.to_string(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_eq!(known_content(&empty).as_deref(), Some(EMPTY));
        assert_eq!(known_content(&Descriptor::of(media_type::OCI_EMPTY, b"{ }")), None);
        assert_eq!(known_content(&Descriptor { size: 3, ..empty }), None);
    }
}
