//! Ways in which a Git host misbehaves.

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use futures_util::StreamExt as _;

#[derive(Debug, Clone)]
pub enum Fault {
    /// This status with this header for everything.
    Status(u16, &'static str, String),
    /// The list of references is sent on to another place.
    Redirect(String),
    /// Something else is served there.
    Garbage,
    /// Every pack ends after so many bytes, and with it the connection.
    CutPack(usize),
    /// A byte of every pack is another.
    FlippedPack,
    /// Packs begin and never end.
    Stall,
    /// It knows Git's protocol before its second version only.
    OldProtocol,
}

/// Behind signature, version and number of objects, in the first object.
const FIRST_OBJECT: usize = 14;

impl Fault {
    /// What is answered without asking git.
    pub fn instead(&self, target: &str) -> Option<Response> {
        let response = Response::builder();
        let response = match self {
            Self::Status(status, name, value) => response.status(*status).header(*name, value).body("no".into()),
            Self::Redirect(to) if target.contains("/info/refs") => {
                let (_, query) = target.split_once('?').unwrap_or_default();
                let to = format!("{to}/info/refs?{query}");
                response.status(301).header("Location", to).body(Body::empty())
            }
            Self::Garbage => {
                let page = "<html>Sign in</html>".repeat(100);
                response.header("Content-Type", "text/html").body(page.into())
            }
            Self::Redirect(_) | Self::CutPack(_) | Self::FlippedPack | Self::Stall | Self::OldProtocol => return None,
        };
        Some(response.unwrap())
    }

    pub async fn distort(&self, target: &str, response: Response) -> Response {
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let is_pack = target.ends_with("git-upload-pack") && bytes.windows(4).any(|window| window == b"PACK");
        let body = match self {
            Self::CutPack(length) if is_pack => {
                let begun: Result<Bytes, std::io::Error> = Ok(bytes.slice(..bytes.len().min(*length)));
                let broken = Err(std::io::Error::other("the connection breaks"));
                Body::from_stream(futures_util::stream::iter([begun, broken]))
            }
            Self::FlippedPack if is_pack => {
                let mut bytes = bytes.to_vec();
                // Elsewhere in the answer stands what git tells of its progress.
                let pack = bytes.windows(4).position(|window| window == b"PACK").unwrap();
                bytes[pack + FIRST_OBJECT] ^= 0x55;
                bytes.into()
            }
            Self::Stall if is_pack => {
                let begun: Result<Bytes, std::io::Error> = Ok(bytes.slice(..bytes.len() / 2));
                Body::from_stream(futures_util::stream::iter([begun]).chain(futures_util::stream::pending()))
            }
            _ => bytes.into(),
        };
        Response::from_parts(head, body)
    }
}
