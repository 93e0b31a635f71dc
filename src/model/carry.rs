//! What travels with an image.

use globset::Glob;

/// Under which of cosign's tags something stands beside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CosignTag {
    Sig,
    Att,
    Sbom,
}

impl CosignTag {
    pub const ALL: &[Self] = &[Self::Sig, Self::Att, Self::Sbom];

    /// What the tag ends with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sig => "sig",
            Self::Att => "att",
            Self::Sbom => "sbom",
        }
    }
}

/// What becomes of an image with something beside it that cannot travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Incomplete {
    /// It is promoted, and what stays behind is named.
    #[default]
    Leave,
    /// It waits.
    Refuse,
}

impl Incomplete {
    pub const ALL: &[Self] = &[Self::Leave, Self::Refuse];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Refuse => "refuse",
        }
    }
}

/// What travels with the images of a target; it is fixed when an image is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carry {
    /// Patterns of artifact types. `None`: referrers of every type.
    pub referrers: Option<Vec<Glob>>,
    pub cosign_tags: Vec<CosignTag>,
    /// Less than the process allows, or nothing said.
    pub count: Option<usize>,
    pub bytes: Option<u64>,
    pub depth: Option<usize>,
    pub incomplete: Incomplete,
}

impl Default for Carry {
    /// All that can be read.
    fn default() -> Self {
        Self {
            referrers: None,
            cosign_tags: CosignTag::ALL.to_vec(),
            count: None,
            bytes: None,
            depth: None,
            incomplete: Incomplete::Leave,
        }
    }
}

impl Carry {
    /// Whether referrers of this type travel.
    #[must_use]
    pub fn takes(&self, artifact_type: &str) -> bool {
        let Some(patterns) = &self.referrers else { return true };
        patterns
            .iter()
            .any(|pattern| pattern.compile_matcher().is_match(artifact_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn referrers_are_chosen_by_the_patterns_of_their_types() {
        let carry = Carry {
            referrers: Some(vec![
                Glob::new("application/spdx+json").unwrap(),
                Glob::new("application/vnd.dev.sigstore.*").unwrap(),
            ]),
            ..Carry::default()
        };
        assert!(carry.takes("application/spdx+json"));
        assert!(carry.takes("application/vnd.dev.sigstore.bundle.v0.3+json"));
        assert!(!carry.takes("application/vnd.example.scan"));
        assert!(Carry::default().takes(""));
    }
}
