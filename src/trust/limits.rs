//! Every limit on documents that are verified or merged here.

/// Sizes in bytes. The counts are those of sigstore-go 1.2 (`pkg/verify/signature.go`), which cosign 3 verifies with:
/// what goes beyond them would not verify for anybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustLimits {
    /// A bundle, and a payload that a `.sig` layer holds.
    pub document: usize,
    /// One signature in base64. ECDSA P-256 needs 96 characters, RSA 4096 684.
    pub signature: usize,
    /// Subjects of one statement.
    pub subjects: usize,
    /// Digests of one subject.
    pub subject_digests: usize,
    /// Transparency log entries of one bundle.
    pub log_entries: usize,
    /// Hashes of one inclusion proof: the depth of a tree with as many leaves as a log can count.
    pub proof_hashes: usize,
    /// Certificates that come with a signature.
    pub certificates: usize,
    /// Signed timestamps of one bundle.
    pub timestamps: usize,
    /// What a regular expression may take when it is compiled.
    pub expression: usize,
    /// A key file, public or private.
    pub key_file: usize,
    /// Text of foreign origin that an error repeats, in characters.
    pub shown: usize,
    /// A parser's complaint, which may repeat foreign text too, in characters.
    pub reason: usize,
}

pub const LIMITS: TrustLimits = TrustLimits {
    document: 4 << 20,
    signature: 4 << 10,
    subjects: 1_024,
    subject_digests: 32,
    log_entries: 32,
    proof_hashes: 64,
    certificates: 16,
    timestamps: 32,
    expression: 1 << 20,
    key_file: 64 << 10,
    shown: 100,
    reason: 300,
};
