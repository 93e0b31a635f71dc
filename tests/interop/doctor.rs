//! What `landfall doctor` says of registries of other makers is true.

use std::process::Command;

use landfall::model::Capability;
use serde_json::Value;

use crate::cosign::Cosign;
use crate::registry::{Registry, Software};
use crate::servers::{PASSWORD, USER};

/// What the doctor says of a prefix, and its exit code.
fn examine(registry: &Registry, password: &str, more: &[&str]) -> (Value, Option<i32>) {
    let folder = Cosign::new();
    let prefix = format!("{}/{USER}/images", registry.address());
    folder.write("registry.password", password);
    let configuration = format!(
        "allow-writes = [\"{prefix}\"]\n\n[storage]\nstate = \"state\"\ncache = \"cache\"\n{}",
        registry.server().configuration()
    );
    folder.write("config.toml", configuration);
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["doctor", &prefix, "--format", "json"])
        .args(more)
        .arg("--config")
        .arg(folder.path("config.toml"))
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = serde_json::from_slice(&output.stdout);
    (said.unwrap_or_else(|_| panic!("{output:?}")), output.status.code())
}

/// What is said otherwise than it is.
fn false_answers(software: Software, said: &Value, may_be_unknown: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for capability in Capability::ALL {
        let found = &said["capabilities"][capability.as_str()];
        let expected = if software.can(*capability) { "yes" } else { "no" };
        let is_unknown = found.is_null() || found["answer"] == "unknown";
        if found["answer"] != expected && !(may_be_unknown && is_unknown) {
            wrong.push(format!("{software:?} {capability}: {expected}, said: {found}"));
        }
    }
    wrong
}

fn says_that_case_is_ignored(said: &Value) -> bool {
    let conclusions = said["conclusions"].as_array().unwrap();
    conclusions
        .iter()
        .any(|conclusion| conclusion["text"].as_str().unwrap().contains("differ only in case"))
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_the_doctor_says_of_a_registry_is_true() {
    let mut wrong = Vec::new();
    for software in Software::ALL {
        let registry = Registry::start(software);
        let (said, code) = examine(&registry, PASSWORD, &["--write"]);
        wrong.extend(false_answers(software, &said, false));
        if says_that_case_is_ignored(&said) != (software == Software::Gitea) {
            wrong.push(format!("{software:?} and upper case: {:#}", said["conclusions"]));
        }
        let left = said["trial"]["left"].as_array().map(Vec::len);
        let cleans_up = software.can(Capability::ManifestDeletion);
        if cleans_up != (left == Some(0)) || code != Some(if cleans_up { 0 } else { 2 }) {
            wrong.push(format!("{software:?} ends with {code:?}: {:#}", said["trial"]));
        }
        // Whoever only reads learns less, and nothing else.
        registry.push_image("landfall/images").await;
        let (said, code) = examine(&registry, PASSWORD, &[]);
        wrong.extend(false_answers(software, &said, true));
        if code != Some(0) {
            wrong.push(format!("{software:?} ends with {code:?}: {said:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn a_wrong_password_is_refused_access_and_not_shown() {
    let wrong = "not the password";
    for software in [
        Software::DockerRegistryWithPassword,
        Software::DockerRegistryWithTokens,
        Software::Gitea,
    ] {
        let (said, code) = examine(&Registry::start(software), wrong, &["--write"]);
        assert_eq!(code, Some(4), "{software:?}: {said:#}");
        let answers = said["checks"].as_array().unwrap().iter();
        let refused: Vec<_> = answers.filter(|check| check["outcome"] == "refused").collect();
        assert_eq!(refused.len(), 1, "{software:?}: {said:#}");
        assert!(!said.to_string().contains(wrong), "{software:?}: {said:#}");
    }
}
