//! Why something is blocked, and what lifts it.

use super::blocked::{Blocked, Cause};
use super::phrases::{
    endpoint_at, image, image_at, image_at_source, left_behind, node_at, origin, printable, several, source, tag_at,
};
use super::record::target_of;
use super::signatures::ROTATIONS_PER_MINUTE;
use crate::facts::Ask;
use crate::graph::Graph;
use crate::model::{BlockedReport, Capability, Digest, EndpointIndex, KnownBy, TagId, TargetId, UnitId};

/// A blocked entry in words. Each remedy names the line or the command that lifts it.
#[must_use]
pub fn explain(graph: &Graph, blocked: &Blocked) -> BlockedReport {
    let Explanation { kind, cause, remedy } = Explanation::of(graph, &blocked.cause);
    BlockedReport {
        cause,
        remedy,
        kind,
        nodes: blocked.nodes,
        example: graph.node_name(blocked.example),
        access: blocked.cause.is_forbidden(),
    }
}

struct Explanation {
    kind: &'static str,
    cause: String,
    remedy: String,
}

impl Explanation {
    fn of(graph: &Graph, cause: &Cause) -> Self {
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
                cause: format!(
                    "{} cannot be promoted: {}",
                    image_at_source(graph, *unit),
                    printable(why)
                ),
                remedy: format!("promote another digest at {}", origin(graph, *unit)),
            },
            Cause::SourceUnreadable { unit, forbidden, error } => {
                Self::source_unreadable(graph, *unit, *forbidden, error)
            }
            Cause::CarriedLost { unit, digests } => Self {
                kind: "carried-lost",
                cause: format!(
                    "{} was promoted with {}, which neither its endpoints nor its source have any more",
                    image(graph, *unit),
                    several(digests)
                ),
                remedy: format!(
                    "push it to {} again, and it is spread; nothing else waits for it",
                    source(graph, *unit)
                ),
            },
            Cause::LeftBehind { unit, left } => Self {
                kind: "left-behind",
                cause: format!(
                    "{} is promoted without {}",
                    image_at_source(graph, *unit),
                    left_behind(left)
                ),
                remedy:
                    "nothing waits for it; to have it travel, put it right at the source before the image is promoted"
                        .to_owned(),
            },
            Cause::SourceWithoutAll { unit, left } => Self {
                kind: "source-without-all",
                cause: format!(
                    "{} cannot be promoted with all that it has: {}",
                    image_at_source(graph, *unit),
                    left_behind(left)
                ),
                remedy: "put it right at the source, or let it stay behind: `incomplete = \"leave\"` in the target's `carry`"
                    .to_owned(),
            },
            Cause::Upstream { unit } => Self::upstream(graph, *unit),
            Cause::Conflict { tag, endpoint, found } => Self::conflict(graph, *tag, *endpoint, *found),
            Cause::Silence { target, endpoint } => Self {
                kind: "silence",
                cause: format!(
                    "signatures may stand at {}, which does not answer: making them anew could sign twice",
                    endpoint_at(graph, *target, *endpoint)
                ),
                remedy: "bring the endpoint back, or say that nobody needs to wait for it: `landfall apply \
                         --sign-despite-silence`"
                    .to_owned(),
            },
            Cause::Rotation { until } => Self {
                kind: "rotation",
                cause: format!(
                    "the signer has another key: at most {ROTATIONS_PER_MINUTE} signatures and attestations are made anew in \
                     a minute, and the rest waits until {until:.0}"
                ),
                remedy: "it goes on by itself under `landfall run`, and with each `landfall apply`".to_owned(),
            },
            Cause::Unsupported {
                target,
                endpoint,
                capability,
                known_by,
            } => Self::unsupported(graph, *target, *endpoint, *capability, *known_by),
            Cause::Failed { node, endpoint, error } => Self {
                kind: "failed",
                cause: format!("{} failed: {}", node_at(graph, *node, *endpoint), printable(error)),
                remedy: "the next pass tries it again: `landfall apply`".to_owned(),
            },
            Cause::BackOff {
                node,
                endpoint,
                until,
                error,
            } => Self {
                kind: "back-off",
                cause: format!(
                    "{} failed before and waits until {until:.0}: {}",
                    node_at(graph, *node, *endpoint),
                    printable(error)
                ),
                remedy: "`landfall apply` tries it at once".to_owned(),
            },
            Cause::Contested {
                node,
                endpoint,
                repairs,
            } => Self {
                kind: "contested",
                cause: format!(
                    "{} was repaired {repairs} times within the hour, and something undoes it each time",
                    node_at(graph, *node, *endpoint)
                ),
                remedy: "find what else writes or deletes there (a retention rule, another tool), then \
                         `landfall apply`"
                    .to_owned(),
            },
        }
    }

    fn endpoint(graph: &Graph, target: TargetId, endpoint: EndpointIndex, forbidden: bool, error: &str) -> Self {
        let prefix = &graph.target(target).endpoint(endpoint).prefix;
        let named = endpoint_at(graph, target, endpoint);
        if forbidden {
            return Self {
                kind: "endpoint-forbidden",
                cause: format!("{named} refuses access: {}", printable(error)),
                remedy: credentials(prefix),
            };
        }
        Self {
            kind: "endpoint-unreachable",
            cause: format!("{named} does not answer: {}", printable(error)),
            remedy: format!(
                "see whether it can be reached from here: `curl -i https://{}/v2/`; a private CA or plain HTTP is set \
                 under [registries.\"{prefix}\"] in config.toml",
                prefix.registry.connect_to()
            ),
        }
    }

    fn place(graph: &Graph, ask: Ask, endpoint: EndpointIndex, forbidden: bool, error: &str) -> Self {
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
                remedy: credentials(&graph.target(target).endpoint(endpoint).prefix),
            };
        }
        Self {
            kind: "place-unreadable",
            cause: format!("{place} could not be read: {}", printable(error)),
            remedy: "the next pass asks again: `landfall apply`".to_owned(),
        }
    }

    fn source_absent(graph: &Graph, unit: UnitId) -> Self {
        Self {
            kind: "source-absent",
            cause: format!("{} does not exist", image_at_source(graph, unit)),
            remedy: format!(
                "push it to the source, or correct the digest at {}",
                origin(graph, unit)
            ),
        }
    }

    fn source_lacking(graph: &Graph, unit: UnitId, missing: &[Digest]) -> Self {
        Self {
            kind: "source-incomplete",
            cause: format!(
                "{} is not whole at its source: it lacks {}",
                image_at_source(graph, unit),
                several(missing)
            ),
            remedy: format!(
                "push the image again with all its platforms, or promote another digest at {}",
                origin(graph, unit)
            ),
        }
    }

    fn source_unreadable(graph: &Graph, unit: UnitId, forbidden: bool, error: &str) -> Self {
        let image = image_at_source(graph, unit);
        if forbidden {
            let source = source(graph, unit);
            return Self {
                kind: "source-forbidden",
                cause: format!("reading {image} is refused: {}", printable(error)),
                remedy: credentials(&source),
            };
        }
        Self {
            kind: "source-unreadable",
            cause: format!("{image} could not be read: {}", printable(error)),
            remedy: "the next pass asks again: `landfall apply`".to_owned(),
        }
    }

    fn upstream(graph: &Graph, upstream: UnitId) -> Self {
        let unit = graph.unit(upstream);
        let target = &graph.target(graph.target_of(upstream)).name;
        let image = image(graph, upstream);
        if unit.claim().is_none() {
            return Self {
                kind: "upstream",
                cause: format!("{image} is read from target {target}, where nothing claims it"),
                remedy: format!("promote it to {target} too, or read it from elsewhere"),
            };
        }
        Self {
            kind: "upstream",
            cause: format!("{image} does not stand signed and attested at any endpoint of target {target} yet"),
            remedy: format!(
                "it goes on by itself once what {} asks for stands",
                origin(graph, upstream)
            ),
        }
    }

    fn unsupported(
        graph: &Graph,
        target: TargetId,
        endpoint: EndpointIndex,
        capability: Capability,
        known_by: KnownBy,
    ) -> Self {
        let prefix = &graph.target(target).endpoint(endpoint).prefix;
        let takes_no = || format!("takes no {}", capability.meaning());
        let (does, way_out) = match capability {
            Capability::ImmutableTags => ("moves no tag that stands".to_owned(), "promote under a new tag"),
            Capability::Artifact => (
                takes_no(),
                "leave this endpoint out, or attach nothing of the kind: `formats = [\"tag\"]` for the signer, `attest = []` \
                 for the target, an image without referrers",
            ),
            _ => (
                takes_no(),
                "promote the image in another form, or leave this endpoint out",
            ),
        };
        let again = format!("have it tried again: `landfall doctor {prefix} --write`");
        let (why, unless) = match known_by {
            KnownBy::Declared => (
                format!("config.toml declares `{capability}`"),
                format!("correct `capabilities` under [registries.\"{prefix}\"] or a shorter prefix"),
            ),
            KnownBy::Remembered(at) => (format!("so it showed on {}", at.strftime("%Y-%m-%d")), again),
            KnownBy::Probed => ("so it showed".to_owned(), again),
        };
        Self {
            kind: "unsupported",
            cause: format!("{} {does}: {why}", endpoint_at(graph, target, endpoint)),
            remedy: format!("{way_out}; if that is not so any more, {unless}"),
        }
    }

    fn conflict(graph: &Graph, tag: TagId, endpoint: EndpointIndex, found: Digest) -> Self {
        Self {
            kind: "tag-conflict",
            cause: format!(
                "{} stands on {found}, which landfall never set nor any commit declared",
                tag_at(graph, tag, endpoint)
            ),
            remedy: format!(
                "if that digest is wrong, let landfall replace it: `landfall adopt \"{}\" --reason \"...\"`, then \
                 `landfall apply`; if it is right, declare it for the tag",
                as_glob(&tag_at(graph, tag, endpoint))
            ),
        }
    }
}

/// A pattern that matches this name only: brackets are part of the addresses of some hosts.
fn as_glob(name: &str) -> String {
    name.replace('[', "[[]")
}

fn credentials(prefix: &dyn std::fmt::Display) -> String {
    format!(
        "set `read` and `write` under [registries.\"{prefix}\"] in config.toml, and list \"{prefix}\" in `allow-reads` \
         and `allow-writes` where these are set"
    )
}
