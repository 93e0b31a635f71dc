use clap::Parser as _;

use super::*;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    command: VerifyCommand,
}

fn parse(line: &str) -> Result<VerifyCommand, clap::Error> {
    Line::try_parse_from(std::iter::once("verify").chain(line.split(' '))).map(|line| line.command)
}

#[test]
fn whose_signature_counts_has_to_be_said_as_a_whole() {
    let open = |line: &str| parse(line).unwrap().signers.open();
    for (line, complaint) in [
        ("image", "was not said"),
        (
            "image --certificate-identity alice@example.com",
            "together with its issuer",
        ),
        (
            "image --certificate-oidc-issuer https://issuer.example.com",
            "together with its issuer",
        ),
        (
            "image --certificate-identity= --certificate-oidc-issuer i",
            "would be anybody's",
        ),
        (
            "image --certificate-identity-regexp=( --certificate-oidc-issuer i",
            "no regular expression",
        ),
        ("image --key /nonexistent/key.pub", "cannot be read"),
    ] {
        let error = open(line).unwrap_err().to_string();
        assert!(error.contains(complaint), "{line}: {error}");
    }
    let signers = open("image --certificate-identity a --certificate-oidc-issuer-regexp ^i$").unwrap();
    assert_eq!(signers[0].to_string(), "a (issuer /^i$/)");
}

#[test]
fn a_key_and_an_identity_exclude_each_other() {
    assert!(parse("image --key a.pub --certificate-identity a").is_err());
    assert!(parse("image --certificate-identity a --certificate-identity-regexp b").is_err());
    assert!(parse("--key a.pub").is_err());
}

#[test]
fn attestations_are_named_as_cosign_names_them() {
    let wanted = |line: &str| parse(line).unwrap().wanted();
    assert_eq!(wanted("image").unwrap(), Wanted::Signature);
    assert_eq!(
        wanted("image --type slsaprovenance1").unwrap().predicate_type(),
        "https://slsa.dev/provenance/v1"
    );
    assert!(wanted("image --type vulnerabilities").is_err());
}

#[test]
fn annotations_are_pairs() {
    let command = parse("image -a env=prod -a build=1=2").unwrap();
    assert_eq!(command.annotations[1], ("build".to_owned(), "1=2".to_owned()));
    assert!(parse("image -a env").is_err());
}
