//! Reading requests' bodies within limits.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::sim::registry::{Refusal, RefusalCode};

/// The whole body, of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut stream = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| {
            Refusal::new(
                RefusalCode::SizeInvalid,
                format!("the request's body ended early: {error}"),
            )
        })?;
        if whole.len() + piece.len() > limit {
            let message = format!("the request's body has more than {limit} bytes");
            return Err(Refusal::new(RefusalCode::SizeInvalid, message).with_status(413));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
