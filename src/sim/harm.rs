//! What happens to registries behind landfall's back.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, IteratorRandom};

use super::registry::{Store, adds_foreign_referrers, adds_foreign_signatures, moves_tags};
use crate::model::Repository;

/// Does one random thing to one of these repositories. Returns what was done, for the seed's story.
pub fn harm(store: &Store, repositories: &[Repository], rng: &mut SmallRng) -> Option<String> {
    let standing: Vec<&Repository> = repositories
        .iter()
        .filter(|repository| store.contents(repository).is_some())
        .collect();
    let repository = *standing.choose(rng)?;
    let contents = store.contents(repository)?;
    let done = match rng.random_range(0..9) {
        0 | 1 => {
            let tag = contents.tags.keys().choose(rng)?;
            store.delete_tag(repository, tag);
            format!("delete tag {tag}")
        }
        2 | 3 => {
            let digest = contents.manifests.keys().choose(rng)?;
            store.delete_manifest(repository, digest);
            format!("delete manifest {digest}")
        }
        4 => {
            let digest = contents.blobs.iter().choose(rng)?;
            store.lose_blob(repository, digest);
            format!("lose blob {digest}")
        }
        5 => {
            store.drop_repository(repository);
            "drop the repository".to_owned()
        }
        6 => {
            moves_tags()(store, repository, rng);
            "move a tag".to_owned()
        }
        7 => {
            adds_foreign_signatures()(store, repository, rng);
            "add a foreign signature".to_owned()
        }
        _ => {
            adds_foreign_referrers()(store, repository, rng);
            "add a foreign referrer".to_owned()
        }
    };
    Some(format!("{repository}: {done}"))
}
