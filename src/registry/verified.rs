//! Bytes held against the digest that names them, as they flow.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::error::{ErrorKind, RegistryError};
use super::protocol::BlobStream;
use crate::model::{Descriptor, Digest};

/// Passes on `content` as long as it can still be `blob`. The last piece is held back until the digest is known to be
/// right: whoever sends the bytes on with a `Content-Length` would never ask for an error that comes after them.
/// `context` is the error to fill in.
pub(super) fn verified<S>(content: S, blob: &Descriptor, context: RegistryError) -> BlobStream
where
    S: Stream<Item = Result<Bytes, RegistryError>> + Send + 'static,
{
    let state = Verifier {
        content: content.boxed(),
        hasher: Some(Sha256::new()),
        received: 0,
        digest: blob.digest,
        size: blob.size,
        context,
    };
    Box::pin(stream::try_unfold(state, |mut state| async {
        Ok(state.next().await?.map(|piece| (piece, state)))
    }))
}

struct Verifier {
    content: stream::BoxStream<'static, Result<Bytes, RegistryError>>,
    /// Gone once the digest has been found right.
    hasher: Option<Sha256>,
    received: u64,
    digest: Digest,
    size: u64,
    context: RegistryError,
}

impl Verifier {
    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        if self.size == 0 {
            self.finish()?;
        }
        loop {
            let Some(piece) = self.content.next().await.transpose()? else {
                if self.received < self.size {
                    return Err(self.mismatch(format!("the blob ends after {} of {} bytes", self.received, self.size)));
                }
                return Ok(None);
            };
            if piece.is_empty() {
                continue;
            }
            self.received += piece.len() as u64;
            if self.received > self.size {
                return Err(self.mismatch(format!("the blob has more than its {} bytes", self.size)));
            }
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&piece);
            }
            if self.received == self.size {
                self.finish()?;
            }
            return Ok(Some(piece));
        }
    }

    fn finish(&mut self) -> Result<(), RegistryError> {
        let Some(hasher) = self.hasher.take() else {
            return Ok(());
        };
        let found = Digest::from_bytes(hasher.finalize().into());
        if found == self.digest {
            Ok(())
        } else {
            Err(self.mismatch(format!("the blob served has the digest {found}, not {}", self.digest)))
        }
    }

    fn mismatch(&self, message: String) -> RegistryError {
        RegistryError {
            kind: ErrorKind::DigestMismatch,
            message,
            ..self.context.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn descriptor(bytes: &[u8]) -> Descriptor {
        serde_json::from_value(serde_json::json!({
            "mediaType": "application/octet-stream", "digest": Digest::of(bytes), "size": bytes.len(),
        }))
        .unwrap()
    }

    /// What comes out of `pieces` served as `blob`: the bytes, and whether an error ended them.
    fn run(pieces: Vec<Vec<u8>>, blob: &Descriptor) -> (Vec<u8>, Option<ErrorKind>) {
        let context = RegistryError {
            kind: ErrorKind::Malformed,
            method: "GET",
            url: String::new(),
            status: Some(200),
            code: None,
            message: String::new(),
            retry_after: None,
        };
        let content = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
        let items =
            futures_util::FutureExt::now_or_never(verified(content, blob, context).collect::<Vec<_>>()).unwrap();
        let mut bytes = Vec::new();
        let mut error = None;
        for item in items {
            assert!(error.is_none(), "an error ends the stream");
            match item {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(found) => error = Some(found.kind),
            }
        }
        (bytes, error)
    }

    #[test]
    fn the_last_piece_of_a_wrong_blob_is_never_passed_on() {
        let blob = descriptor(b"right bytes");
        let (bytes, error) = run(vec![b"wrong ".to_vec(), b"bytes".to_vec()], &blob);
        assert_eq!(
            (bytes.as_slice(), error),
            (&b"wrong "[..], Some(ErrorKind::DigestMismatch))
        );
    }

    #[test]
    fn too_few_and_too_many_bytes_are_errors() {
        let blob = descriptor(b"12345");
        assert_eq!(run(vec![b"1234".to_vec()], &blob).1, Some(ErrorKind::DigestMismatch));
        assert_eq!(run(vec![b"123456".to_vec()], &blob).1, Some(ErrorKind::DigestMismatch));
        assert_eq!(run(vec![], &descriptor(b"")), (vec![], None));
        let lie = Descriptor {
            digest: Digest::of(b"x"),
            ..descriptor(b"")
        };
        assert_eq!(run(vec![], &lie).1, Some(ErrorKind::DigestMismatch));
    }

    proptest! {
        #[test]
        fn right_bytes_pass_however_they_are_cut(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..8)) {
            let whole = pieces.concat();
            prop_assert_eq!(run(pieces, &descriptor(&whole)), (whole, None));
        }
    }
}
