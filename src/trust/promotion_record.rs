//! The promotion record: who promoted what, from where, by which commit, past which gate. Verified for exactly one
//! public reference and digest, it is that claim's admission.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::statement::{self, predicate_type};
use super::verification::{VerificationError, VerifiedStatement};
use super::{PublicKey, bundle};
use crate::model::{Admission, Carried, CommitId, Digest, PolicyMode, RepoPath, Repository, Verdict};

const WHAT: &str = "promotion record";

/// The predicate of type [`predicate_type::PROMOTION`]. Fields that a later version adds are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromotionRecord {
    /// The image's name for the world: the target's public name and the path below it.
    pub public_reference: Repository,
    pub digest: Digest,
    pub source: Repository,
    /// The repository at the target's primary endpoint. Mirrors hold the same record.
    pub destination: Repository,
    /// What travelled with the image.
    pub carried: Arc<[Carried]>,
    pub gate: GateRecord,
    pub git: GitRecord,
    /// When the gate was passed.
    pub admitted_at: Timestamp,
    /// When the record was made.
    pub recorded_at: Timestamp,
    pub landfall: LandfallRecord,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateRecord {
    /// SHA-256 over the policy's canonical text.
    pub policy: Digest,
    pub mode: PolicyMode,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitRecord {
    /// Without credentials.
    pub url: String,
    /// The first-parent commit that introduced the claim.
    pub commit: CommitId,
    pub path: RepoPath,
    pub author: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LandfallRecord {
    pub version: String,
}

/// What is recorded beside the admission.
#[derive(Debug, Clone, Copy)]
pub struct Promotion<'a> {
    pub public_reference: &'a Repository,
    pub digest: &'a Digest,
    /// The repository at the target's primary endpoint.
    pub destination: &'a Repository,
    /// Where the desired state is read from; credentials in it are left out.
    pub git_url: &'a str,
    pub landfall_version: &'a str,
    pub recorded_at: Timestamp,
}

impl PromotionRecord {
    #[must_use]
    pub fn new(promotion: Promotion<'_>, admission: &Admission) -> Self {
        Self {
            public_reference: promotion.public_reference.clone(),
            digest: *promotion.digest,
            source: admission.source.clone(),
            destination: promotion.destination.clone(),
            carried: admission.carried.clone(),
            gate: GateRecord {
                policy: admission.policy,
                mode: admission.mode,
                verdict: admission.verdict,
            },
            git: GitRecord {
                url: without_credentials(promotion.git_url),
                commit: admission.commit,
                path: admission.path.clone(),
                author: admission.author.clone(),
            },
            admitted_at: admission.at,
            recorded_at: promotion.recorded_at,
            landfall: LandfallRecord {
                version: promotion.landfall_version.to_owned(),
            },
        }
    }

    /// The statement to sign, see [`bundle::message_to_sign`].
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        statement::attestation(&self.public_reference, &self.digest, predicate_type::PROMOTION, self)
    }

    /// Verifies a bundle and reads the record in it: signed by one of `keys`, of this predicate type, for exactly this
    /// public reference and digest. A record for another reference says nothing about this one, though the bytes of the
    /// image be the same.
    pub fn verify(
        bundle: &[u8],
        keys: &[PublicKey],
        public_reference: &Repository,
        digest: &Digest,
    ) -> Result<Self, VerificationError> {
        Self::from_statement(&bundle::verify(bundle, keys, digest)?, public_reference, digest)
    }

    /// Reads the record in a statement that was verified for `digest`: the other half of [`Self::verify`].
    pub fn from_statement(
        statement: &VerifiedStatement,
        public_reference: &Repository,
        digest: &Digest,
    ) -> Result<Self, VerificationError> {
        statement.expect_predicate(predicate_type::PROMOTION)?;
        let record =
            Self::deserialize(&statement.predicate).map_err(|error| VerificationError::malformed(WHAT, error))?;
        if record.digest != *digest {
            return Err(VerificationError::OtherDigest {
                found: record.digest.to_string(),
                expected: *digest,
            });
        }
        if record.public_reference != *public_reference {
            return Err(VerificationError::OtherReference {
                found: record.public_reference.to_string(),
                expected: public_reference.clone(),
            });
        }
        Ok(record)
    }

    /// What the record says of the gate: to be kept in `state` again after it was lost.
    #[must_use]
    pub fn admission(&self) -> Admission {
        Admission {
            source: self.source.clone(),
            carried: self.carried.clone(),
            policy: self.gate.policy,
            mode: self.gate.mode,
            verdict: self.gate.verdict,
            commit: self.git.commit,
            path: self.git.path.clone(),
            author: self.git.author.clone(),
            at: self.admitted_at,
        }
    }
}

/// A record is public. User, password, query (where some forges take tokens) and fragment are no part of a
/// repository's name.
fn without_credentials(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        // `user@host:path` and local paths carry no password.
        return url.to_owned();
    };
    if parsed.cannot_be_a_base() {
        return url.to_owned();
    }
    let redundant = parsed.password().is_some()
        || !parsed.username().is_empty() && parsed.scheme().starts_with("http")
        || parsed.query().is_some()
        || parsed.fragment().is_some();
    if !redundant {
        return url.to_owned();
    }
    if parsed.scheme().starts_with("http") {
        // Fails only for URLs without a host, and these have no user.
        let _ = parsed.set_username("");
    }
    let _ = parsed.set_password(None);
    parsed.set_query(None);
    parsed.set_fragment(None);
    parsed.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CarriedKind;
    use crate::trust::PrivateKey;

    fn admission() -> Admission {
        let subject = Digest::of(b"image");
        Admission {
            source: "staging.example.com/dns/coredns".parse().unwrap(),
            carried: vec![
                Carried {
                    digest: Digest::of(b"sbom"),
                    kind: CarriedKind::Referrer { subject },
                },
                Carried {
                    digest: Digest::of(b"sig"),
                    kind: CarriedKind::CosignTag {
                        subject,
                        suffix: "sig".to_owned(),
                    },
                },
            ]
            .into(),
            policy: Digest::of(b"policy"),
            mode: PolicyMode::Off,
            verdict: Verdict::Unchecked,
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            path: "promotions/dns/coredns.toml".into(),
            author: "Ada <ada@example.com>".to_owned(),
            at: "2026-11-01T12:00:00Z".parse().unwrap(),
        }
    }

    fn public_reference() -> Repository {
        "registry.example.com/dns/coredns".parse().unwrap()
    }

    fn record() -> PromotionRecord {
        PromotionRecord::new(
            Promotion {
                public_reference: &public_reference(),
                digest: &Digest::of(b"image"),
                destination: &"us-docker.pkg.dev/acme/images/dns/coredns".parse().unwrap(),
                git_url: "https://ada:secret@git.example.com/acme/images.git?token=secret#x",
                landfall_version: "0.1.0",
                recorded_at: "2026-11-01T12:00:03Z".parse().unwrap(),
            },
            &admission(),
        )
    }

    fn signed(key: &PrivateKey, statement: &[u8]) -> Vec<u8> {
        let signature = key.sign(&bundle::message_to_sign(statement)).unwrap();
        bundle::assemble(key.public_key(), statement, &signature).unwrap()
    }

    #[test]
    fn a_record_gives_back_the_admission_it_was_made_of() {
        let key = PrivateKey::generate().unwrap();
        let bundle = signed(&key, &record().statement());
        let keys = [key.public_key().clone()];
        let read = PromotionRecord::verify(&bundle, &keys, &public_reference(), &Digest::of(b"image")).unwrap();
        assert_eq!(read, record());
        assert_eq!(read.admission(), admission());
    }

    #[test]
    fn the_predicate_is_written_as_documented() {
        insta::assert_json_snapshot!(record());
    }

    #[test]
    fn a_record_for_another_reference_or_digest_does_not_count() {
        let key = PrivateKey::generate().unwrap();
        let keys = [key.public_key().clone()];
        let bundle = signed(&key, &record().statement());
        let elsewhere = "registry.example.com/dns/other".parse().unwrap();
        assert!(matches!(
            PromotionRecord::verify(&bundle, &keys, &elsewhere, &Digest::of(b"image")),
            Err(VerificationError::OtherReference { .. })
        ));
        let other = Digest::of(b"other image");
        let contradicting = statement::attestation(&public_reference(), &other, predicate_type::PROMOTION, &record());
        assert!(matches!(
            PromotionRecord::verify(&signed(&key, &contradicting), &keys, &public_reference(), &other),
            Err(VerificationError::OtherDigest { .. })
        ));
    }

    #[test]
    fn a_signature_is_no_record() {
        let key = PrivateKey::generate().unwrap();
        let digest = Digest::of(b"image");
        let bundle = signed(&key, &statement::signature(&digest));
        assert!(matches!(
            PromotionRecord::verify(&bundle, &[key.public_key().clone()], &public_reference(), &digest),
            Err(VerificationError::Predicate { .. })
        ));
    }

    #[test]
    fn credentials_never_reach_a_record() {
        for (given, recorded) in [
            ("https://u:p@git.example.com/a.git", "https://git.example.com/a.git"),
            ("https://token@git.example.com/a.git", "https://git.example.com/a.git"),
            (
                "https://git.example.com/a.git?private_token=t",
                "https://git.example.com/a.git",
            ),
            ("ssh://git:p@git.example.com/a.git", "ssh://git@git.example.com/a.git"),
            ("ssh://git@git.example.com/a.git", "ssh://git@git.example.com/a.git"),
            ("git@git.example.com:a.git", "git@git.example.com:a.git"),
            ("file:///srv/images", "file:///srv/images"),
            ("../images", "../images"),
        ] {
            assert_eq!(without_credentials(given), recorded, "{given}");
        }
    }
}
