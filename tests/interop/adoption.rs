//! Registries of other makers, written down and adopted; files of other tools, imported.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use landfall::source::author::{self, Identity, Layout};
use tempfile::TempDir;

use crate::registry::{Image, Registry, Software};
use crate::tools;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn landfall(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .env_remove("RUST_LOG")
            .output()
            .unwrap()
    }

    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.landfall(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Commits what was written into `images`, in place.
    fn commit(&self) {
        let mut files = BTreeMap::new();
        collect(&self.path("images"), "", &mut files);
        fs::remove_dir_all(self.path("images")).unwrap();
        author::init(&self.path("images"), Layout::WorkTree, "main").unwrap();
        let author = Identity {
            name: "Ada",
            mail: "ada@example.com",
        };
        let path = self.path("images");
        author::commit(&path, "main", &files, "Write it down", author, Timestamp::now()).unwrap();
    }
}

fn collect(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

async fn tag(registry: &Registry, image: &Image, tags: impl IntoIterator<Item = String>) {
    let digest = image.descriptor.digest.to_string();
    let bytes = registry.manifest(image.repository, &digest).await.unwrap();
    for tag in tags {
        let media_type = &image.descriptor.media_type;
        registry
            .put_manifest(image.repository, &tag, media_type, bytes.clone())
            .await;
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn docker_registry_is_written_down_and_needs_nothing() {
    write_down(Software::DockerRegistry).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn a_registry_with_referrers_is_written_down_and_needs_nothing() {
    write_down(Software::WithReferrers).await;
}

async fn write_down(software: Software) {
    let registry = Registry::start(software);
    let folder = Folder::new();
    let app = registry.push_image("images/app").await;
    tag(&registry, &app, (0..1_100).map(|number| format!("v{number}"))).await;
    tag(&registry, &app, ["latest".to_owned()]).await;
    let deep = registry.push_image("images/team/deep/app").await;
    tag(&registry, &deep, ["v1".to_owned(), "v2".to_owned()]).await;
    let other = registry.push_image("other/app").await;
    tag(&registry, &other, ["v1".to_owned()]).await;
    for number in 0..120 {
        let name: &'static str = format!("images/many/r{number}").leak();
        let image = registry.push_image(name).await;
        tag(&registry, &image, ["v1".to_owned()]).await;
    }

    let prefix = format!("{}/images", registry.address());
    let said = folder.expect(
        0,
        &[
            "snapshot",
            &prefix,
            "--output",
            "images",
            "--plain-http",
            "--write-config",
            "config.toml",
        ],
    );
    assert!(said.contains("1223 tags of 122 repositories"), "{said}");
    folder.commit();
    let glob = format!("{prefix}/**");
    for arguments in [
        &["validate", "images"][..],
        &["fmt", "--check", "images"],
        &["adopt", &glob, "--reason", "ours", "--config", "config.toml"],
        &["plan", "--detailed-exitcode", "--config", "config.toml"],
    ] {
        folder.expect(0, arguments);
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn files_of_other_tools_are_imported_from_docker_registry() {
    import(Software::DockerRegistry).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn files_of_other_tools_are_imported_from_a_registry_with_referrers() {
    import(Software::WithReferrers).await;
}

async fn import(software: Software) {
    let registry = Registry::start(software);
    let app = registry.push_image("team/app").await;
    let tags = ["v1.0.0", "v1.2.0", "v2.0.0", "latest", "edge"].map(str::to_owned);
    tag(&registry, &app, tags).await;
    let digest = app.descriptor.digest.to_string();
    let source = registry.address();
    let regsync = format!(
        "version: 1\ncreds:\n- registry: {source}\n  pass: not to be copied\nsync:\n- source: {source}/team/app\n  \
         target: mirror.example.com/copies/app\n  type: repository\n  tags:\n    allow: ['v1\\..*', latest]\n  \
         schedule: '0 * * * *'\n- source: {source}/team/app:edge\n  target: mirror.example.com/copies/app:unstable\n  \
         type: image\n- source: {source}\n  target: mirror.example.com/all\n  type: registry\n"
    );
    let skopeo = format!(
        "'{source}':\n  images:\n    team/app: [v2.0.0]\n  images-by-semver:\n    team/app: '^1.1'\n  tls-verify: false\n"
    );
    for (kind, text, more, line) in [
        ("regsync", regsync, &[][..], "\"unstable\" = \"DIGEST\""),
        (
            "skopeo-sync",
            skopeo,
            &["--to", "mirror.example.com/copies"],
            "\"v1.2.0\" = \"DIGEST\"",
        ),
    ] {
        let folder = Folder::new();
        fs::write(folder.path("file.yml"), text).unwrap();
        let arguments = ["import", kind, "file.yml", "--output", "images", "--plain-http"];
        let said = folder.expect(0, &[&arguments, more].concat());
        assert!(
            said.contains("Not carried over") && !said.contains("not to be copied"),
            "{said}"
        );
        folder.expect(0, &["validate", "images"]);
        folder.expect(0, &["fmt", "--check", "images"]);
        let mut files = BTreeMap::new();
        collect(&folder.path("images"), "", &mut files);
        let text: String = files
            .values()
            .map(|bytes| String::from_utf8_lossy(bytes).replace("  ", " "))
            .collect();
        let spaced = text.replace("  ", " ");
        assert!(spaced.contains(&line.replace("DIGEST", &digest)), "{text}");
        assert!(!text.contains("not to be copied"), "{text}");
    }
    // crane sees the same.
    let reference = format!("{source}/team/app:v1.2.0");
    let crane = Command::new(tools::find("crane"))
        .args(["digest", "--insecure", &reference])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(crane.stdout).unwrap().trim(), digest);
}
