//! Asks registries what the planner wants to know.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::budget::Counted;
use super::evidence::{self, Beside};
use super::expectations::Expectations;
use super::failure::LookError;
use super::place::Place;
use super::schedule::Schedule;
use super::verdict::KeptVerdicts;
use super::verification::{Expected, Verifier};
use super::{ObserveLimits, endpoint, image, source};
use crate::facts::{Answer, Ask, Depth, Question, SourceAnswer, SourceImage};
use crate::graph::{Graph, Unit};
use crate::model::{Claim, EndpointIndex, EndpointSet, Limits, Repository, Signer, Source, UnitId};
use crate::registry::Registry;

/// Answers questions, and remembers from one call to the next what it has verified. `R` is cloned for each call: a
/// handle on shared state.
#[derive(Debug)]
pub struct Observer<R> {
    registry: R,
    limits: ObserveLimits,
    content: Limits,
    verifier: Verifier,
}

/// One endpoint's answer to one question: what [`crate::facts::Facts::record`] takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub ask: Ask,
    pub depth: Depth,
    pub endpoint: EndpointIndex,
    pub answer: Answer,
}

/// What came of a round of questions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// In the order of the questions, then of endpoints, whatever the order in which registries answered.
    pub answers: Vec<Answered>,
    /// Questions, or endpoints of questions, that the budget or the stop left unasked.
    pub left: Vec<Question>,
    /// How many requests were made.
    pub requests: u64,
}

impl<R: Registry + Clone> Observer<R> {
    /// `content` limits what is read from registries; `kept` holds what earlier processes verified.
    #[must_use]
    pub fn new(registry: R, limits: ObserveLimits, content: Limits, kept: Option<Arc<dyn KeptVerdicts>>) -> Self {
        Self {
            registry,
            verifier: Verifier::new(&limits, kept),
            limits,
            content,
        }
    }

    /// Asks at most so many places at once as the limits say, endpoints in turn, lower classes first.
    ///
    /// A place is asked only while the requests made, and one for each place being asked, are fewer than `budget`; what
    /// was begun is finished, so that no request is made in vain. Places that need one request (endpoints, lists, tags)
    /// never exceed the budget; images, evidence and sources that were begun last may, by what each of them needs. With
    /// `stop` everything ends at once: looking leaves nothing half-done.
    pub async fn answer(
        &self,
        graph: &Graph,
        expectations: &dyn Expectations,
        questions: &[Question],
        budget: u64,
        stop: &CancellationToken,
    ) -> Observed {
        let registry = Counted::new(self.registry.clone());
        let round = Round {
            observer: self,
            registry: &registry,
            graph,
            expectations,
        };
        let mut schedule = Schedule::new(graph, questions, self.limits.per_endpoint);
        let mut unanswered: Vec<EndpointSet> = questions.iter().map(|question| question.at).collect();
        let mut answers = Vec::new();
        let mut under_way = FuturesUnordered::new();
        while !stop.is_cancelled() {
            while under_way.len() < self.limits.concurrency.max(1)
                && registry.requests() + (under_way.len() as u64) < budget
                && let Some(job) = schedule.begin()
            {
                let question = questions[job.question];
                let round = &round;
                under_way.push(async move { (job, round.look(question, job.endpoint).await) });
            }
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = under_way.next() => next,
            };
            let Some((job, answer)) = next else { break };
            schedule.end(job);
            unanswered[job.question].remove(job.endpoint);
            answers.push((job.question, job.endpoint, answer));
        }
        drop(under_way);
        answers.sort_unstable_by_key(|(question, endpoint, _)| (*question, *endpoint));
        Observed {
            answers: answers
                .into_iter()
                .map(|(question, endpoint, answer)| Answered {
                    ask: questions[question].ask,
                    depth: questions[question].depth,
                    endpoint,
                    answer,
                })
                .collect(),
            left: questions
                .iter()
                .zip(unanswered)
                .filter(|(_, at)| !at.is_empty())
                .map(|(question, at)| Question { at, ..*question })
                .collect(),
            requests: registry.requests(),
        }
    }
}

/// What all looks of one call share.
struct Round<'a, R> {
    observer: &'a Observer<R>,
    registry: &'a Counted<R>,
    graph: &'a Graph,
    expectations: &'a dyn Expectations,
}

impl<R: Registry + Clone> Round<'_, R> {
    async fn look(&self, question: Question, endpoint: EndpointIndex) -> Answer {
        match self.ask(question.ask, question.depth, endpoint).await {
            Ok(answer) => answer,
            Err(error) => {
                self.log(question.ask, endpoint, &error);
                error.answer()
            }
        }
    }

    fn log(&self, ask: Ask, endpoint: EndpointIndex, error: &LookError) {
        let graph = self.graph;
        let (target, repository, digest) = match ask {
            Ask::Endpoint(target) => (target, None, None),
            Ask::Tags(repository) => (graph.repository(repository).0, Some(repository), None),
            Ask::Tag(tag) => {
                let repository = graph.tag(tag).0;
                (graph.repository(repository).0, Some(repository), None)
            }
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Source(unit) => {
                let Unit { repository, digest, .. } = graph.unit(unit);
                (graph.target_of(unit), Some(*repository), Some(digest))
            }
        };
        let target = graph.target(target);
        let repository = repository.map(|repository| graph.repository(repository).1);
        let endpoint = target
            .endpoints
            .get(usize::from(endpoint.0))
            .map(|endpoint| &*endpoint.name);
        tracing::debug!(
            target = %target.name, endpoint, repository = ?repository, ?digest, ?ask, %error,
            "a question has no answer"
        );
    }

    async fn ask(&self, ask: Ask, depth: Depth, endpoint: EndpointIndex) -> Result<Answer, LookError> {
        match ask {
            Ask::Endpoint(target) => {
                let repository = endpoint::any_repository(self.graph, target, endpoint).ok_or(LookError::Unclaimed)?;
                endpoint::ping(&self.place(repository)).await
            }
            Ask::Tags(repository) => endpoint::tags(&self.place(self.graph.place(repository, endpoint))).await,
            Ask::Tag(tag) => {
                let (repository, tag) = self.graph.tag(tag);
                endpoint::tag(&self.place(self.graph.place(repository, endpoint)), tag).await
            }
            Ask::Image(unit) => {
                let digest = self.graph.unit(unit).digest;
                image::look(&self.place_of(unit, endpoint), &digest, depth).await
            }
            Ask::Evidence(unit) => self.evidence(unit, depth, endpoint).await,
            Ask::Source(unit) => self.source(unit).await,
        }
    }

    fn place(&self, repository: Repository) -> Place<'_, R> {
        Place {
            registry: self.registry,
            repository,
            limits: &self.observer.content,
        }
    }

    fn place_of(&self, unit: UnitId, endpoint: EndpointIndex) -> Place<'_, R> {
        self.place(self.graph.place(self.graph.unit(unit).repository, endpoint))
    }

    async fn evidence(&self, unit: UnitId, depth: Depth, endpoint: EndpointIndex) -> Result<Answer, LookError> {
        let signer = match self.graph.unit(unit).claim().and_then(|claim| claim.signer.as_ref()) {
            Some(signer) => Some((Arc::clone(signer), self.expected(unit, signer)?)),
            None => None,
        };
        let beside = Beside {
            image: self.graph.unit(unit).digest,
            signer,
            carried: self.expectations.carried(unit),
            depth,
        };
        evidence::look(&self.place_of(unit, endpoint), &self.observer.verifier, &beside).await
    }

    fn expected(&self, unit: UnitId, signer: &Arc<Signer>) -> Result<Expected, LookError> {
        let unit = self.graph.unit(unit);
        Ok(Expected {
            keys: self.observer.verifier.keys(signer)?,
            public_reference: self.graph.public_reference(unit.repository),
            image: unit.digest,
        })
    }

    async fn source(&self, unit: UnitId) -> Result<Answer, LookError> {
        let claim = self.graph.unit(unit).claim().ok_or(LookError::Unclaimed)?;
        let expected = claim
            .signer
            .as_ref()
            .map(|signer| self.expected(unit, signer))
            .transpose()?;
        match &claim.source {
            Source::Registry(repository) => {
                let place = self.place(repository.clone());
                let travelled = self.expectations.travelled(unit);
                let verifier = &self.observer.verifier;
                let carry = &self.graph.target(self.graph.target_of(unit)).carry;
                source::look(&place, verifier, &claim.digest, expected.as_ref(), &travelled, carry).await
            }
            Source::Target { .. } => self.chained_source(unit, claim, expected.as_ref()).await,
        }
    }

    /// Reads at the endpoints where the upstream image stands, the primary first, until one has it with all that
    /// travelled before: a dead primary does not stop what a mirror can serve. Where none has all, the one that lacks
    /// least counts, and where none has the image, the first.
    async fn chained_source(
        &self,
        unit: UnitId,
        claim: &Claim,
        expected: Option<&Expected>,
    ) -> Result<Answer, LookError> {
        let upstream = self.graph.upstream(unit).ok_or(LookError::Unclaimed)?;
        let travelled = self.expectations.travelled(unit);
        let carry = &self.graph.target(self.graph.target_of(unit)).carry;
        let lacks = |image: &SourceImage| travelled.iter().filter(|item| !image.carried.contains(item)).count();
        let mut best: Option<(usize, Answer)> = None;
        let mut first = None;
        for endpoint in self.expectations.standing(upstream).iter() {
            let place = self.place_of(upstream, endpoint);
            let answer = source::look(
                &place,
                &self.observer.verifier,
                &claim.digest,
                expected,
                &travelled,
                carry,
            )
            .await;
            let lacking = match &answer {
                Ok(Answer::Source(SourceAnswer::Refused(_))) => return answer,
                Ok(Answer::Source(SourceAnswer::Whole(image))) => lacks(image),
                Ok(Answer::Source(SourceAnswer::WithoutAll { image, .. })) if !travelled.is_empty() => lacks(image),
                _ => {
                    first.get_or_insert(answer);
                    continue;
                }
            };
            if lacking == 0 {
                return answer;
            }
            if best.as_ref().is_none_or(|(least, _)| lacking < *least) {
                best = answer.ok().map(|answer| (lacking, answer));
            }
        }
        if let Some((_, answer)) = best {
            return Ok(answer);
        }
        first.unwrap_or_else(|| {
            Err(LookError::NotStanding {
                target: Arc::clone(&self.graph.target(self.graph.target_of(upstream)).name),
            })
        })
    }
}
