//! Steps and questions in names instead of numbers: what JSON and plan files hold.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::step::{Action, Content, Provider, Step};
use crate::facts::{Ask, Question};
use crate::graph::{DependsAt, Graph};
use crate::model::{Carried, Digest, EndpointSet, NodeId, Slot, Source, TargetId, UnitId};

/// The kind of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Copy,
    Sign,
    Attach,
    Tag,
    Remove,
}

impl Verb {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Sign => "sign",
            Self::Attach => "attach",
            Self::Tag => "tag",
            Self::Remove => "remove",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Action {
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Copy { .. } => Verb::Copy,
            Self::Sign => Verb::Sign,
            Self::Attach { .. } => Verb::Attach,
            Self::Tag { .. } => Verb::Tag,
            Self::Remove { .. } => Verb::Remove,
        }
    }
}

/// One step at the endpoints that share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepRecord<'a> {
    /// See [`Graph::node_name`].
    #[serde(borrow)]
    pub node: Cow<'a, str>,
    pub action: Verb,
    /// Empty for signing, which touches no endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Cow<'a, str>>,
    /// What a tag shall stand on, which artifact is attached, or which one stays where others are removed. An artifact that
    /// this plan makes has no digest yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What a tag stands on now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// What a tag stands on now gets an anchor tag, `sha256-<hex>.landfall`, before the tag moves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps: bool,
    /// What is removed: referrer manifests, or entries under the `.sig` tag.
    #[serde(default, skip_serializing_if = "<[Digest]>::is_empty")]
    pub removes: Cow<'a, [Digest]>,
    /// What travels with an image.
    #[serde(default, skip_serializing_if = "<[Carried]>::is_empty")]
    pub carried: Cow<'a, [Carried]>,
    /// Repositories to read from, tried in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Cow<'a, str>>,
    /// Nodes that must stand at the same endpoint first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Cow<'a, str>>,
    /// Nodes that must stand at the primary first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_at_primary: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub because: Cow<'a, str>,
}

impl<'a> StepRecord<'a> {
    #[must_use]
    pub fn new(graph: &'a Graph, step: &'a Step) -> Self {
        let unit = step.node.unit;
        let after = |wanted: DependsAt| {
            step.after
                .iter()
                .filter(|dependency| dependency.at == wanted)
                .map(|dependency| Cow::Owned(graph.node_name(dependency.node)))
                .collect()
        };
        let (digest, replaces) = match &step.action {
            Action::Copy { .. } | Action::Sign => (None, None),
            Action::Attach { content, .. } => (content.digest(), None),
            Action::Tag { digest, replaces, .. } => (Some(*digest), *replaces),
            Action::Remove { keeps, .. } => (Some(*keeps), None),
        };
        let removes = match &step.action {
            Action::Remove { artifacts, .. } => &artifacts[..],
            _ => &[],
        };
        let (carried, from) = match &step.action {
            Action::Copy { carried, from } => (&carried[..], &from[..]),
            Action::Attach { from, .. } => (&[][..], &from[..]),
            Action::Sign | Action::Tag { .. } | Action::Remove { .. } => (&[][..], &[][..]),
        };
        let keeps = matches!(step.action, Action::Tag { keeps: true, .. });
        Self {
            keeps,
            node: graph.node_name(step.node).into(),
            action: step.action.verb(),
            endpoints: endpoint_names(graph, graph.target_of(unit), step.at)
                .map(Cow::Borrowed)
                .collect(),
            digest,
            replaces,
            removes: removes.into(),
            carried: carried.into(),
            from: from
                .iter()
                .map(|provider| provider_name(graph, step.node, *provider).into())
                .collect(),
            after: after(DependsAt::SameEndpoint),
            after_at_primary: after(DependsAt::Primary),
            because: step.because.as_str().into(),
        }
    }
}

impl Content {
    /// The artifact's digest; `None` where it is not made yet.
    #[must_use]
    pub const fn digest(self) -> Option<Digest> {
        match self {
            Self::Known(digest) | Self::Journal(digest) => Some(digest),
            Self::MadeHere => None,
        }
    }
}

/// A question that the plan lacks the answer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionRecord {
    /// `endpoint`, `tags`, `image`, `evidence`, `tag`, `source` or `standing`.
    pub ask: String,
    /// A target, a repository of it, or a node.
    pub place: String,
    /// Empty for a source, which is asked once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// How urgent it is: `unblocks`, `verifies` or `sweep`.
    pub class: String,
}

impl QuestionRecord {
    #[must_use]
    pub fn new(graph: &Graph, question: &Question) -> Self {
        let target = target_of(graph, question.ask);
        let endpoints = if matches!(question.ask, Ask::Source(_)) {
            EndpointSet::EMPTY
        } else {
            question.at
        };
        Self {
            ask: ask_name(question.ask).to_owned(),
            place: ask_place(graph, question.ask),
            endpoints: endpoint_names(graph, target, endpoints).map(str::to_owned).collect(),
            class: question.class.as_str().to_owned(),
        }
    }
}

/// The names of a target's endpoints.
pub(super) fn endpoint_names(graph: &Graph, target: TargetId, at: EndpointSet) -> impl Iterator<Item = &str> {
    at.iter()
        .map(move |endpoint| &*graph.target(target).endpoint(endpoint).name)
}

/// The repository that a provider reads from.
pub(super) fn provider_name(graph: &Graph, node: NodeId, provider: Provider) -> String {
    let unit = graph.unit(node.unit);
    match provider {
        Provider::Endpoint(endpoint) => graph.place(unit.repository, endpoint).to_string(),
        Provider::Source => unit
            .claim()
            .map(|claim| source_name(graph, node.unit, &claim.source))
            .unwrap_or_default(),
    }
}

/// A claim's source; `target:staging/dns/coredns` where it is chained.
pub(super) fn source_name(graph: &Graph, unit: UnitId, source: &Source) -> String {
    match (source, graph.upstream(unit)) {
        (Source::Registry(repository), _) => repository.to_string(),
        (Source::Target { repository, .. }, Some(upstream)) => {
            format!("target:{}/{repository}", graph.target(graph.target_of(upstream)).name)
        }
        (Source::Target { repository, .. }, None) => repository.to_string(),
    }
}

pub(super) fn target_of(graph: &Graph, ask: Ask) -> TargetId {
    match ask {
        Ask::Endpoint(target) => target,
        Ask::Tags(repository) => graph.repository(repository).0,
        Ask::Image(unit) | Ask::Evidence(unit) | Ask::Source(unit) | Ask::Standing(unit) => graph.target_of(unit),
        Ask::Tag(tag) => graph.repository(graph.tag(tag).0).0,
    }
}

const fn ask_name(ask: Ask) -> &'static str {
    match ask {
        Ask::Endpoint(_) => "endpoint",
        Ask::Tags(_) => "tags",
        Ask::Image(_) => "image",
        Ask::Evidence(_) => "evidence",
        Ask::Tag(_) => "tag",
        Ask::Source(_) => "source",
        Ask::Standing(_) => "standing",
    }
}

/// What a question is about, in the manner of [`Graph::node_name`].
fn ask_place(graph: &Graph, ask: Ask) -> String {
    match ask {
        Ask::Endpoint(target) => graph.target(target).name.to_string(),
        Ask::Tags(repository) => {
            let (target, path) = graph.repository(repository);
            format!("{}/{path}", graph.target(target).name)
        }
        Ask::Image(unit) | Ask::Evidence(unit) | Ask::Standing(unit) => graph.node_name(NodeId {
            unit,
            slot: Slot::Image,
        }),
        Ask::Source(unit) => graph.node_name(NodeId { unit, slot: Slot::Gate }),
        Ask::Tag(tag) => {
            let (repository, tag) = graph.tag(tag);
            let (target, path) = graph.repository(repository);
            format!("{}/{path}:{tag}", graph.target(target).name)
        }
    }
}
