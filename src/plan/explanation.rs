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
use crate::model::{
    BlockedReport, Capability, Digest, EndpointIndex, KnownBy, NodeId, Obstacle, ObstacleKind, TagId, TargetId, UnitId,
};

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
        obstacle: blocked.cause.obstacle().cloned(),
    }
}

/// Which of two kinds it is, and in words: reading is refused, or failed.
fn unread([refused, failed]: [&'static str; 2], place: &str, obstacle: &Obstacle) -> (&'static str, String) {
    let text = printable(&obstacle.text);
    if obstacle.is_denied() {
        (refused, format!("reading {place} is refused: {text}"))
    } else {
        (failed, format!("{place} could not be read: {text}"))
    }
}

/// What names the settings of the registry that a step writes to.
fn prefix_at(graph: &Graph, node: NodeId, endpoint: EndpointIndex) -> String {
    let target = graph.target(graph.target_of(node.unit));
    target.endpoint(endpoint).prefix.to_string()
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
                obstacle,
            } => Self::endpoint(graph, *target, *endpoint, obstacle),
            Cause::Place {
                ask,
                endpoint,
                obstacle,
            } => Self::place(graph, *ask, *endpoint, obstacle),
            Cause::SourceAbsent { unit } => Self::source_absent(graph, *unit),
            Cause::SourceLacking { unit, missing } => Self::source_lacking(graph, *unit, missing),
            Cause::SourceRefused { unit, obstacle } => Self {
                kind: "source-refused",
                subject: image_at_source(graph, *unit),
                cause: format!(
                    "{} cannot be promoted: {}",
                    image_at_source(graph, *unit),
                    printable(&obstacle.text)
                ),
                remedy: match obstacle.kind {
                    ObstacleKind::TooLarge => Remedy::RaiseLimit,
                    _ => Remedy::PromoteAnother(origin(graph, *unit)),
                },
            },
            Cause::SourceUnreadable { unit, obstacle } => Self::source_unreadable(graph, *unit, obstacle),
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
            Cause::Failed {
                node,
                endpoint,
                obstacle,
            } => Self {
                kind: "failed",
                subject: node_at(graph, *node, *endpoint),
                cause: format!(
                    "{} failed: {}",
                    node_at(graph, *node, *endpoint),
                    printable(&obstacle.text)
                ),
                remedy: Remedy::of(obstacle, &prefix_at(graph, *node, *endpoint), Remedy::TryAgain),
            },
            Cause::BackOff {
                node,
                endpoint,
                until,
                obstacle,
            } => Self {
                kind: "back-off",
                subject: node_at(graph, *node, *endpoint),
                cause: format!(
                    "{} failed before and waits until {until:.0}: {}",
                    node_at(graph, *node, *endpoint),
                    printable(&obstacle.text)
                ),
                remedy: Remedy::of(obstacle, &prefix_at(graph, *node, *endpoint), Remedy::TryAtOnce),
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

    fn endpoint(graph: &'a Graph, target: TargetId, endpoint: EndpointIndex, obstacle: &Obstacle) -> Self {
        let prefix = &graph.target(target).endpoint(endpoint).prefix;
        let named = endpoint_at(graph, target, endpoint);
        let (kind, does) = match obstacle.kind {
            _ if obstacle.is_denied() => ("endpoint-forbidden", "refuses access"),
            ObstacleKind::Throttled => ("endpoint-unreachable", "wants to be left alone"),
            _ => ("endpoint-unreachable", "does not answer"),
        };
        Self {
            kind,
            cause: format!("{named} {does}: {}", printable(&obstacle.text)),
            subject: named,
            remedy: Remedy::of(obstacle, &prefix.to_string(), Remedy::Reach(prefix)),
        }
    }

    fn place(graph: &'a Graph, ask: Ask, endpoint: EndpointIndex, obstacle: &Obstacle) -> Self {
        let target = target_of(graph, ask);
        let place = match ask {
            Ask::Endpoint(_) => endpoint_at(graph, target, endpoint),
            Ask::Tags(repository) => format!("the tags of {}", graph.place(repository, endpoint)),
            Ask::Image(unit) | Ask::Standing(unit) => image_at(graph, unit, endpoint),
            Ask::Evidence(unit) => format!("what is attached to {}", image_at(graph, unit, endpoint)),
            Ask::Tag(tag) => tag_at(graph, tag, endpoint),
            Ask::Source(unit) => image_at_source(graph, unit),
        };
        let prefix = graph.target(target).endpoint(endpoint).prefix.to_string();
        let (kind, cause) = unread(["place-forbidden", "place-unreadable"], &place, obstacle);
        Self {
            kind,
            cause,
            subject: place,
            remedy: Remedy::of(obstacle, &prefix, Remedy::AskAgain),
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

    fn source_unreadable(graph: &'a Graph, unit: UnitId, obstacle: &Obstacle) -> Self {
        let image = image_at_source(graph, unit);
        let (kind, cause) = unread(["source-forbidden", "source-unreadable"], &image, obstacle);
        Self {
            kind,
            cause,
            subject: image,
            remedy: Remedy::of(obstacle, &source(graph, unit), Remedy::AskAgain),
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
