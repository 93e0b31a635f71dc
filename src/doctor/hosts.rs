//! Registries known by their hosts, and which of their settings take away what landfall put there.

use crate::model::Registry;

/// A kind of registry, by its name.
pub struct KnownHost {
    pub name: &'static str,
    /// Settings that hurt, each with what to do instead.
    pub retention: &'static [&'static str],
}

/// Amazon ECR user guide, "Lifecycle policies" and "Image tag mutability"; aws/containers-roadmap#2613.
const AMAZON: KnownHost = KnownHost {
    name: "Amazon ECR",
    retention: &[
        "Lifecycle rules that count (`imageCountMoreThan`) count indexes, signatures and `sha256-…` tags as images, and \
         `tagStatus: any` or `untagged` takes what is promoted by digest: select by `tagPatternList`, and preview the \
         policy.",
        "`imageTagMutability: IMMUTABLE` keeps `sha256-…` tags from taking a second signature or referrer: use \
         `IMMUTABLE_WITH_EXCLUSION` with the filter `sha256-*`.",
        "Pushing makes no repository unless a repository creation template says so: create them first.",
    ],
};

/// Artifact Registry documentation, "Configure cleanup policies".
const GOOGLE: KnownHost = KnownHost {
    name: "Google Artifact Registry",
    retention: &[
        "A cleanup policy that deletes by `tagState: untagged` or `any` takes attached signatures and what is promoted by \
         digest. A keep policy wins over it: add one for these packages.",
        "The repository setting `immutable tags` keeps `sha256-…` tags from taking a second signature or referrer.",
    ],
};

/// Azure Container Registry documentation, "Set a retention policy for untagged manifests".
const AZURE: KnownHost = KnownHost {
    name: "Azure Container Registry",
    retention: &[
        "The retention policy for untagged manifests (Premium) and `acr purge --untagged` take what is promoted by digest, \
         for good; a manifest with `delete-enabled` false is spared.",
    ],
};

/// Harbor documentation, "Create Tag Retention Rules" and "Tag Immutability Rules".
const HARBOR: KnownHost = KnownHost {
    name: "Harbor",
    retention: &[
        "Tag retention discards every tag that no rule retains: retain `sha256-*` and untagged artifacts beside your own \
         tags.",
        "An immutability rule that matches `sha256-*` keeps these tags from taking a second signature or referrer, and an \
         artifact with an immutable tag cannot be deleted.",
    ],
};

/// GitLab documentation, "Cleanup policy"; gitlab-org/container-registry#1294.
const GITLAB: KnownHost = KnownHost {
    name: "the GitLab container registry",
    retention: &[
        "Manifests without a tag are collected after a grace period, and no setting spares them: give what is promoted a \
         tag.",
        "A project's cleanup policy removes tags by pattern, number and age: let `Keep tags matching` hold `sha256-.*`.",
    ],
};

/// Red Hat Quay documentation, "Auto-pruning overview" and "Tag expiration".
const QUAY: KnownHost = KnownHost {
    name: "Quay",
    retention: &[
        "Auto-pruning by number counts `sha256-…` tags, by age it takes them, and what no tag holds is collected once the \
         time machine (14 days) lets go of it: leave these repositories out.",
        "An image with the label `quay.expires-after` loses its tag by itself, and is repaired again and again: take the \
         label out where the image is built.",
    ],
};

/// What is known of this registry by its name alone. Harbor, GitLab and Quay run under any name; those that carry theirs
/// are recognised.
pub fn known(registry: &Registry) -> Option<&'static KnownHost> {
    let host = registry.as_str().split(':').next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    let has = |label: &str| labels.contains(&label);
    let amazon = (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")) && has("ecr");
    let google = host.ends_with("-docker.pkg.dev") || host == "gcr.io" || host.ends_with(".gcr.io");
    if amazon {
        Some(&AMAZON)
    } else if google {
        Some(&GOOGLE)
    } else if host.ends_with(".azurecr.io") || host.ends_with(".azurecr.cn") {
        Some(&AZURE)
    } else if has("goharbor") || has("harbor") {
        Some(&HARBOR)
    } else if has("gitlab") {
        Some(&GITLAB)
    } else if has("quay") {
        Some(&QUAY)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_known_by_their_hosts() {
        for (host, name) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "Amazon ECR"),
            ("us-docker.pkg.dev", "Google Artifact Registry"),
            ("acme.azurecr.io", "Azure Container Registry"),
            ("harbor.example.com:8443", "Harbor"),
            ("registry.gitlab.com", "the GitLab container registry"),
            ("quay.io", "Quay"),
        ] {
            assert_eq!(
                known(&host.parse().unwrap()).map(|host| host.name),
                Some(name),
                "{host}"
            );
        }
        for host in [
            "registry.example.com",
            "azurecr.io.example.com",
            "127.0.0.1:5000",
            "s3.amazonaws.com",
        ] {
            assert!(known(&host.parse().unwrap()).is_none(), "{host}");
        }
    }
}
