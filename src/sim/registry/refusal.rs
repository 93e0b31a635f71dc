//! Errors as the OCI distribution specification has registries name them.

use std::fmt;

use thiserror::Error;

/// Why a registry does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    pub code: RefusalCode,
    /// The HTTP status.
    pub status: u16,
    pub message: String,
}

macro_rules! codes {
    ($($name:ident = $text:literal, $status:literal;)*) => {
        /// OCI distribution specification, "Error Codes".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RefusalCode { $($name),* }

        impl RefusalCode {
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
        }
    };
}

codes! {
    BlobUnknown = "BLOB_UNKNOWN", 404;
    BlobUploadInvalid = "BLOB_UPLOAD_INVALID", 400;
    BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN", 404;
    DigestInvalid = "DIGEST_INVALID", 400;
    ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN", 404;
    ManifestInvalid = "MANIFEST_INVALID", 400;
    ManifestUnknown = "MANIFEST_UNKNOWN", 404;
    NameInvalid = "NAME_INVALID", 400;
    NameUnknown = "NAME_UNKNOWN", 404;
    SizeInvalid = "SIZE_INVALID", 400;
    Unauthorized = "UNAUTHORIZED", 401;
    Denied = "DENIED", 403;
    Unsupported = "UNSUPPORTED", 405;
    TooManyRequests = "TOOMANYREQUESTS", 429;
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Refusal {
    #[must_use]
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            message: message.into(),
        }
    }

    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}
