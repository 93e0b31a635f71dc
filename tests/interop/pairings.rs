//! Every registry as the source, the primary and the mirror of every other: an image is promoted, damaged and repaired,
//! and cosign and crane judge.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use landfall::model::Capability;
use landfall::trust::statement::predicate_type;

use crate::registry::{Registry, Software};
use crate::sampling::chosen;
use crate::servers::USER;
use crate::site::Site;
use crate::stage::{Stage, TAG};

/// Cells that are played at once: each waits for one program after the other.
const AT_ONCE: usize = 3;

/// From where to where.
#[derive(Debug, Clone, Copy)]
struct Cell {
    source: Software,
    primary: Software,
    mirror: Software,
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            primary,
            mirror,
        } = self;
        write!(formatter, "{source:?} to {primary:?} and {mirror:?}")
    }
}

/// For each two roles, every ordered pair of registries plays them.
fn all_cells() -> Vec<Cell> {
    let all = Software::ALL;
    let pairs = (0..all.len()).flat_map(|source| (0..all.len()).map(move |primary| (source, primary)));
    pairs
        .map(|(source, primary)| Cell {
            source: all[source],
            primary: all[primary],
            mirror: all[(source + primary) % all.len()],
        })
        .collect()
}

impl Cell {
    async fn play(self, registries: &BTreeMap<Software, Registry>) {
        let site = |software: Software, role: &str, image: &str| {
            let path = format!("{USER}/{:?}-{:?}/{role}", self.source, self.primary).to_lowercase();
            Site::new(registries[&software].another_client(), &path, image)
        };
        let source = site(self.source, "source", "app");
        let primary = site(self.primary, "primary", "team/app");
        let mirror = site(self.mirror, "mirror", "team/app");
        let stage = Stage::between(source, vec![primary, mirror]).await;
        let actions = Vec::from_iter(stage.planned_actions());
        assert_eq!(actions, ["attach", "copy", "sign", "tag"]);
        stage.apply("the promotion");
        let promoted = Self::assert_promoted(&stage, "promoted").await;

        let repairs = Self::damage(&stage).await;
        assert_eq!(Vec::from_iter(stage.planned_actions()), repairs);
        stage.apply("the repair");
        let repaired = Self::assert_promoted(&stage, "repaired").await;
        assert_eq!(repaired, promoted, "something was signed again");
        stage.forget();
        stage.assert_nothing_is_left_to_do("found by whoever remembers nothing");
    }

    /// The same stands at both endpoints, and nothing is left to do. Returns the digests of all that was signed.
    async fn assert_promoted(stage: &Stage, why: &str) -> Vec<String> {
        let mut signed = Vec::new();
        for site in &stage.endpoints {
            let why = format!("{why}, at {:?}", site.registry.software);
            stage.assert_complete(site, &why).await;
            let mut here = Vec::new();
            for predicate in [predicate_type::SIGNATURE, predicate_type::PROMOTION] {
                let bundles = site.bundles(&stage.digest(), predicate).await;
                assert_eq!(bundles.len(), 1, "{why}: {predicate}");
                here.extend(bundles.iter().map(ToString::to_string));
            }
            let entries = site.entries(&stage.digest()).await;
            assert_eq!(entries.len(), 1, "{why}: entries");
            here.push(entries[0].id().to_string());
            signed.push(here);
        }
        assert_eq!(signed[0], signed[1], "{why}");
        stage.assert_nothing_is_left_to_do(why);
        signed.swap_remove(0)
    }

    /// Moves the tag everywhere, and takes the signatures away at one endpoint, if one deletes anything. Returns what
    /// there is to repair.
    async fn damage(stage: &Stage) -> &'static [&'static str] {
        for site in &stage.endpoints {
            stage.crane(&["tag", &site.by_digest(&stage.platform), TAG]);
        }
        let deletes = |site: &&Site| site.registry.software.can(Capability::ManifestDeletion);
        let Some(site) = stage.endpoints.iter().rev().find(deletes) else {
            return &["tag"];
        };
        site.registry.lose_tag(site.repository, &stage.signature_tag()).await;
        site.delete_bundles(&stage.digest(), predicate_type::SIGNATURE).await;
        &["attach", "tag"]
    }

    /// Plays the cell in this thread, with connections of its own.
    fn outcome(self, registries: &BTreeMap<Software, Registry>) -> Result<(), String> {
        let played = catch_unwind(AssertUnwindSafe(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(self.play(registries));
        }));
        played.map_err(|panic| format!("{self}: {}", said(&*panic)))
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
}

#[test]
fn every_two_registries_meet_in_every_two_roles() {
    type Roles = fn(&Cell) -> (Software, Software);
    let roles: [Roles; 3] = [
        |cell| (cell.source, cell.primary),
        |cell| (cell.source, cell.mirror),
        |cell| (cell.primary, cell.mirror),
    ];
    for pair in roles {
        let met: std::collections::BTreeSet<_> = all_cells().iter().map(pair).collect();
        assert_eq!(met.len(), Software::ALL.len() * Software::ALL.len());
    }
}

/// `LANDFALL_CELLS` chooses those whose name contains it, as in `LANDFALL_CELLS="Gitea to Ferro"`, and `LANDFALL_SAMPLE` a
/// sample of those.
#[test]
#[ignore = "needs scripts/interop-tools, takes minutes"]
fn every_registry_is_source_primary_and_mirror_of_every_other() {
    let cells = chosen(all_cells());
    let needed = cells.iter().flat_map(|cell| [cell.source, cell.primary, cell.mirror]);
    let mut registries = BTreeMap::new();
    for software in needed {
        registries.entry(software).or_insert_with(|| Registry::start(software));
    }
    let queue = Mutex::new(cells.iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(cell) = next() {
                    if let Err(why) = cell.outcome(&registries) {
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push(why);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (failed, all) = (failures.len(), cells.len());
    assert!(
        failures.is_empty(),
        "{failed} of {all} cells failed:\n{}",
        failures.join("\n")
    );
}
