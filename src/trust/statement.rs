//! In-toto statements: what a signature or an attestation says, and of what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::LIMITS;
use super::verification::{UniqueMap, VerificationError, shown};
use crate::model::{Digest, Repository};

/// Predicate types that landfall writes.
pub mod predicate_type {
    /// A signature of the image itself; the predicate is empty (cosign 3, `pkg/types`).
    pub const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
    /// [`crate::trust::PromotionRecord`].
    pub const PROMOTION: &str = "urn:landfall:promotion:v1";
}

const V1: &str = "https://in-toto.io/Statement/v1";
/// What `cosign attest` still writes.
const V0_1: &str = "https://in-toto.io/Statement/v0.1";

const WHAT: &str = "in-toto statement";

/// The statement that is a signature of `digest`, byte for byte what `cosign sign` puts into its bundle.
#[must_use]
pub fn signature(digest: &Digest) -> Vec<u8> {
    format!(
        r#"{{"_type":"{V1}","subject":[{{"digest":{{"sha256":"{}"}},"annotations":{{}}}}],"predicateType":"{}","predicate":{{}}}}"#,
        digest.hex(),
        predicate_type::SIGNATURE
    )
    .into_bytes()
}

/// The statement that says `predicate`, a JSON object, of `digest`, which is known by its public reference.
pub(super) fn attestation(
    public_reference: &Repository,
    digest: &Digest,
    predicate_type: &'static str,
    predicate: &impl Serialize,
) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement<'a, P> {
        #[serde(rename = "_type")]
        statement_type: &'static str,
        subject: [Subject<'a>; 1],
        predicate_type: &'static str,
        predicate: &'a P,
    }

    #[derive(Serialize)]
    struct Subject<'a> {
        name: &'a Repository,
        digest: Digests,
    }

    #[derive(Serialize)]
    struct Digests {
        sha256: String,
    }

    serde_json::to_vec(&Statement {
        statement_type: V1,
        subject: [Subject {
            name: public_reference,
            digest: Digests { sha256: digest.hex() },
        }],
        predicate_type,
        predicate,
    })
    .expect("plain structs of texts always serialise")
}

/// The fields of `in_toto_attestation.v1.Statement`; cosign refuses any other.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    pub predicate_type: String,
    #[serde(default)]
    pub predicate: Value,
}

/// The fields of `in_toto_attestation.v1.ResourceDescriptor`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "named so that any other field is refused, as cosign does")]
struct Subject {
    #[serde(default)]
    name: String,
    #[serde(default)]
    uri: String,
    #[serde(default)]
    digest: UniqueMap,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    download_location: String,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    annotations: Value,
}

impl Statement {
    /// Reads a statement about `digest`. Strict where sigstore-go is (`pkg/verify/signature.go`), so that what counts
    /// here verifies with cosign too.
    pub(super) fn parse(bytes: &[u8], digest: &Digest) -> Result<Self, VerificationError> {
        let mut statement: Self =
            serde_json::from_slice(bytes).map_err(|error| VerificationError::malformed(WHAT, error))?;
        if ![V1, V0_1].contains(&statement.statement_type.as_str()) {
            return Err(VerificationError::unsupported(format!(
                "statement type `{}`",
                shown(&statement.statement_type)
            )));
        }
        match &statement.predicate {
            Value::Object(_) => {}
            Value::Null => statement.predicate = Value::Object(serde_json::Map::new()),
            _ => return Err(VerificationError::malformed(WHAT, "its predicate is not an object")),
        }
        statement.check_subject(digest)?;
        Ok(statement)
    }

    /// What the signer said beside of the subject with this digest.
    pub(super) fn annotations_of(&self, digest: &Digest) -> serde_json::Map<String, Value> {
        let wanted = digest.hex();
        let subject = self
            .subject
            .iter()
            .find(|subject| subject.digest.0.get("sha256") == Some(&wanted));
        match subject.map(|subject| &subject.annotations) {
            Some(Value::Object(annotations)) => annotations.clone(),
            _ => serde_json::Map::new(),
        }
    }

    fn check_subject(&self, digest: &Digest) -> Result<(), VerificationError> {
        VerificationError::check_count("subjects", self.subject.len(), LIMITS.subjects)?;
        for subject in &self.subject {
            VerificationError::check_count("digests of one subject", subject.digest.0.len(), LIMITS.subject_digests)?;
            if let Some(bad) = subject.digest.0.values().find(|text| !is_hexadecimal(text)) {
                let reason = format_args!("`{}` is not a hexadecimal digest", shown(bad));
                return Err(VerificationError::malformed(WHAT, reason));
            }
        }
        let wanted = digest.hex();
        let mut sha256 = self.subject.iter().filter_map(|subject| subject.digest.0.get("sha256"));
        if sha256.clone().any(|found| *found == wanted) {
            return Ok(());
        }
        Err(VerificationError::OtherDigest {
            found: match sha256.next() {
                Some(hex) => format!("sha256:{}", shown(hex)),
                None => "nothing that has a SHA-256 digest".to_owned(),
            },
            expected: *digest,
        })
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Statement, VerificationError> {
        Statement::parse(text.as_bytes(), &Digest::of(b""))
    }

    fn about(subjects: &str) -> String {
        format!(r#"{{"_type":"{V1}","subject":{subjects},"predicateType":"p","predicate":{{}}}}"#)
    }

    #[test]
    fn a_signature_is_a_statement_about_its_digest_only() {
        let statement = signature(&Digest::of(b"a"));
        let read = Statement::parse(&statement, &Digest::of(b"a")).unwrap();
        assert_eq!(read.predicate_type, predicate_type::SIGNATURE);
        assert!(matches!(
            Statement::parse(&statement, &Digest::of(b"b")),
            Err(VerificationError::OtherDigest { .. })
        ));
    }

    #[test]
    fn any_of_several_subjects_may_be_the_one_asked_for() {
        let hex = Digest::of(b"").hex();
        let other = Digest::of(b"other").hex();
        let both = format!(r#"[{{"digest":{{"sha256":"{other}"}}}},{{"name":"n","digest":{{"sha256":"{hex}"}}}}]"#);
        assert!(parse(&about(&both)).is_ok());
    }

    #[test]
    fn subjects_without_the_digest_or_with_it_under_another_algorithm_are_refused() {
        let hex = Digest::of(b"").hex();
        for subjects in [
            "[]".to_owned(),
            "[{}]".to_owned(),
            format!(r#"[{{"digest":{{"sha512":"{hex}"}}}}]"#),
            format!(r#"[{{"name":"sha256:{hex}"}}]"#),
            format!(r#"[{{"digest":{{"sha256":"{}"}}}}]"#, hex.to_uppercase()),
        ] {
            assert!(
                matches!(parse(&about(&subjects)), Err(VerificationError::OtherDigest { .. })),
                "{subjects}"
            );
        }
    }

    #[test]
    fn what_readers_could_take_differently_is_refused() {
        let hex = Digest::of(b"").hex();
        for subjects in [
            format!(r#"[{{"digest":{{"sha256":"{hex}","sha256":"00"}}}}]"#),
            format!(r#"[{{"digest":{{"sha256":"{hex}"}},"digest":{{}}}}]"#),
            format!(r#"[{{"digest":{{"sha256":"{hex}"}},"extra":1}}]"#),
            format!(r#"[{{"digest":{{"sha256":"{hex}","md5":"no"}}}}]"#),
            format!(r#"{{"digest":{{"sha256":"{hex}"}}}}"#),
        ] {
            assert!(
                matches!(parse(&about(&subjects)), Err(VerificationError::Malformed { .. })),
                "{subjects}"
            );
        }
    }

    #[test]
    fn limits_hold() {
        let many = vec!["{}"; LIMITS.subjects + 1].join(",");
        assert!(matches!(
            parse(&about(&format!("[{many}]"))),
            Err(VerificationError::TooMany { .. })
        ));
        let digests: Vec<_> = (0..=LIMITS.subject_digests)
            .map(|index| format!(r#""a{index}":"00""#))
            .collect();
        assert!(matches!(
            parse(&about(&format!(r#"[{{"digest":{{{}}}}}]"#, digests.join(",")))),
            Err(VerificationError::TooMany { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,300}") {
            let _ = parse(&text);
            let _ = parse(&about(&text));
        }
    }
}
