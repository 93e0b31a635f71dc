//! A question with all that is known already and needed to ask it: it can be asked without graph, facts or memory, and
//! so while these go on changing.

use std::fmt;
use std::sync::Arc;

use super::Expectations;
use super::endpoint::any_repository;
use super::evidence::Beside;
use super::failure::LookError;
use super::observer::Observer;
use super::verification::Expected;
use crate::facts::{Ask, Depth};
use crate::graph::Graph;
use crate::model::{Carried, Claim, Digest, EndpointIndex, Repository, Signer, Source, Tag, Target, UnitId};
use crate::registry::Registry;

/// One question at one endpoint.
#[derive(Debug)]
pub struct Look {
    pub ask: Ask,
    pub depth: Depth,
    pub endpoint: EndpointIndex,
    pub(super) subject: Subject,
}

/// What is looked at.
#[derive(Debug)]
pub(super) enum Subject {
    /// Some repository at an endpoint.
    Endpoint(Repository),
    Tags(Repository),
    Tag(Repository, Tag),
    Image(Repository, Digest),
    Evidence(Repository, Beside),
    Source(Offer),
    Chained(Chained),
    /// The claim's own place, read as if it were its source.
    Standing(Offer),
    /// There is nothing to look at, and why.
    Nothing(LookError),
}

/// An image at a registry that claims promote from.
#[derive(Debug)]
pub(super) struct Offer {
    pub repository: Repository,
    pub image: Digest,
    pub expected: Option<Expected>,
    pub travelled: Arc<[Carried]>,
    /// Whose `carry` says what travels.
    pub to: Arc<Target>,
}

/// An image that another target has, in the order in which its endpoints are read.
#[derive(Debug)]
pub(super) struct Chained {
    pub places: Vec<Repository>,
    pub image: Digest,
    pub expected: Option<Expected>,
    pub travelled: Arc<[Carried]>,
    /// Whose `carry` says what travels.
    pub to: Arc<Target>,
    pub target: Arc<str>,
}

impl fmt::Display for Look {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Endpoint(repository) => write!(formatter, "the registry of {repository}"),
            Subject::Tags(repository) => write!(formatter, "the tags of {repository}"),
            Subject::Tag(repository, tag) => write!(formatter, "{repository}:{tag}"),
            Subject::Image(repository, digest) => write!(formatter, "{repository}@{digest}"),
            Subject::Evidence(repository, beside) => write!(formatter, "beside {repository}@{}", beside.image),
            Subject::Source(offer) | Subject::Standing(offer) => {
                write!(formatter, "{}@{}", offer.repository, offer.image)
            }
            Subject::Chained(chained) => write!(formatter, "{} of target {}", chained.image, chained.target),
            Subject::Nothing(_) => write!(formatter, "{:?}", self.ask),
        }
    }
}

impl<R: Registry + Clone> Observer<R> {
    /// Makes a question askable.
    #[must_use]
    pub fn prepare(
        &self,
        graph: &Graph,
        expectations: &dyn Expectations,
        ask: Ask,
        depth: Depth,
        endpoint: EndpointIndex,
    ) -> Look {
        let preparation = Preparation {
            observer: self,
            graph,
            expectations,
            depth,
        };
        Look {
            ask,
            depth,
            endpoint,
            subject: preparation.subject(ask, endpoint).unwrap_or_else(Subject::Nothing),
        }
    }
}

struct Preparation<'a, R> {
    observer: &'a Observer<R>,
    graph: &'a Graph,
    expectations: &'a dyn Expectations,
    depth: Depth,
}

impl<R: Registry + Clone> Preparation<'_, R> {
    fn subject(&self, ask: Ask, endpoint: EndpointIndex) -> Result<Subject, LookError> {
        let graph = self.graph;
        Ok(match ask {
            Ask::Endpoint(target) => {
                Subject::Endpoint(any_repository(graph, target, endpoint).ok_or(LookError::Unclaimed)?)
            }
            Ask::Tags(repository) => Subject::Tags(graph.place(repository, endpoint)),
            Ask::Tag(tag) => {
                let (repository, tag) = graph.tag(tag);
                Subject::Tag(graph.place(repository, endpoint), tag.clone())
            }
            Ask::Image(unit) => Subject::Image(self.place_of(unit, endpoint), graph.unit(unit).digest),
            Ask::Evidence(unit) => Subject::Evidence(self.place_of(unit, endpoint), self.beside(unit)?),
            Ask::Source(unit) => self.source(unit)?,
            Ask::Standing(unit) => self.standing(unit, endpoint)?,
        })
    }

    fn place_of(&self, unit: UnitId, endpoint: EndpointIndex) -> Repository {
        self.graph.place(self.graph.unit(unit).repository, endpoint)
    }

    fn beside(&self, unit: UnitId) -> Result<Beside, LookError> {
        let signer = match self.graph.unit(unit).claim().and_then(|claim| claim.signer.as_ref()) {
            Some(signer) => Some((Arc::clone(signer), self.expected(unit, signer)?)),
            None => None,
        };
        Ok(Beside {
            image: self.graph.unit(unit).digest,
            signer,
            carried: self.expectations.carried(unit),
            depth: self.depth,
        })
    }

    fn expected(&self, unit: UnitId, signer: &Arc<Signer>) -> Result<Expected, LookError> {
        let unit = self.graph.unit(unit);
        Ok(Expected {
            keys: self.observer.verifier.keys(signer)?,
            public_reference: self.graph.public_reference(unit.repository),
            image: unit.digest,
        })
    }

    fn target(&self, unit: UnitId) -> Arc<Target> {
        Arc::clone(self.graph.target(self.graph.target_of(unit)))
    }

    fn standing(&self, unit: UnitId, endpoint: EndpointIndex) -> Result<Subject, LookError> {
        let claim = self.graph.unit(unit).claim().ok_or(LookError::Unclaimed)?;
        let signer = claim.signer.as_ref();
        Ok(Subject::Standing(Offer {
            repository: self.place_of(unit, endpoint),
            image: claim.digest,
            expected: signer.map(|signer| self.expected(unit, signer)).transpose()?,
            travelled: [].into(),
            to: self.target(unit),
        }))
    }

    fn source(&self, unit: UnitId) -> Result<Subject, LookError> {
        let claim = self.graph.unit(unit).claim().ok_or(LookError::Unclaimed)?;
        let expected = claim
            .signer
            .as_ref()
            .map(|signer| self.expected(unit, signer))
            .transpose()?;
        let travelled = self.expectations.travelled(unit);
        let Claim { digest: image, .. } = *claim;
        match &claim.source {
            Source::Registry(repository) => Ok(Subject::Source(Offer {
                repository: repository.clone(),
                image,
                expected,
                travelled,
                to: self.target(unit),
            })),
            Source::Target { .. } => {
                let upstream = self.graph.upstream(unit).ok_or(LookError::Unclaimed)?;
                let standing = self.expectations.standing(upstream).iter();
                Ok(Subject::Chained(Chained {
                    places: standing.map(|endpoint| self.place_of(upstream, endpoint)).collect(),
                    image,
                    expected,
                    travelled,
                    to: self.target(unit),
                    target: Arc::clone(&self.graph.target(self.graph.target_of(upstream)).name),
                }))
            }
        }
    }
}
