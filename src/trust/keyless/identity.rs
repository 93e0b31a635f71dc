//! Who a certificate was given to.

use std::fmt;

use serde::Serialize;
use sigstore_verify::SubjectAltName;
use sigstore_verify::crypto::CertificateInfo;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName as SubjectNames;

use crate::trust::verification::{VerificationError, printable};

const WHAT: &str = "certificate";

/// How many characters of an identity are repeated: the longest in the field, a workflow's URI, has some 200.
const SHOWN: usize = 500;

/// The one name that Fulcio wrote into a certificate, and whose word it took for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateIdentity {
    pub subject: String,
    pub kind: SubjectKind,
    /// The OIDC issuer.
    pub issuer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    Email,
    Uri,
}

/// What Fulcio copied from the token of a build, as far as it is there (Fulcio, `docs/oid-info.md`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_signer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_trigger: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl CertificateIdentity {
    /// Reads a certificate (DER) that has exactly one name: of several, readers differ in which they take.
    pub(super) fn read(der: &[u8], info: &CertificateInfo) -> Result<Self, VerificationError> {
        let certificate = Certificate::from_der(der).map_err(malformed)?;
        let names = certificate.tbs_certificate.get::<SubjectNames>().map_err(malformed)?;
        let count = names.map_or(0, |(_, names)| names.0.len());
        if count != 1 {
            return Err(malformed(format_args!("it has {count} names: expected one")));
        }
        let (kind, subject) = match &info.identity {
            Some(SubjectAltName::Email(subject)) => (SubjectKind::Email, subject),
            Some(SubjectAltName::Uri(subject)) => (SubjectKind::Uri, subject),
            _ => return Err(malformed("its name is neither an e-mail address nor a URI")),
        };
        let issuer = info
            .issuer
            .clone()
            .filter(|issuer| !issuer.is_empty())
            .ok_or_else(|| malformed("it names no OIDC issuer"))?;
        Ok(Self {
            subject: subject.clone(),
            kind,
            issuer,
        })
    }
}

impl WorkloadClaims {
    pub(super) fn of(info: &CertificateInfo) -> Self {
        let claims = &info.ci_claims;
        Self {
            source_repository: claims.source_repository_uri.clone(),
            source_ref: claims.source_repository_ref.clone(),
            source_digest: claims.source_repository_digest.clone(),
            build_signer: claims.build_signer_uri.clone(),
            build_trigger: claims.build_trigger.clone(),
            run: claims.run_invocation_uri.clone(),
        }
    }
}

impl fmt::Display for CertificateIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, issuer) = (printable(&self.subject, SHOWN), printable(&self.issuer, SHOWN));
        write!(formatter, "{subject} (issuer {issuer})")
    }
}

fn malformed(reason: impl fmt::Display) -> VerificationError {
    VerificationError::malformed(WHAT, reason)
}
