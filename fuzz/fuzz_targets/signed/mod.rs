//! A key of the fuzzer's own: what stands behind a signature is only read where the signature holds.

use std::sync::OnceLock;

use landfall::model::Digest;
use landfall::trust::PrivateKey;

pub fn key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate().expect("a key can be made"))
}

/// The digest that the genuine documents of `testdata/attacks` are about.
pub fn digest() -> Digest {
    "sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
        .parse()
        .expect("a digest")
}
