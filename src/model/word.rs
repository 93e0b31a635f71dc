//! Choices that manifests make by a word.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// How a signature is kept at a registry.
    SignatureForm {
        /// cosign v3: a Sigstore bundle as a referrer.
        Bundle = "bundle",
        /// cosign v2: a layer of the manifest under `sha256-<hex>.sig`.
        Tag = "tag",
        /// cosign v2 with OCI 1.1, containers/image: the same payload in a manifest that refers to the image.
        Referrer = "referrer",
    }
);

impl SignatureForm {
    /// What is made where nothing else is asked for.
    pub const DEFAULT: [Self; 2] = [Self::Bundle, Self::Tag];
}

words!(
    /// What landfall attests about a promotion.
    AttestationKind {
        /// `urn:landfall:promotion:v1`
        Promotion = "promotion",
    }
);
words!(
    /// Where signatures and attestations stand.
    SignaturePlacement {
        Replicate = "replicate",
        PrimaryOnly = "primary-only",
    }
);
words!(
    /// What to do about a tag that was moved behind landfall's back.
    Drift {
        Repair = "repair",
        Report = "report",
    }
);
words!(
    /// What to do where one key signed the same statement twice at one place.
    Duplicates {
        Remove = "remove",
        Report = "report",
    }
);
words!(TargetMode {
    Enforce = "enforce",
    /// Plan and report, write nothing.
    Observe = "observe",
});
words!(
    /// Whether what a source offers is checked before it is promoted.
    PolicyMode {
        Off = "off",
    }
);
