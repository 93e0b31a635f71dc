//! What a timestamp authority is asked (RFC 3161, section 2.4.1).

use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

/// Everything before the hash: version 1, an imprint by SHA-256.
const BEFORE: [u8; 22] = [
    0x30, 0x41, 0x02, 0x01, 0x01, 0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
    0x01, 0x04, 0x20,
];
/// Between hash and nonce: an INTEGER of eight bytes.
const NONCE: [u8; 2] = [0x02, 0x08];
/// The authority shall send its certificates along.
const AFTER: [u8; 3] = [0x01, 0x01, 0xff];

/// A request to sign the time over a signature. All its parts have one length, so that it is DER as it stands.
pub(super) fn request(signature: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 8];
    rand::rng().fill_bytes(&mut nonce);
    // Positive, and of eight bytes.
    nonce[0] = nonce[0] & 0x3f | 0x40;
    [&BEFORE[..], &Sha256::digest(signature)[..], &NONCE, &nonce, &AFTER].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_it_says_and_holds_the_hash() {
        let request = request(b"signature");
        assert_eq!(request.len(), 2 + usize::from(request[1]));
        assert_eq!(&request[22..54], &Sha256::digest(b"signature")[..]);
        assert_ne!(request, super::request(b"signature"));
    }
}
