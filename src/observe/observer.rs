//! Asks registries what the planner wants to know, one place at a time.

use std::sync::Arc;

use super::budget::Counted;
use super::failure::LookError;
use super::look::{Chained, Look, Offer, Subject};
use super::place::Place;
use super::verdict::KeptVerdicts;
use super::verification::Verifier;
use super::{ObserveLimits, endpoint, evidence, image, source};
use crate::facts::{Answer, Ask, Depth, SourceAnswer, SourceImage};
use crate::model::{EndpointIndex, Limits, Repository};
use crate::registry::Registry;
use crate::transfer::SeenEntries;

/// Answers questions, and remembers what it has verified. `R` is cloned for each look: a handle on shared state.
#[derive(Debug)]
pub struct Observer<R> {
    registry: R,
    content: Limits,
    pub(super) verifier: Verifier,
    seen: Arc<SeenEntries>,
}

/// One endpoint's answer to one question: what [`crate::facts::Facts::record`] takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub ask: Ask,
    pub depth: Depth,
    pub endpoint: EndpointIndex,
    pub answer: Answer,
    /// How many requests it took.
    pub requests: u64,
}

impl<R: Registry + Clone> Observer<R> {
    /// `content` limits what is read from registries; `kept` holds what earlier processes verified.
    #[must_use]
    pub fn new(registry: R, limits: ObserveLimits, content: Limits, kept: Option<Arc<dyn KeptVerdicts>>) -> Self {
        Self {
            registry,
            verifier: Verifier::new(&limits, kept),
            content,
            seen: Arc::default(),
        }
    }

    /// Has it take note of what others have entered in lists that landfall writes too.
    #[must_use]
    pub fn noting(mut self, seen: Arc<SeenEntries>) -> Self {
        self.seen = seen;
        self
    }

    /// Looks. An error is an answer too, and never an absence. Dropped halfway it leaves nothing behind: looking changes
    /// nothing.
    pub async fn look(&self, look: &Look) -> Answered {
        let looking = Looking {
            registry: &Counted::new(self.registry.clone()),
            verifier: &self.verifier,
            limits: &self.content,
            seen: &self.seen,
        };
        let answer = match looking.at(look).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(place = %look, %error, "a question has no answer");
                error.answer()
            }
        };
        Answered {
            ask: look.ask,
            depth: look.depth,
            endpoint: look.endpoint,
            answer,
            requests: looking.registry.requests(),
        }
    }
}

/// What one look needs.
struct Looking<'a, R> {
    registry: &'a Counted<R>,
    verifier: &'a Verifier,
    limits: &'a Limits,
    seen: &'a SeenEntries,
}

impl<R: Registry + Clone> Looking<'_, R> {
    async fn at(&self, look: &Look) -> Result<Answer, LookError> {
        match &look.subject {
            Subject::Endpoint(repository) => endpoint::ping(&self.place(repository)).await,
            Subject::Tags(repository) => endpoint::tags(&self.place(repository)).await,
            Subject::Tag(repository, tag) => endpoint::tag(&self.place(repository), tag).await,
            Subject::Image(repository, digest) => image::look(&self.place(repository), digest, look.depth).await,
            Subject::Evidence(repository, beside) => {
                evidence::look(&self.place(repository), self.verifier, beside, self.seen).await
            }
            Subject::Source(offer) => {
                let place = self.place(&offer.repository);
                source::look(
                    &place,
                    self.verifier,
                    &offer.image,
                    offer.expected.as_ref(),
                    &offer.travelled,
                    &offer.to.carry,
                )
                .await
            }
            Subject::Chained(chained) => self.chained(chained).await,
            Subject::Standing(offer) => self.standing(offer).await,
            Subject::Nothing(error) => Err(error.clone()),
        }
    }

    fn place(&self, repository: &Repository) -> Place<'_, R> {
        Place {
            registry: self.registry,
            repository: repository.clone(),
            limits: self.limits,
        }
    }

    /// Reads the claim's own place as if it were the source. What is listed beside the image and not there is left out:
    /// nobody can bring it any more.
    async fn standing(&self, offer: &Offer) -> Result<Answer, LookError> {
        let place = self.place(&offer.repository);
        let found = source::look(
            &place,
            self.verifier,
            &offer.image,
            offer.expected.as_ref(),
            &[],
            &offer.to.carry,
        )
        .await?;
        Ok(match found {
            Answer::Source(SourceAnswer::Whole(image) | SourceAnswer::WithoutAll { image, .. }) => {
                let image = SourceImage {
                    found_standing: true,
                    ..(*image).clone()
                };
                Answer::Source(SourceAnswer::Whole(Arc::new(image)))
            }
            other => other,
        })
    }

    /// Reads at the endpoints where the upstream image stands, the primary first, until one has it with all that
    /// travelled before: a dead primary does not stop what a mirror can serve. Where none has all, the one that lacks
    /// least counts, and where none has the image, the first.
    async fn chained(&self, chained: &Chained) -> Result<Answer, LookError> {
        let Chained {
            places,
            image,
            expected,
            travelled,
            to,
            target,
        } = chained;
        let lacks = |image: &SourceImage| travelled.iter().filter(|item| !image.carried.contains(item)).count();
        let mut best: Option<(usize, Answer)> = None;
        let mut first = None;
        for repository in places {
            let place = self.place(repository);
            let answer = source::look(&place, self.verifier, image, expected.as_ref(), travelled, &to.carry).await;
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
                target: Arc::clone(target),
            })
        })
    }
}
