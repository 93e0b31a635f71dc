//! Bringing an image to the endpoints that lack it, and what travels with it.

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::carry::{Carriage, index_entry};
use super::failure::Failure;
use super::journal::Journal;
use super::unit::{Completions, UnitTask};
use super::world::World;
use crate::model::{Carried, EndpointIndex, EndpointSet, Repository};
use crate::plan::Provider;
use crate::registry::Pushed;
use crate::transfer::ImageTree;

impl<W: World> UnitTask<W> {
    /// One read serves all endpoints; each is completed as soon as the image and all that travels with it stand there.
    pub(super) async fn copy(
        &self,
        from: &[Provider],
        carried: &[Carried],
        at: EndpointSet,
        completions: &Completions,
    ) {
        if let Err(failure) = self.copy_to(from, carried, at, completions).await {
            for endpoint in at.iter() {
                completions.complete(endpoint, Err(failure.clone()));
            }
        }
    }

    /// An error is one before anything was written anywhere.
    async fn copy_to(
        &self,
        from: &[Provider],
        carried: &[Carried],
        at: EndpointSet,
        completions: &Completions,
    ) -> Result<(), Failure> {
        let tree = self.tree(from).await?;
        self.ensure_admitted()?;
        let sources = self.sources(from)?;
        let endpoints: Vec<EndpointIndex> = at.iter().collect();
        let places: Vec<Repository> = at.iter().map(|endpoint| self.view.place(endpoint).clone()).collect();
        // A kill between the manifest and the last look at its blobs leaves an image that only looks whole.
        self.world.journal().will_copy(&places, self.view.digest)?;
        let carriage = Carriage::new(carried, sources.clone());
        let taken = |bytes| self.taken(bytes);
        let copies = self
            .shared
            .transfer
            .copy_tree(self.world.registry(), tree, &sources, &places, &taken);
        let mut copies = std::pin::pin!(copies);
        let mut carrying: FuturesUnordered<BoxFuture<'_, (EndpointIndex, Result<(), Failure>)>> =
            FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some((endpoint, result)) = carrying.next() => completions.complete(endpoint, result.map(|()| None)),
                Some(copied) = copies.next() => {
                    let endpoint = endpoints[copied.destination];
                    match copied.result {
                        Ok(pushed) => {
                            let rest = self.finish_copy(tree, pushed, &carriage, self.view.place(endpoint));
                            carrying.push(rest.map(move |result| (endpoint, result)).boxed());
                        }
                        Err(error) => completions.complete(endpoint, Err(Failure::transfer(&error))),
                    }
                }
                else => return Ok(()),
            }
        }
    }

    /// What comes after the image itself at one endpoint.
    async fn finish_copy(
        &self,
        tree: &ImageTree,
        pushed: Pushed,
        carriage: &Carriage<'_>,
        place: &Repository,
    ) -> Result<(), Failure> {
        // What is promoted may itself refer to something.
        if let Some(subject) = &tree.root().manifest.subject
            && !pushed.subject_acknowledged
        {
            self.list(place, &subject.digest, &index_entry(tree.root())).await?;
        }
        self.carry(carriage, place).await
    }

    /// The image's manifests, read once for all steps that copy it.
    pub(super) async fn tree(&self, from: &[Provider]) -> Result<&ImageTree, Failure> {
        let sources = self.sources(from)?;
        let (registry, limits) = (self.world.registry(), &self.shared.limits);
        let read = async {
            let read = self
                .shared
                .transfer
                .read_from(registry, &self.view.digest, &sources, limits)
                .await;
            read.map_err(|error| Failure::transfer(&error))
        };
        let read = read.boxed();
        self.tree.get_or_init(|| read).await.as_ref().map_err(Clone::clone)
    }

    /// Where the step's providers are.
    pub(super) fn sources(&self, from: &[Provider]) -> Result<Vec<Repository>, Failure> {
        let admission = self.admission()?;
        let sources = from
            .iter()
            .map(|provider| self.view.provider(*provider, admission).1.clone());
        Ok(sources.collect())
    }
}
