//! The cells of [`Action::Delete`]: tags and manifests deleted at registries that delete both, one or neither.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join_all;
use landfall::demo::registry::{Access, EmbeddedOptions, EmbeddedRegistry};
use landfall::http::Timeouts;
use landfall::model::{Digest, Repository, Tag};
use landfall::registry::{ErrorKind, HttpRegistries, RegistryError, Removal, WritableRegistry as _};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::{Behaviour, Contents, Store};

use super::client::{PATIENCE, embedded_credentials, impatient, registries};
use crate::faults::{Action, Elsewhere, Fault, FaultProxy};

/// What landfall says of a deletion.
type Told = Result<Removal, RegistryError>;

/// What is to be deleted.
enum Thing {
    Tag(Tag),
    Manifest(Digest),
}

impl fmt::Display for Thing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Manifest(digest) => digest.fmt(formatter),
        }
    }
}

impl Thing {
    fn stands_in(&self, contents: &Contents) -> bool {
        match self {
            Self::Tag(tag) => contents.tags.contains_key(tag),
            Self::Manifest(digest) => contents.manifests.contains_key(digest),
        }
    }

    fn is_deleted_by(&self, behaviour: &Behaviour) -> bool {
        match self {
            Self::Tag(_) => behaviour.deletes_tags,
            Self::Manifest(_) => behaviour.deletes_manifests,
        }
    }

    /// What is left once it is gone.
    fn gone_from(&self, mut contents: Contents, behaviour: &Behaviour) -> Contents {
        match self {
            Self::Tag(tag) => {
                contents.tags.remove(tag);
            }
            Self::Manifest(digest) => {
                contents.manifests.remove(digest);
                if behaviour.deletes_tags_with_manifest {
                    contents.tags.retain(|_, stands_on| stands_on != digest);
                }
            }
        }
        contents
    }
}

/// Which requests meet the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Struck {
    Deletes,
    /// Also tokens, and the looks whether it is gone.
    Everything,
    Nothing,
}

/// A registry behind its proxy.
struct Place {
    store: Store,
    behaviour: Behaviour,
    registry: EmbeddedRegistry,
    wants_credentials: bool,
    proxy: FaultProxy,
    images: [Image; 2],
    /// The paths of deletions that reached the registry.
    deletions: Arc<Mutex<Vec<String>>>,
}

impl Place {
    async fn set(access: Access, behaviour: Behaviour, elsewhere: &Elsewhere, client: reqwest::Client) -> Self {
        let store = Store::new();
        let wants_credentials = !matches!(access, Access::Anonymous);
        let options = EmbeddedOptions {
            store: store.clone(),
            access,
            behaviour: behaviour.clone(),
            ..EmbeddedOptions::default()
        };
        let registry = EmbeddedRegistry::start(options).await.unwrap();
        let proxy = FaultProxy::start(&registry.address().to_string(), elsewhere, client).await;
        let deletions = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&deletions);
        proxy.look(move |seen, _| {
            if seen.action == Action::Delete {
                log.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(seen.path.clone());
            }
        });
        Self {
            store,
            behaviour,
            registry,
            wants_credentials,
            proxy,
            images: [1, 2].map(|seed| ImageRecipe::single().make(Seed(seed))),
            deletions,
        }
    }

    fn repository(&self, at: &str) -> Repository {
        format!("{at}/images/app").parse().unwrap()
    }

    fn contents(&self) -> Contents {
        let here = self.repository(&self.registry.registry().to_string());
        self.store.contents(&here).unwrap()
    }

    /// Two tags on one image, one on another.
    fn fill(&self) {
        let here = self.repository(&self.registry.registry().to_string());
        let [one, other] = &self.images;
        for image in &self.images {
            image.push(&self.store, &here);
        }
        for (tag, image) in [("v1", one), ("v1-again", one), ("v2", other)] {
            self.store.set_tag(&here, &tag.parse().unwrap(), image.root());
        }
    }

    fn things(&self) -> [Thing; 4] {
        [
            Thing::Tag("v1".parse().unwrap()),
            Thing::Tag("absent".parse().unwrap()),
            Thing::Manifest(self.images[1].root()),
            Thing::Manifest(Digest::of(b"absent")),
        ]
    }

    async fn delete(&self, registries: &HttpRegistries, thing: &Thing) -> Result<Told, String> {
        let repository = self.repository(&self.proxy.address());
        let deletion = async {
            match thing {
                Thing::Tag(tag) => registries.delete_tag(&repository, tag).await,
                Thing::Manifest(digest) => registries.delete_manifest(&repository, digest).await,
            }
        };
        let ended = tokio::time::timeout(PATIENCE, deletion).await;
        ended.map_err(|_| format!("the deletion of {thing} does not end"))
    }

    fn client(&self, timeouts: Timeouts) -> HttpRegistries {
        registries([(self.proxy.address(), self.wants_credentials)].into_iter(), timeouts)
    }

    /// Deletes everything under the fault, and looks what has become of it.
    async fn suffer(&self, fault: Fault, struck: Struck) -> Result<usize, String> {
        self.fill();
        let registries = self.client(impatient());
        self.proxy.set(fault, usize::MAX, move |seen| match struck {
            Struck::Deletes => seen.action == Action::Delete,
            Struck::Everything => true,
            Struck::Nothing => false,
        });
        for thing in self.things() {
            // Any error will do, as long as it is no lie.
            let _ = self.delete_and_judge(&registries, &thing, Some(fault), struck).await?;
        }
        Ok(self.proxy.calm())
    }

    /// Deletes what is left, twice.
    async fn recover(&self) -> Result<(), String> {
        let registries = self.client(Timeouts::default());
        for thing in self.things() {
            for _ in 0..2 {
                let told = self
                    .delete_and_judge(&registries, &thing, None, Struck::Nothing)
                    .await?;
                let as_it_should = match &told {
                    Ok(_) => thing.is_deleted_by(&self.behaviour),
                    Err(error) => error.kind == ErrorKind::Unsupported && !thing.is_deleted_by(&self.behaviour),
                };
                if !as_it_should {
                    return Err(format!("{thing}, once the fault has gone: {told:?}"));
                }
            }
        }
        Ok(())
    }

    async fn delete_and_judge(
        &self,
        registries: &HttpRegistries,
        thing: &Thing,
        fault: Option<Fault>,
        struck: Struck,
    ) -> Result<Told, String> {
        let wrong = |what: &str, told: &Told| Err(format!("{thing} ({struck:?} struck): {what}: {told:?}"));
        let before = self.contents();
        self.deletions.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let told = self.delete(registries, thing).await?;
        let after = self.contents();
        let gone = thing.gone_from(before.clone(), &self.behaviour);
        if after != before && (after != gone || !thing.is_deleted_by(&self.behaviour)) {
            return wrong("something else is gone", &told);
        }
        let deletions = self.deletions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !deletions.iter().all(|path| path.ends_with(&format!("/{thing}"))) {
            return wrong(&format!("other deletions reached the registry: {deletions:?}"), &told);
        }
        // Where everything is said not to be there, nobody can know better.
        let lied_to = fault == Some(Fault::NotFound) && struck == Struck::Everything;
        match &told {
            Ok(Removal::Removed) if thing.stands_in(&after) || !thing.stands_in(&before) => {
                wrong("it is not this that removed it", &told)
            }
            Ok(Removal::Absent) if thing.stands_in(&before) && !lied_to => wrong("it was there", &told),
            Err(error) if error.kind == ErrorKind::Unsupported && thing.is_deleted_by(&self.behaviour) => {
                // A 404 for a tag that stands is how older registries say that they delete none.
                match fault {
                    Some(Fault::NotAllowed | Fault::NotFound) => Ok(told),
                    _ => wrong("the registry can delete it", &told),
                }
            }
            Err(error) if after != before && !error.is_uncertain() => wrong("it was deleted all the same", &told),
            _ => Ok(told),
        }
    }
}

/// Plays the fault's cell: it strikes deletions, then everything, then nothing. Gives how many deletions met it.
pub async fn play(fault: Fault, client: reqwest::Client) -> Result<usize, String> {
    let elsewhere = Elsewhere::start().await;
    let bearer = Access::Bearer {
        credentials: embedded_credentials(),
        anonymous_pull: false,
    };
    let by_digest_only = Behaviour {
        deletes_tags: false,
        ..Behaviour::default()
    };
    let nothing = Behaviour {
        deletes_manifests: false,
        ..by_digest_only.clone()
    };
    let dangling = Behaviour {
        deletes_tags_with_manifest: false,
        head_trusts_tags: true,
        ..Behaviour::default()
    };
    let mut places = Vec::new();
    for (access, behaviour) in [
        (bearer, Behaviour::default()),
        (Access::Basic(embedded_credentials()), by_digest_only),
        (Access::Anonymous, nothing),
        (Access::Anonymous, dangling),
    ] {
        places.push(Place::set(access, behaviour, &elsewhere, client.clone()).await);
    }
    let played = try_join_all(places.iter().map(|place| async {
        let met = place.suffer(fault, Struck::Deletes).await?;
        place.suffer(fault, Struck::Everything).await?;
        place.recover().await?;
        Ok::<_, String>(met)
    }));
    let met: usize = played.await?.into_iter().sum();
    match elsewhere.credentials_shown() {
        0 => Ok(met),
        _ => Err("credentials were shown to another host".to_owned()),
    }
}
