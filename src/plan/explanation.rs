//! Why something is blocked, and what lifts it.

use super::advice::Advice;
use super::blocked::{Blocked, Cause};
use super::phrases::{
    endpoint_at, image, image_at, image_at_source, left_behind, node_at, origin, printable, several, source, tag_at,
};
use super::record::target_of;
use super::remedies::Remedy;
use super::signatures::ROTATIONS_PER_MINUTE;
use crate::facts::Ask;
use crate::graph::Graph;
use crate::model::{BlockedReport, Capability, Digest, EndpointIndex, KnownBy, TagId, TargetId, UnitId};

/// A blocked entry in words. Each remedy names the line or the command that lifts it, as it can be done by whom `advice`
/// is for.
#[must_use]
pub fn explain(graph: &Graph, blocked: &Blocked, advice: &Advice) -> BlockedReport {
    let Explanation {
        kind,
        subject,
        cause,
        remedy,
    } = Explanation::of(graph, &blocked.cause);
    BlockedReport {
        cause,
        remedy: remedy.told(advice),
        kind,
        subject,
        nodes: blocked.nodes,
        example: graph.node_name(blocked.example),
        access: blocked.cause.is_forbidden(),
    }
}

struct Explanation<'a> {
    kind: &'static str,
    subject: String,
    cause: String,
    remedy: Remedy<'a>,
}

impl<'a> Explanation<'a> {
    fn of(graph: &'a Graph, cause: &Cause) -> Self {
        match cause {
            Cause::Endpoint {
                target,
                endpoint,
                forbidden,
                error,
            } => Self::endpoint(graph, *target, *endpoint, *forbidden, error),
            Cause::Place {
                ask,
                endpoint,
                forbidden,
                error,
            } => Self::place(graph, *ask, *endpoint, *forbidden, error),
            Cause::SourceAbsent { unit } => Self::source_absent(graph, *unit),
            Cause::SourceLacking { unit, missing } => Self::source_lacking(graph, *unit, missing),
            Cause::SourceRefused { unit, why } => Self {
                kind: "source-refused",
                subject: image_at_source(graph, *unit),
                cause: format!(
                    "{} cannot be promoted: {}",
                    image_at_source(graph, *unit),
                    printable(why)
                ),
                remedy: Remedy::PromoteAnother(origin(graph, *unit)),
            },
            Cause::SourceUnreadable { unit, forbidden, error } => {
                Self::source_unreadable(graph, *unit, *forbidden, error)
            }
            Cause::CarriedLost { unit, digests } => Self {
                kind: "carried-lost",
                subject: image(graph, *unit),
                cause: format!(
                    "{} was promoted with {}, which neither its endpoints nor its source have any more",
                    image(graph, *unit),
                    several(digests)
                ),
                remedy: Remedy::PushCarried(source(graph, *unit)),
            },
            Cause::LeftBehind { unit, left } => Self {
                kind: "left-behind",
                subject: image_at_source(graph, *unit),
                cause: format!(
                    "{} is promoted without {}",
                    image_at_source(graph, *unit),
                    left_behind(left)
                ),
                remedy: Remedy::MendBeforehand,
            },
            Cause::SourceWithoutAll { unit, left } => Self {
                kind: "source-without-all",
                subject: image_at_source(graph, *unit),
                cause: format!(
                    "{} cannot be promoted with all that it has: {}",
                    image_at_source(graph, *unit),
                    left_behind(left)
                ),
                remedy: Remedy::MendOrLeave,
            },
            Cause::Upstream { unit } => Self::upstream(graph, *unit),
            Cause::Conflict { tag, endpoint, found } => Self::conflict(graph, *tag, *endpoint, *found),
            Cause::Silence { target, endpoint } => Self {
                kind: "silence",
                subject: endpoint_at(graph, *target, *endpoint),
                cause: format!(
                    "signatures may stand at {}, which does not answer: making them anew could sign twice",
                    endpoint_at(graph, *target, *endpoint)
                ),
                remedy: Remedy::SignAnyway,
            },
            Cause::Rotation { until } => Self {
                kind: "rotation",
                subject: "signatures that are made anew".to_owned(),
                cause: format!(
                    "the signer has another key: at most {ROTATIONS_PER_MINUTE} signatures and attestations are made anew in \
                     a minute, and the rest waits until {until:.0}"
                ),
                remedy: Remedy::GoOn,
            },
            Cause::Unsupported {
                target,
                endpoint,
                capability,
                known_by,
            } => Self::unsupported(graph, *target, *endpoint, *capability, *known_by),
            Cause::Failed { node, endpoint, error } => Self {
                kind: "failed",
                subject: node_at(graph, *node, *endpoint),
                cause: format!("{} failed: {}", node_at(graph, *node, *endpoint), printable(error)),
                remedy: Remedy::TryAgain,
            },
            Cause::BackOff {
                node,
                endpoint,
                until,
                error,
            } => Self {
                kind: "back-off",
                subject: node_at(graph, *node, *endpoint),
                cause: format!(
                    "{} failed before and waits until {until:.0}: {}",
                    node_at(graph, *node, *endpoint),
                    printable(error)
                ),
                remedy: Remedy::TryAtOnce,
            },
            Cause::Contested {
                node,
                endpoint,
                repairs,
            } => Self {
                kind: "contested",
                subject: node_at(graph, *node, *endpoint),
                cause: format!(
                    "{} was repaired {repairs} times within the hour, and something undoes it each time",
                    node_at(graph, *node, *endpoint)
                ),
                remedy: Remedy::FindOther,
            },
        }
    }

    fn endpoint(graph: &'a Graph, target: TargetId, endpoint: EndpointIndex, forbidden: bool, error: &str) -> Self {
        let prefix = &graph.target(target).endpoint(endpoint).prefix;
        let named = endpoint_at(graph, target, endpoint);
        if forbidden {
            return Self {
                kind: "endpoint-forbidden",
                cause: format!("{named} refuses access: {}", printable(error)),
                subject: named,
                remedy: Remedy::Credentials(prefix.to_string()),
            };
        }
        Self {
            kind: "endpoint-unreachable",
            cause: format!("{named} does not answer: {}", printable(error)),
            subject: named,
            remedy: Remedy::Reach(prefix),
        }
    }

    fn place(graph: &'a Graph, ask: Ask, endpoint: EndpointIndex, forbidden: bool, error: &str) -> Self {
        let target = target_of(graph, ask);
        let place = match ask {
            Ask::Endpoint(_) => endpoint_at(graph, target, endpoint),
            Ask::Tags(repository) => format!("the tags of {}", graph.place(repository, endpoint)),
            Ask::Image(unit) | Ask::Standing(unit) => image_at(graph, unit, endpoint),
            Ask::Evidence(unit) => format!("what is attached to {}", image_at(graph, unit, endpoint)),
            Ask::Tag(tag) => tag_at(graph, tag, endpoint),
            Ask::Source(unit) => image_at_source(graph, unit),
        };
        if forbidden {
            return Self {
                kind: "place-forbidden",
                cause: format!("reading {place} is refused: {}", printable(error)),
                subject: place,
                remedy: Remedy::Credentials(graph.target(target).endpoint(endpoint).prefix.to_string()),
            };
        }
        Self {
            kind: "place-unreadable",
            cause: format!("{place} could not be read: {}", printable(error)),
            subject: place,
            remedy: Remedy::AskAgain,
        }
    }

    fn source_absent(graph: &'a Graph, unit: UnitId) -> Self {
        Self {
            kind: "source-absent",
            subject: image_at_source(graph, unit),
            cause: format!("{} does not exist", image_at_source(graph, unit)),
            remedy: Remedy::PushOrCorrect(origin(graph, unit)),
        }
    }

    fn source_lacking(graph: &'a Graph, unit: UnitId, missing: &[Digest]) -> Self {
        Self {
            kind: "source-incomplete",
            subject: image_at_source(graph, unit),
            cause: format!(
                "{} is not whole at its source: it lacks {}",
                image_at_source(graph, unit),
                several(missing)
            ),
            remedy: Remedy::PushWhole(origin(graph, unit)),
        }
    }

    fn source_unreadable(graph: &'a Graph, unit: UnitId, forbidden: bool, error: &str) -> Self {
        let image = image_at_source(graph, unit);
        if forbidden {
            let source = source(graph, unit);
            return Self {
                kind: "source-forbidden",
                cause: format!("reading {image} is refused: {}", printable(error)),
                subject: image,
                remedy: Remedy::Credentials(source),
            };
        }
        Self {
            kind: "source-unreadable",
            cause: format!("{image} could not be read: {}", printable(error)),
            subject: image,
            remedy: Remedy::AskAgain,
        }
    }

    fn upstream(graph: &'a Graph, upstream: UnitId) -> Self {
        let unit = graph.unit(upstream);
        let target = &graph.target(graph.target_of(upstream)).name;
        let image = image(graph, upstream);
        if unit.claim().is_none() {
            return Self {
                kind: "upstream",
                cause: format!("{image} is read from target {target}, where nothing claims it"),
                subject: image,
                remedy: Remedy::PromoteThere(target),
            };
        }
        Self {
            kind: "upstream",
            cause: format!("{image} does not stand signed and attested at any endpoint of target {target} yet"),
            subject: image,
            remedy: Remedy::WaitFor(origin(graph, upstream)),
        }
    }

    fn unsupported(
        graph: &'a Graph,
        target: TargetId,
        endpoint: EndpointIndex,
        capability: Capability,
        known_by: KnownBy,
    ) -> Self {
        let prefix = &graph.target(target).endpoint(endpoint).prefix;
        let named = endpoint_at(graph, target, endpoint);
        let does = match capability {
            Capability::ImmutableTags => "moves no tag that stands".to_owned(),
            _ => format!("takes no {}", capability.meaning()),
        };
        let why = match known_by {
            KnownBy::Declared => format!("config.toml declares `{capability}`"),
            KnownBy::Remembered(at) => format!("so it showed on {}", at.strftime("%Y-%m-%d")),
            KnownBy::Probed => "so it showed".to_owned(),
        };
        Self {
            kind: "unsupported",
            subject: format!("{named}: {capability}"),
            cause: format!("{named} {does}: {why}"),
            remedy: Remedy::Unsupported {
                prefix,
                capability,
                known_by,
            },
        }
    }

    fn conflict(graph: &'a Graph, tag: TagId, endpoint: EndpointIndex, found: Digest) -> Self {
        let place = tag_at(graph, tag, endpoint);
        Self {
            kind: "tag-conflict",
            cause: format!("{place} stands on {found}, which landfall never set nor any commit declared"),
            remedy: Remedy::Adopt(place.clone()),
            subject: place,
        }
    }
}
