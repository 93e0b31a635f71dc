//! The predicate types that cosign has names for (`options/predicate.go`).

/// The names of `cosign attest --type`, and what each stands for.
pub const PREDICATE_NAMES: [(&str, &str); 10] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
];

/// The type that a name or a URI means; `None` for what is neither.
#[must_use]
pub fn predicate_uri(text: &str) -> Option<&str> {
    let named = PREDICATE_NAMES.iter().find(|(name, _)| *name == text);
    named
        .map(|(_, uri)| *uri)
        .or_else(|| text.contains(':').then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_uris_are_types_and_misspelt_names_are_not() {
        assert_eq!(
            predicate_uri("vuln"),
            Some("https://cosign.sigstore.dev/attestation/vuln/v1")
        );
        assert_eq!(
            predicate_uri("urn:landfall:promotion:v1"),
            Some("urn:landfall:promotion:v1")
        );
        assert_eq!(predicate_uri("spdx-json"), None);
    }
}
