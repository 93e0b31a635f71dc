//! What makes a step the same step: its node, its endpoint and what is written there; not where the bytes come from,
//! nor why.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::graph::Graph;
use crate::model::{Carried, CarriedKind, Digest, Tag};
use crate::plan::record::endpoint_names;
use crate::plan::{Action, Planned, Reason, Step, Verb};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity<'a> {
    Copy {
        carried: &'a [Carried],
    },
    Sign,
    /// `None`: what the [`Identity::Sign`] step of the same node makes.
    Attach {
        artifact: Option<Digest>,
    },
    Tag {
        digest: Digest,
        replaces: Option<Digest>,
        keeps: bool,
    },
    Remove {
        artifacts: &'a [Digest],
        keeps: Digest,
    },
}

impl<'a> Identity<'a> {
    pub fn of(action: &'a Action) -> Self {
        match action {
            Action::Copy { carried, .. } => Self::Copy { carried },
            Action::Sign => Self::Sign,
            Action::Attach { content, .. } => Self::Attach {
                artifact: content.digest(),
            },
            Action::Tag {
                digest,
                replaces,
                keeps,
                ..
            } => Self::Tag {
                digest: *digest,
                replaces: *replaces,
                keeps: *keeps,
            },
            Action::Remove { artifacts, keeps } => Self::Remove {
                artifacts,
                keeps: *keeps,
            },
        }
    }

    pub fn verb(self) -> Verb {
        match self {
            Self::Copy { .. } => Verb::Copy,
            Self::Sign => Verb::Sign,
            Self::Attach { .. } => Verb::Attach,
            Self::Tag { .. } => Verb::Tag,
            Self::Remove { .. } => Verb::Remove,
        }
    }
}

impl fmt::Display for Identity<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy { carried } => {
                formatter.write_str("copy")?;
                let mut carried: Vec<String> = carried.iter().map(carried_name).collect();
                carried.sort_unstable();
                if carried.is_empty() {
                    Ok(())
                } else {
                    write!(formatter, " with {}", carried.join(" "))
                }
            }
            Self::Sign => formatter.write_str("sign"),
            Self::Attach { artifact: Some(digest) } => write!(formatter, "attach {digest}"),
            Self::Attach { artifact: None } => formatter.write_str("attach what is signed here"),
            Self::Tag {
                digest, replaces: None, ..
            } => write!(formatter, "tag {digest} replacing nothing"),
            Self::Tag {
                digest,
                replaces: Some(old),
                keeps,
            } => {
                write!(formatter, "tag {digest} replacing {old}")?;
                formatter.write_str(if *keeps { " and keeping it" } else { "" })
            }
            Self::Remove { artifacts, keeps } => {
                let mut artifacts: Vec<String> = artifacts.iter().map(Digest::to_string).collect();
                artifacts.sort_unstable();
                write!(formatter, "remove {} beside {keeps}", artifacts.join(" "))
            }
        }
    }
}

/// An attachment's digest, and the tag under which it stands where it has one.
fn carried_name(carried: &Carried) -> String {
    match &carried.kind {
        CarriedKind::Referrer { .. } => carried.digest.to_string(),
        CarriedKind::CosignTag { subject, suffix } => {
            format!("{}={}", Tag::cosign(subject, suffix), carried.digest)
        }
    }
}

/// A node's name, and what is written for it where.
pub(super) struct Named<'a> {
    pub node: &'a str,
    pub endpoints: Vec<&'a str>,
    pub identity: Identity<'a>,
    /// It is written only where the registry drops what a tag leaves.
    pub if_dropped: bool,
}

/// Stands for the endpoint of a step that touches none.
const NO_ENDPOINT: &str = "-";

/// A plan's identity: the SHA-256 over one line for each node and endpoint, `NODE TAB ENDPOINT TAB ACTION LF`, sorted
/// as bytes. How steps are grouped does not matter, nor do sources, reasons and times.
#[must_use]
pub fn plan_digest(graph: &Graph, planned: &Planned) -> Digest {
    // Sorted by node, a plan is expanded one node at a time: all lines at once would take a gigabyte.
    let steps = planned.steps.iter().chain(&planned.if_dropped);
    let mut named: Vec<(String, &Step)> = steps.map(|step| (graph.node_name(step.node), step)).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    digest_of_sorted(named.iter().map(|(node, step)| Named {
        node,
        endpoints: endpoint_names(graph, graph.target_of(step.node.unit), step.at).collect(),
        identity: Identity::of(&step.action),
        if_dropped: step.because == Reason::IfDropped,
    }))
}

/// The digest of steps that are sorted by node.
pub(super) fn digest_of_sorted<'a>(steps: impl Iterator<Item = Named<'a>>) -> Digest {
    let mut hasher = Sha256::new();
    let mut current: &str = "";
    let mut lines: Vec<(&str, String)> = Vec::new();
    let mut buffer = Vec::new();
    for step in steps {
        if step.node != current {
            feed(&mut hasher, current, &mut lines, &mut buffer);
            current = step.node;
        }
        let condition = if step.if_dropped { "if dropped: " } else { "" };
        let identity = format!("{condition}{}", step.identity);
        if step.endpoints.is_empty() {
            lines.push((NO_ENDPOINT, identity));
        } else {
            lines.extend(step.endpoints.iter().map(|endpoint| (*endpoint, identity.clone())));
        }
    }
    feed(&mut hasher, current, &mut lines, &mut buffer);
    Digest::from_bytes(hasher.finalize().into())
}

fn feed(hasher: &mut Sha256, node: &str, lines: &mut Vec<(&str, String)>, buffer: &mut Vec<u8>) {
    lines.sort_unstable();
    buffer.clear();
    for (endpoint, identity) in lines.drain(..) {
        for part in [node, "\t", endpoint, "\t", &identity, "\n"] {
            buffer.extend_from_slice(part.as_bytes());
        }
    }
    hasher.update(buffer);
}
