//! Platforms that know who runs on them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Registry;

/// Whose ambient identity is shown to a registry: that of the machine, pod or job this process runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    Aws,
    Google,
    Azure,
    Github,
}

/// Ends of the names of Amazon's registries, by partition ("Amazon ECR endpoints and quotas").
const AWS: [&str; 5] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".on.aws",
    ".on.amazonwebservices.com.cn",
];

impl Platform {
    /// Whether this registry is the platform's own, or stands in for it on this machine. An identity shown elsewhere
    /// would be in strangers' hands.
    #[must_use]
    pub fn serves(self, registry: &Registry) -> bool {
        let host = registry.as_str();
        let ends = |ends: &[&str]| ends.iter().any(|end| host.ends_with(end));
        registry.is_loopback()
            || match self {
                Self::Aws => {
                    matches!(host, "public.ecr.aws" | "ecr-public.aws.com")
                        || ends(&AWS) && (host.contains(".dkr.ecr") || host.contains(".dkr-ecr"))
                }
                Self::Google => host == "gcr.io" || ends(&[".gcr.io", ".pkg.dev"]),
                Self::Azure => ends(&[".azurecr.io", ".azurecr.cn", ".azurecr.us"]),
                Self::Github => host == "ghcr.io" || host.starts_with("containers.") && ends(&[".ghe.com"]),
            }
    }

    /// The platform's registries, for people.
    #[must_use]
    pub fn registries(self) -> &'static str {
        match self {
            Self::Aws => "ACCOUNT.dkr.ecr.REGION.amazonaws.com and public.ecr.aws",
            Self::Google => "LOCATION-docker.pkg.dev and gcr.io",
            Self::Azure => "NAME.azurecr.io",
            Self::Github => "ghcr.io",
        }
    }
}

/// As it is written in the configuration.
impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Aws => "aws",
            Self::Google => "google",
            Self::Azure => "azure",
            Self::Github => "github",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_shown_to_its_own_platform_only() {
        for (platform, own, foreign) in [
            (
                Platform::Aws,
                vec![
                    "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                    "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                    "123456789012.dkr-ecr.eu-west-1.on.aws",
                    "public.ecr.aws",
                ],
                vec![
                    "s3.amazonaws.com",
                    "a.dkr.ecr.eu-west-1.amazonaws.com.example.com",
                    "ecr.aws",
                ],
            ),
            (
                Platform::Google,
                vec!["gcr.io", "eu.gcr.io", "europe-west1-docker.pkg.dev"],
                vec!["notgcr.io", "pkg.dev.example.com", "docker.io"],
            ),
            (
                Platform::Azure,
                vec!["acme.azurecr.io", "acme.azurecr.cn"],
                vec!["azurecr.io.example.com", "acmeazurecr.io"],
            ),
            (
                Platform::Github,
                vec!["ghcr.io", "containers.acme.ghe.com"],
                vec!["github.com", "ghcr.io.example.com", "acme.ghe.com"],
            ),
        ] {
            for host in own.into_iter().chain(["127.0.0.1:5000", "localhost:5000"]) {
                assert!(platform.serves(&host.parse().unwrap()), "{platform} {host}");
            }
            for host in foreign {
                assert!(!platform.serves(&host.parse().unwrap()), "{platform} {host}");
            }
        }
    }
}
