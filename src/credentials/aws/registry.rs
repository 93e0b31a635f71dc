//! What a registry's name says of where its tokens come from ("Amazon ECR endpoints and quotas").

use url::Url;

use crate::config::Environment;
use crate::credentials::service::address;
use crate::model::Registry;

/// The API that issues a registry's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenApi {
    pub(super) url: Url,
    pub(super) region: String,
    /// What requests are signed for.
    pub(super) service: &'static str,
    pub(super) target: &'static str,
    /// The end of the names of the partition's other services.
    pub(super) suffix: String,
}

const PRIVATE: (&str, &str) = ("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken");
const PUBLIC: (&str, &str) = ("ecr-public", "SpencerFrontendService.GetAuthorizationToken");

impl TokenApi {
    /// `$AWS_ENDPOINT_URL_ECR`, `$AWS_ENDPOINT_URL_ECR_PUBLIC` or `$AWS_ENDPOINT_URL` take the place of the API's address.
    pub(super) fn of(registry: &Registry, environment: &Environment) -> Result<Self, String> {
        let ((service, target), region, suffix, host) = split(registry, environment)?;
        let variable = match service {
            "ecr" => "AWS_ENDPOINT_URL_ECR",
            _ => "AWS_ENDPOINT_URL_ECR_PUBLIC",
        };
        Ok(Self {
            url: endpoint(environment, variable, &host)?,
            region,
            service,
            target,
            suffix,
        })
    }
}

/// A service's address: what the variable says, else `$AWS_ENDPOINT_URL`, else its host.
pub(super) fn endpoint(environment: &Environment, variable: &str, host: &str) -> Result<Url, String> {
    for name in [variable, "AWS_ENDPOINT_URL"] {
        if let Some(value) = environment.get(name) {
            return address(&value.to_string_lossy(), name);
        }
    }
    address(&format!("https://{host}/"), "the registry's name")
}

type Parts = ((&'static str, &'static str), String, String, String);

fn split(registry: &Registry, environment: &Environment) -> Result<Parts, String> {
    let name = registry.as_str();
    if matches!(name, "public.ecr.aws" | "ecr-public.aws.com") {
        // It is in one region only.
        let region = "us-east-1".to_owned();
        let host = format!("api.ecr-public.{region}.amazonaws.com");
        return Ok((PUBLIC, region, "amazonaws.com".to_owned(), host));
    }
    for (mark, dual, api) in [
        (".dkr.ecr.", false, "api.ecr"),
        (".dkr.ecr-fips.", false, "ecr-fips"),
        (".dkr-ecr.", true, "ecr"),
        (".dkr-ecr-fips.", true, "ecr-fips"),
    ] {
        let Some((region, suffix)) = name.split_once(mark).and_then(|(_, rest)| rest.split_once('.')) else {
            continue;
        };
        // Registries with IPv6 and the APIs that belong to them have domains of their own.
        let (api_suffix, suffix) = match (dual, suffix) {
            (true, "on.aws") => ("api.aws", "amazonaws.com"),
            (true, "on.amazonwebservices.com.cn") => ("api.amazonwebservices.com.cn", "amazonaws.com.cn"),
            (_, suffix) => (suffix, suffix),
        };
        let host = format!("{api}.{region}.{api_suffix}");
        return Ok((PRIVATE, region.to_owned(), suffix.to_owned(), host));
    }
    // A stand-in on this machine.
    let region = region(environment).ok_or_else(|| {
        format!("`{name}` names no region of Amazon's, and neither AWS_REGION nor AWS_DEFAULT_REGION is set")
    })?;
    let host = format!("api.ecr.{region}.amazonaws.com");
    Ok((PRIVATE, region, "amazonaws.com".to_owned(), host))
}

/// The region that this process is told to be in.
pub(super) fn region(environment: &Environment) -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| environment.get(name)?.into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::helper::tests::environment;

    #[test]
    fn the_api_is_the_one_of_the_registrys_region_and_partition() {
        let none = environment("/".as_ref(), &[]);
        for (registry, url, region, service) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "https://api.ecr.eu-west-1.amazonaws.com/",
                "eu-west-1",
                "ecr",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "https://api.ecr.cn-north-1.amazonaws.com.cn/",
                "cn-north-1",
                "ecr",
            ),
            (
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                "https://ecr-fips.us-east-1.amazonaws.com/",
                "us-east-1",
                "ecr",
            ),
            (
                "123456789012.dkr-ecr.eu-west-1.on.aws",
                "https://ecr.eu-west-1.api.aws/",
                "eu-west-1",
                "ecr",
            ),
            (
                "public.ecr.aws",
                "https://api.ecr-public.us-east-1.amazonaws.com/",
                "us-east-1",
                "ecr-public",
            ),
        ] {
            let api = TokenApi::of(&registry.parse().unwrap(), &none).unwrap();
            assert_eq!(
                (api.url.as_str(), api.region.as_str(), api.service),
                (url, region, service)
            );
        }
        let local: Registry = "localhost:5000".parse().unwrap();
        assert!(TokenApi::of(&local, &none).unwrap_err().contains("AWS_REGION"));
        let variables = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9/"),
        ];
        let api = TokenApi::of(&local, &environment("/".as_ref(), &variables)).unwrap();
        assert_eq!(api.url.as_str(), "http://127.0.0.1:9/");
    }
}
