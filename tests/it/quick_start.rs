//! The README's quick start, followed to the letter.

use std::fs;
use std::path::Path;

use landfall::demo::registry::{EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{Repository, Tag};
use landfall::sim::Seed;
use landfall::sim::images::ImageRecipe;
use landfall::sim::registry::Store;

use crate::small_site::{CONVERGED, Daemon};

/// The lines to type, in order; a backslash at the end of a line goes on with the next.
fn lines() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(readme).unwrap();
    let (_, section) = text.split_once("\n## Quick start").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let code = section
        .lines()
        .filter(|line| line.starts_with("    "))
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['[', '"']))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("\\\n", " ");
    code.lines().map(str::to_owned).collect()
}

struct Machine {
    folder: tempfile::TempDir,
    /// Names in the README, and what they are here.
    names: Vec<(&'static str, String)>,
}

impl Machine {
    fn command(&self, line: &str) -> tokio::process::Command {
        let program = Path::new(env!("CARGO_BIN_EXE_landfall")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut line = line.to_owned();
        for (name, here) in &self.names {
            line = line.replace(name, here);
        }
        let mut command = tokio::process::Command::new("bash");
        command
            .args(["-c", &line])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            // What `export` in the README's shell leaves behind for the lines after it.
            .env("COSIGN_PASSWORD", "correct horse battery staple");
        command
    }

    async fn types(&self, line: &str) {
        let output = self.command(line).output().await.unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }

    /// Removes the `#` before the lines about the signer, and before nothing else.
    fn activate_signer(&self, file: &str) {
        let path = self.folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let keys = ["signer ", "[signers.", "public-key", "private-key", "password-file"];
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest) if keys.iter().any(|key| rest.starts_with(key)) => rest,
            _ => line,
        });
        let changed = lines.collect::<Vec<_>>().join("\n") + "\n";
        assert_ne!(changed, text, "{file} has lines about the signer");
        fs::write(path, changed).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_ends_with_a_signed_image_at_every_endpoint() {
    let store = Store::new();
    let start = async || {
        let options = EmbeddedOptions {
            store: store.clone(),
            ..EmbeddedOptions::default()
        };
        EmbeddedRegistry::start(options).await.unwrap()
    };
    let (source, primary, mirror) = (start().await, start().await, start().await);
    let image = ImageRecipe::multi(2).make(Seed(7));
    let staging: Repository = format!("{}/staging/hello", source.registry()).parse().unwrap();
    image.push(&store, &staging);
    let machine = Machine {
        folder: tempfile::tempdir().unwrap(),
        names: vec![
            ("registry.example.com/staging", format!("{}/staging", source.registry())),
            (
                "registry.example.com/production",
                format!("{}/production", primary.registry()),
            ),
            ("eu.example.com", mirror.registry().to_string()),
        ],
    };
    let mut typed = Vec::new();
    for line in lines() {
        // Installed already; and a foreign program, which the tests of interoperability run.
        if line.starts_with("cargo install") || line.starts_with("cosign ") {
            continue;
        }
        if line.starts_with("landfall validate") {
            machine.activate_signer("releases/landfall.toml");
            machine.activate_signer("config.toml");
            let promotions = machine.folder.path().join("releases/promotions/example/images.toml");
            let text = format!("[images.hello.tags]\n\"v1.0.0\" = \"{}\"\n", image.root());
            fs::write(promotions, text).unwrap();
        }
        if line.starts_with("landfall run") {
            let mut run = Daemon::start(machine.command(&format!("exec {line}")));
            run.says(CONVERGED).await;
            assert_eq!(run.stop().await, Some(0), "{}", run.said);
        } else {
            machine.types(&line).await;
        }
        typed.push(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    }
    for command in ["init", "key", "validate", "plan", "apply", "accept", "run"] {
        assert!(typed.contains(&format!("landfall {command}")), "{typed:?}");
    }
    let signature = Tag::cosign(&image.root(), "sig");
    for registry in [&primary, &mirror] {
        let place: Repository = format!("{}/production/hello", registry.registry()).parse().unwrap();
        assert_eq!(store.tag(&place, &"v1.0.0".parse().unwrap()), Some(image.root()));
        assert!(store.tag(&place, &signature).is_some(), "{place} is signed");
    }
}
