//! One PEM block, read and written.

use zeroize::Zeroizing;

use super::KeyError;
use super::limits::LIMITS;

/// A block's label and what it encloses, which may be secret.
pub(super) struct PemBlock {
    pub label: String,
    pub contents: Zeroizing<Vec<u8>>,
}

/// Reads a text of exactly one PEM block. A second one is refused: tools differ in which of the two they take.
pub(super) fn read(text: &[u8], expected: &'static str) -> Result<PemBlock, KeyError> {
    if text.len() > LIMITS.key_file {
        return Err(KeyError::TooLarge {
            size: text.len(),
            limit: LIMITS.key_file,
        });
    }
    let mut blocks = pem::parse_many(text).map_err(|_| KeyError::NotPem { expected })?;
    match blocks.len() {
        0 => Err(KeyError::NotPem { expected }),
        1 => {
            let block = blocks.remove(0);
            // RFC 1421: what it encloses is no DER.
            if block.headers().get("Proc-Type").is_some() {
                return Err(KeyError::LegacyEncryption);
            }
            Ok(PemBlock {
                label: block.tag().to_owned(),
                contents: Zeroizing::new(block.into_contents()),
            })
        }
        count => {
            for block in blocks {
                drop(Zeroizing::new(block.into_contents()));
            }
            Err(KeyError::Blocks { count })
        }
    }
}

/// Writes a block as Go's `encoding/pem` does: lines of 64 characters that end in LF.
pub(super) fn write(label: &str, contents: &[u8]) -> String {
    pem::encode_config(
        &pem::Pem::new(label, contents),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}
