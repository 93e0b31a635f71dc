//! What a manifest may cost, and how much is said about it. The size of a file is limited where it is read, by
//! [`crate::model::Limits::manifest_file`]; the nesting of its tables by the TOML parser, at 80.

use crate::yaml::YamlLimits;

/// See [`LIMITS`].
pub(super) struct Limits {
    /// Findings in one file: a file of garbage would otherwise report every byte of it.
    pub findings: usize,
    /// Characters of a file's text that a message repeats.
    pub quoted: usize,
    /// Characters in a line of a message.
    pub line: usize,
    /// Bytes up to which all syntax errors of a file are looked for, and not only the first: recovering from each
    /// costs memory.
    pub recovered: usize,
    /// Parses that a file survives in the cache without being met.
    pub kept_parses: u64,
    /// Characters in the path of a repository that is written or read: many clients limit names to 255 (OCI
    /// distribution specification, "Pulling manifests").
    pub repository_path: usize,
    /// Of a YAML document: kubernetes/k8s.io's largest list has 40,000 values.
    pub yaml: YamlLimits,
    /// Bytes in a name of a target, project, signer, policy or mirror: they become metrics' labels and directories.
    pub name: usize,
}

pub(super) const LIMITS: Limits = Limits {
    findings: 100,
    quoted: 100,
    line: 2_000,
    recovered: 256 << 10,
    kept_parses: 16,
    repository_path: 255,
    yaml: YamlLimits {
        nodes: 500_000,
        depth: 16,
    },
    name: 63,
};
