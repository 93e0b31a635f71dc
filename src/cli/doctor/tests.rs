//! The doctor against embedded registries, one for each behaviour.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{exit_code, json, text};
use crate::assembly::KnownRegistries;
use crate::cli::ExitCode;
use crate::cli::exit_code::Ended as _;
use crate::config::{Config, Environment};
use crate::demo::registry::{Access, Credentials, EmbeddedOptions, EmbeddedRegistry};
use crate::doctor::{ConclusionKind, Examination, Examiner};
use crate::execute::Stop;
use crate::model::{Ability, Capability, Digest, KnownBy, Prefix, Repository};
use crate::reconcile::cache::Cache;
use crate::reconcile::capabilities::LIFETIME;
use crate::sim::Seed;
use crate::sim::images::ImageRecipe;
use crate::sim::registry::{Behaviour, Store};

const NONCE: &str = "0badcafe";
const PASSWORD: &str = "correct horse battery staple";

struct Surgery {
    registry: EmbeddedRegistry,
    cache: Arc<Cache>,
    stop: Stop,
    /// Further keys of the registry.
    keys: String,
    allow_writes: String,
    now: Timestamp,
}

impl Surgery {
    async fn new(behaviour: Behaviour) -> Self {
        Self::with(EmbeddedOptions {
            behaviour,
            ..EmbeddedOptions::default()
        })
        .await
    }

    async fn with(options: EmbeddedOptions) -> Self {
        let registry = EmbeddedRegistry::start(options).await.unwrap();
        Self {
            allow_writes: format!("\"{}/team\"", registry.registry()),
            registry,
            cache: Arc::new(Cache::in_memory(1 << 20)),
            stop: Stop::new(),
            keys: String::new(),
            now: Timestamp::now(),
        }
    }

    fn prefix(&self) -> Prefix {
        format!("{}/team", self.registry.registry()).parse().unwrap()
    }

    fn config(&self) -> Arc<Config> {
        let text = format!(
            "allow-writes = [{}]\n[storage]\nstate = \"/nonexistent\"\ncache = \"/nonexistent\"\n\
             [registries.\"{}\"]\nplain-http = true\n{}",
            self.allow_writes,
            self.registry.registry(),
            self.keys
        );
        let variables = [("HOME", "/nonexistent"), ("ROBOT_PASSWORD", PASSWORD)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::Fixed(variables.into());
        Arc::new(Config::parse(&text, "/etc/landfall/config.toml".as_ref(), environment).unwrap())
    }

    fn known(&self) -> KnownRegistries {
        KnownRegistries {
            config: self.config(),
            cache: Arc::clone(&self.cache),
        }
    }

    async fn examine(&self, write: bool) -> Result<Examination, miette::Report> {
        let known = self.known();
        let prefix = self.prefix();
        let examiner = Examiner {
            known: &known,
            prefix: &prefix,
            nonce: write.then_some(NONCE),
            now: self.now,
            stop: &self.stop,
        };
        examiner.examine().await.ended()
    }

    async fn read(&self) -> Examination {
        self.examine(false).await.unwrap()
    }

    async fn write(&self) -> Examination {
        self.examine(true).await.unwrap()
    }

    /// Without what differs from run to run.
    fn golden(&self, written: &str) -> String {
        written.replace(self.registry.registry().as_str(), "registry.test")
    }

    /// What stands in the scratch repository.
    fn manifests(&self) -> Vec<Digest> {
        manifests(self.registry.store(), &self.scratch())
    }

    fn scratch(&self) -> Repository {
        format!("{}/landfall-doctor-{NONCE}", self.prefix()).parse().unwrap()
    }
}

fn manifests(store: &Store, repository: &Repository) -> Vec<Digest> {
    let contents = store.contents(repository);
    contents
        .map(|contents| contents.manifests.into_keys().collect())
        .unwrap_or_default()
}

fn can(examination: &Examination, capability: Capability) -> Option<bool> {
    examination.capabilities.can(capability)
}

fn says(examination: &Examination, kind: ConclusionKind, words: &str) -> bool {
    examination
        .conclusions
        .iter()
        .any(|conclusion| conclusion.kind == kind && conclusion.text.contains(words))
}

#[tokio::test]
async fn a_registry_that_does_everything_is_read_without_a_write() {
    let surgery = Surgery::new(Behaviour::default()).await;
    let image = ImageRecipe::single().make(Seed(1));
    let repository: Repository = format!("{}/app", surgery.prefix()).parse().unwrap();
    image.push(surgery.registry.store(), &repository);
    surgery
        .registry
        .store()
        .set_tag(&repository, &"v1".parse().unwrap(), image.root());
    let before = surgery.registry.store().repositories();
    let examination = surgery.read().await;
    assert_eq!(exit_code(&examination), ExitCode::AsDesired);
    assert_eq!(surgery.registry.store().repositories(), before);
    insta::assert_snapshot!(surgery.golden(&text::text(&examination, 100)));
}

#[tokio::test]
async fn a_registry_that_does_everything_is_tried_and_left_as_it_was() {
    let surgery = Surgery::new(Behaviour::default()).await;
    let examination = surgery.write().await;
    insta::assert_snapshot!(surgery.golden(&text::text(&examination, 100)));
    let trial = examination.trial.as_ref().unwrap();
    assert!(trial.left.is_empty() && trial.removed > 5, "{trial:?}");
    let stands = surgery.manifests();
    assert!(stands.is_empty(), "{stands:?}");
}

#[tokio::test]
async fn a_registry_of_the_time_before_the_referrers_api_has_the_fallback_tag() {
    let surgery = Surgery::new(Behaviour::without_referrers()).await;
    let examination = surgery.write().await;
    assert_eq!(can(&examination, Capability::Referrers), Some(false));
    assert_eq!(can(&examination, Capability::Subject), Some(false));
    assert_eq!(can(&examination, Capability::TagDeletion), Some(false));
    let written = format!("{:#}", json::json(&examination));
    insta::assert_snapshot!(surgery.golden(&written));
}

#[tokio::test]
async fn a_registry_that_acknowledges_no_subject_has_both() {
    let surgery = Surgery::new(Behaviour {
        acknowledges_subject: false,
        ..Behaviour::default()
    })
    .await;
    let examination = surgery.write().await;
    assert_eq!(can(&examination, Capability::Referrers), Some(true));
    assert_eq!(can(&examination, Capability::Subject), Some(false));
    assert!(says(
        &examination,
        ConclusionKind::Otherwise,
        "artifacts are not acknowledged"
    ));
}

#[tokio::test]
async fn a_registry_that_drops_what_loses_its_last_tag_is_found_out() {
    for drops_untagged in [true, false] {
        let surgery = Surgery::new(Behaviour {
            drops_untagged,
            ..Behaviour::default()
        })
        .await;
        let examination = surgery.write().await;
        assert_eq!(can(&examination, Capability::DropsUntagged), Some(drops_untagged));
        let said = says(
            &examination,
            ConclusionKind::Otherwise,
            "goes with the last of its tags",
        );
        assert_eq!(said, drops_untagged);
    }
}

#[tokio::test]
async fn a_registry_that_serves_the_image_in_the_place_of_its_referrers_is_found_out() {
    for referrers_api in [true, false] {
        let surgery = Surgery::new(Behaviour {
            resolves_digest_tags: true,
            referrers_api,
            acknowledges_subject: referrers_api,
            ..Behaviour::default()
        })
        .await;
        let examination = surgery.write().await;
        let (kind, text) = if referrers_api {
            (ConclusionKind::Care, "what other tools list under that tag")
        } else {
            (ConclusionKind::Cannot, "no list of referrers can stand there")
        };
        assert!(says(&examination, kind, text));
    }
}

#[tokio::test]
async fn immutable_tags_are_found_and_said_to_hurt_signatures() {
    let surgery = Surgery::new(Behaviour {
        immutable_tags: true,
        referrers_api: false,
        ..Behaviour::default()
    })
    .await;
    let examination = surgery.write().await;
    assert_eq!(can(&examination, Capability::ImmutableTags), Some(true));
    assert!(says(
        &examination,
        ConclusionKind::Cannot,
        "takes no second signature, and the fallback tag no second referrer"
    ));
    assert_eq!(exit_code(&examination), ExitCode::Differences);
    assert!(surgery.manifests().is_empty());
    // Whether tags of signatures are spared is not remembered.
    let later = surgery.read().await;
    assert!(says(&later, ConclusionKind::Care, "Unless `sha256-*` is spared"));
    assert_eq!(exit_code(&later), ExitCode::AsDesired);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_named() {
    let surgery = Surgery::new(Behaviour {
        deletes_tags: false,
        deletes_manifests: false,
        ..Behaviour::default()
    })
    .await;
    let examination = surgery.write().await;
    assert_eq!(can(&examination, Capability::ManifestDeletion), Some(false));
    assert_eq!(can(&examination, Capability::TagDeletion), Some(false));
    let left: Vec<&String> = examination
        .trial
        .iter()
        .flat_map(|trial| &trial.left)
        .map(|(place, _)| place)
        .collect();
    let stands = surgery.manifests();
    assert_eq!(left.len(), stands.len());
    for digest in stands {
        assert!(
            left.iter().any(|place| place.ends_with(&digest.to_string())),
            "{digest}"
        );
    }
    assert_eq!(exit_code(&examination), ExitCode::Differences);
    insta::assert_snapshot!(surgery.golden(&text::text(&examination, 100)));
}

#[tokio::test]
async fn what_is_not_mounted_not_taken_and_not_validated_is_found() {
    let surgery = Surgery::new(Behaviour {
        mounts: false,
        docker_manifests: false,
        validates_content: false,
        ..Behaviour::default()
    })
    .await;
    let examination = surgery.write().await;
    for (capability, expected) in [
        (Capability::Mount, false),
        (Capability::DockerImage, false),
        (Capability::SparseIndex, true),
        (Capability::OciIndex, true),
        (Capability::ChunkedUpload, true),
        (Capability::RangeDownload, true),
        (Capability::TagDigests, false),
    ] {
        assert_eq!(can(&examination, capability), Some(expected), "{capability}");
    }
    let list = examination.capabilities.of(Capability::DockerList).unwrap();
    assert!(matches!(list.ability, Ability::Unknown(_)));
    assert!(says(
        &examination,
        ConclusionKind::Otherwise,
        "indexes whose children are missing"
    ));
}

#[tokio::test]
async fn nothing_is_tried_where_writes_are_not_allowed() {
    let mut surgery = Surgery::new(Behaviour::default()).await;
    surgery.allow_writes = format!("\"{}/team/app\"", surgery.registry.registry());
    let error = surgery.examine(true).await.unwrap_err();
    assert_eq!(ExitCode::of(&error), ExitCode::AccessRefused);
    insta::assert_snapshot!(surgery.golden(&error.to_string()), @r#"
    writing to registry.test/team is not allowed by `allow-writes`; to allow it, have this line in /etc/landfall/config.toml, above the first [section]:
      allow-writes = ["registry.test/team/app", "registry.test/team"]
    "#);
    assert!(surgery.registry.store().repositories().is_empty());
}

#[tokio::test]
async fn what_is_declared_stands_and_what_contradicts_it_is_said() {
    let mut surgery = Surgery::new(Behaviour::default()).await;
    surgery.keys = "capabilities = { mount = false, catalog = true }".to_owned();
    let examination = surgery.write().await;
    assert_eq!(can(&examination, Capability::Mount), Some(false));
    let catalog = examination.capabilities.of(Capability::Catalog).unwrap();
    assert_eq!(catalog.known_by, KnownBy::Declared);
    assert_eq!(examination.contradictions.len(), 1);
    assert_eq!(exit_code(&examination), ExitCode::Differences);
    let shown = text::text(&examination, 200);
    let line = "! mounting blobs: config.toml declares no, and it shows yes; mend `capabilities.mount`";
    assert!(shown.contains(line), "{shown}");
}

#[tokio::test]
async fn what_was_tried_is_remembered_until_it_expires_or_is_contradicted() {
    let mut surgery = Surgery::new(Behaviour::default()).await;
    surgery.write().await;
    surgery.now += Duration::from_secs(3_600);
    let later = surgery.read().await;
    let mount = later.capabilities.of(Capability::Mount).unwrap();
    assert!(matches!(mount.known_by, KnownBy::Remembered(_)), "{mount:?}");
    assert_eq!(can(&later, Capability::Referrers), Some(true));
    let name = surgery.registry.registry().clone();
    surgery
        .registry
        .store()
        .set_behaviour(&name, Behaviour::without_referrers());
    let contradicted = surgery.read().await;
    assert_eq!(can(&contradicted, Capability::Referrers), Some(false));
    assert_eq!(contradicted.contradictions[0].capability, Capability::Referrers);
    assert_eq!(exit_code(&contradicted), ExitCode::AsDesired);
    surgery.now += LIFETIME;
    let expired = surgery.read().await;
    assert_eq!(expired.capabilities.of(Capability::Mount), None);
}

#[tokio::test]
async fn credentials_and_tokens_are_shown_without_their_secrets() {
    let mut surgery = Surgery::with(EmbeddedOptions {
        access: Access::Bearer {
            credentials: Credentials {
                user: "robot".to_owned(),
                password: PASSWORD.to_owned(),
            },
            anonymous_pull: false,
        },
        ..EmbeddedOptions::default()
    })
    .await;
    surgery.keys = "write = { username = \"robot\", password-env = \"ROBOT_PASSWORD\" }".to_owned();
    let examination = surgery.write().await;
    let shown = text::text(&examination, 100);
    assert!(!shown.contains(PASSWORD) && !shown.contains("Bearer"), "{shown}");
    let (connection, _) = shown.split_once("\n\nWhat it does").unwrap();
    insta::assert_snapshot!(surgery.golden(connection));
    assert_eq!(exit_code(&examination), ExitCode::AsDesired);
}

#[tokio::test]
async fn refused_credentials_end_with_4() {
    let mut surgery = Surgery::with(EmbeddedOptions {
        access: Access::Basic(Credentials {
            user: "robot".to_owned(),
            password: "another".to_owned(),
        }),
        ..EmbeddedOptions::default()
    })
    .await;
    surgery.keys = "write = { username = \"robot\", password-env = \"ROBOT_PASSWORD\" }".to_owned();
    let refused = surgery.read().await;
    assert_eq!(exit_code(&refused), ExitCode::AccessRefused);
    let shown = text::text(&refused, 300);
    assert!(
        shown.ends_with("\nNothing more was asked.\n") && shown.contains("are refused"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_registry_that_is_not_there_ends_with_1() {
    let surgery = Surgery::new(Behaviour::default()).await;
    let known = surgery.known();
    let prefix = surgery.prefix();
    surgery.registry.shutdown().await;
    let examiner = Examiner {
        known: &known,
        prefix: &prefix,
        nonce: Some(NONCE),
        now: surgery.now,
        stop: &surgery.stop,
    };
    let examination = examiner.examine().await.unwrap();
    assert_eq!(exit_code(&examination), ExitCode::Failed);
    assert!(examination.trial.is_none());
}

#[tokio::test]
async fn a_trial_that_is_interrupted_cleans_up() {
    let surgery = Surgery::new(Behaviour::default()).await;
    let store = surgery.registry.store().clone();
    let scratch = surgery.scratch();
    let stop = surgery.stop.clone();
    let interrupter = tokio::spawn(async move {
        while manifests(&store, &scratch).is_empty() {
            tokio::task::yield_now().await;
        }
        stop.drain();
    });
    let examination = surgery.write().await;
    interrupter.await.unwrap();
    assert_eq!(exit_code(&examination), ExitCode::Interrupted);
    assert!(examination.trial.as_ref().unwrap().left.is_empty());
    assert!(surgery.manifests().is_empty());
}
