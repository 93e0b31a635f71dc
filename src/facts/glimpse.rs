//! Whether an answer said anything new.

use std::sync::Arc;

use super::answer::{Evidence, Twice};
use super::question::Ask;
use super::store::Values;
use super::{Facts, Known, SourceFact};
use crate::model::{Carried, EndpointIndex, EndpointSet, Obstacle};

/// What is known of a place, but for its age.
#[derive(Debug, PartialEq)]
pub struct Glimpse {
    known: Known,
    more: More,
    failure: Option<Arc<Obstacle>>,
}

#[derive(Debug, PartialEq)]
enum More {
    Nothing,
    Image {
        to_blobs: EndpointSet,
        is_read: bool,
    },
    Evidence {
        found: Vec<(Evidence, EndpointSet)>,
        twice: Vec<(Twice, EndpointSet)>,
        missing: Vec<(Carried, EndpointSet)>,
        is_admitted: bool,
    },
    Tag {
        values: Values,
        listed: EndpointSet,
    },
    Source {
        fact: Option<SourceFact>,
        not_standing: EndpointSet,
    },
}

impl Facts {
    /// To be held against another one from after an answer. `None` for a list: what it says of each tag is known there.
    #[must_use]
    pub fn glimpse(&self, ask: Ask, endpoint: EndpointIndex) -> Option<Glimpse> {
        let (known, more) = match ask {
            Ask::Tags(_) => return None,
            Ask::Endpoint(target) => (self.endpoints(target), More::Nothing),
            Ask::Image(unit) => {
                let facts = self.unit(unit);
                let more = More::Image {
                    to_blobs: facts.blobs,
                    is_read: facts.below.is_some(),
                };
                (facts.image, more)
            }
            Ask::Evidence(unit) => {
                let facts = self.unit(unit);
                let more = More::Evidence {
                    found: facts.found.clone(),
                    twice: facts.twice.clone(),
                    missing: facts.missing_carried.clone(),
                    is_admitted: facts.admission.is_some(),
                };
                (facts.evidence, more)
            }
            Ask::Tag(tag) => {
                let facts = self.tag(tag);
                let more = More::Tag {
                    values: facts.values.clone(),
                    listed: facts.listed,
                };
                (facts.known, more)
            }
            Ask::Source(unit) | Ask::Standing(unit) => {
                let more = More::Source {
                    fact: self.source(unit).cloned(),
                    not_standing: self.not_standing(unit),
                };
                (Known::default(), more)
            }
        };
        Some(Glimpse {
            known,
            more,
            failure: self.failure(ask, endpoint).cloned(),
        })
    }
}
