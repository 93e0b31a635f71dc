//! Whether a plan that was shown may still be run, and how much of it is still needed.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use super::PlanFile;
use super::identity::Identity;
use super::read::FileStep;
use crate::graph::{DependsAt, Graph};
use crate::model::{CommitId, Digest, EndpointIndex, EndpointSet, NodeId, Slot, TargetId};
use crate::plan::{Action, Blocked, Cause, Content, Planned, Step, Verb};

/// Why a plan file must not be run any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Stale {
    #[error("the plan was made for commit {planned}, and {current} is to be applied: plan again")]
    Commit { planned: CommitId, current: CommitId },
    #[error("the configuration has changed since the plan was made: plan again")]
    Configuration,
    #[error(
        "{node} at {endpoint} was to replace {}, and now stands on {}: plan again",
        shown(.expected), shown(.found)
    )]
    Expected {
        node: String,
        endpoint: String,
        expected: Option<Digest>,
        found: Option<Digest>,
    },
    #[error("{node} at {endpoint}: the plan says `{planned}`, and now it would be `{now}`: plan again")]
    Another {
        node: String,
        endpoint: String,
        planned: String,
        now: String,
    },
}

fn shown(value: &Option<Digest>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string())
}

/// What is left to do of a plan that was shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StillNeeded {
    /// Of the file and due: these and no others may run.
    pub steps: Vec<Step>,
    /// Due, but not in the file, or waiting for a step that is not.
    pub left_out: Vec<Step>,
}

impl PlanFile {
    /// Compares the file with what is due now. Every step that is returned to be run was in the file.
    ///
    /// # Errors
    /// Where the plan is stale: commit or configuration differ, a value that a step expects has changed, or one of the
    /// steps became another.
    pub fn check(
        &self,
        graph: &Graph,
        fresh: &Planned,
        commit: CommitId,
        configuration: Digest,
    ) -> Result<StillNeeded, Stale> {
        if self.commit != commit {
            return Err(Stale::Commit {
                planned: self.commit,
                current: commit,
            });
        }
        if self.configuration != configuration {
            return Err(Stale::Configuration);
        }
        let mut check = Check::new(self, graph);
        for blocked in &fresh.blocked {
            check.conflict(blocked)?;
        }
        for (step, _) in &fresh.withheld {
            check.compare(step)?;
        }
        for step in &fresh.steps {
            let listed = check.compare(step)?;
            check.take(step, listed);
        }
        Ok(check.finish())
    }
}

impl PlanFile {
    /// Of what is due after the file's steps were run: what a registry dropped when a tag moved, as far as the file says
    /// that this is put back.
    #[must_use]
    pub fn put_back(&self, graph: &Graph, now_due: &Planned) -> Vec<Step> {
        let mut check = Check::new(self, graph);
        let steps = now_due.steps.iter().map(|step| Step {
            at: check.put_back(step),
            ..step.clone()
        });
        steps.filter(|step| !step.at.is_empty()).collect()
    }
}

struct Check<'a> {
    graph: &'a Graph,
    by_node: HashMap<&'a str, &'a [FileStep]>,
    /// The endpoints of lists of names, which most steps share.
    sets: HashMap<(TargetId, *const Box<str>), EndpointSet>,
    /// Where steps of a node are due and not run.
    missing: HashMap<(NodeId, Verb), EndpointSet>,
    needed: StillNeeded,
}

impl<'a> Check<'a> {
    fn new(file: &'a PlanFile, graph: &'a Graph) -> Self {
        Self {
            graph,
            by_node: file
                .steps
                .chunk_by(|a, b| a.node == b.node)
                .map(|steps| (&*steps[0].node, steps))
                .collect(),
            sets: HashMap::new(),
            missing: HashMap::new(),
            needed: StillNeeded::default(),
        }
    }

    fn of_node(&self, node: NodeId) -> &'a [FileStep] {
        self.by_node
            .get(self.graph.node_name(node).as_str())
            .copied()
            .unwrap_or_default()
    }

    fn endpoints(&mut self, target: TargetId, step: &FileStep) -> EndpointSet {
        let graph = self.graph;
        *self.sets.entry((target, step.endpoints.as_ptr())).or_insert_with(|| {
            graph
                .target(target)
                .all_endpoints()
                .iter()
                .filter(|index| {
                    let name = &*graph.target(target).endpoint(*index).name;
                    step.endpoints.iter().any(|wanted| **wanted == *name)
                })
                .collect()
        })
    }

    fn endpoint_name(&self, node: NodeId, endpoint: EndpointIndex) -> String {
        let target = self.graph.target(self.graph.target_of(node.unit));
        target.endpoint(endpoint).name.to_string()
    }

    /// Where the file holds this very step. A step that touches no endpoint counts as at the primary.
    fn compare(&mut self, step: &Step) -> Result<EndpointSet, Stale> {
        let target = self.graph.target_of(step.node.unit);
        let now = Identity::of(&step.action);
        let mut listed = EndpointSet::EMPTY;
        for planned in self.of_node(step.node) {
            if planned.identity().verb() != now.verb() || planned.if_dropped {
                continue;
            }
            if now.verb() == Verb::Sign {
                return Ok(EndpointSet::PRIMARY);
            }
            let common = self.endpoints(target, planned) & step.at;
            let Some(endpoint) = common.iter().next() else {
                continue;
            };
            self.same(step.node, endpoint, planned.identity(), now)?;
            listed |= common;
        }
        Ok(listed | self.put_back(step))
    }

    /// Where the file says that this is put back if it was dropped.
    fn put_back(&mut self, step: &Step) -> EndpointSet {
        let target = self.graph.target_of(step.node.unit);
        let now = Identity::of(&step.action);
        let mut listed = EndpointSet::EMPTY;
        for planned in self.of_node(step.node).iter().filter(|planned| planned.if_dropped) {
            let common = self.endpoints(target, planned) & step.at;
            listed |= common
                .iter()
                .filter(|endpoint| self.same(step.node, *endpoint, planned.identity(), now).is_ok())
                .collect();
        }
        listed
    }

    fn same(
        &self,
        node: NodeId,
        endpoint: EndpointIndex,
        planned: Identity<'_>,
        now: Identity<'_>,
    ) -> Result<(), Stale> {
        let same = match (planned, now) {
            // Some of what travels with an image may have arrived meanwhile.
            (Identity::Copy { carried: planned }, Identity::Copy { carried: now }) => {
                now.iter().all(|carried| planned.contains(carried))
            }
            // What was to be signed was signed, by a run of this plan that did not end.
            (Identity::Attach { artifact: None }, Identity::Attach { .. }) => true,
            (
                Identity::Tag {
                    digest: planned,
                    replaces: expected,
                    ..
                },
                Identity::Tag {
                    digest: now,
                    replaces: found,
                    ..
                },
            ) if planned == now && expected != found => {
                return Err(Stale::Expected {
                    node: self.graph.node_name(node),
                    endpoint: self.endpoint_name(node, endpoint),
                    expected,
                    found,
                });
            }
            (planned, now) => planned == now,
        };
        if same {
            return Ok(());
        }
        Err(Stale::Another {
            node: self.graph.node_name(node),
            endpoint: self.endpoint_name(node, endpoint),
            planned: planned.to_string(),
            now: now.to_string(),
        })
    }

    /// A tag that stands on something foreign has no step any more, but what the file expects there has changed.
    fn conflict(&mut self, blocked: &Blocked) -> Result<(), Stale> {
        let Cause::Conflict { tag, endpoint, found } = blocked.cause else {
            return Ok(());
        };
        let node = NodeId {
            unit: blocked.example.unit,
            slot: Slot::Tag(tag),
        };
        let target = self.graph.target_of(node.unit);
        for planned in self.of_node(node) {
            if let Identity::Tag { replaces, .. } = planned.identity()
                && replaces != Some(found)
                && self.endpoints(target, planned).contains(endpoint)
            {
                return Err(Stale::Expected {
                    node: self.graph.node_name(node),
                    endpoint: self.endpoint_name(node, endpoint),
                    expected: replaces,
                    found: Some(found),
                });
            }
        }
        Ok(())
    }

    /// Takes a step where the file holds it and all it waits for stands or is taken too.
    fn take(&mut self, step: &Step, listed: EndpointSet) {
        let verb = step.action.verb();
        let due = if verb == Verb::Sign {
            EndpointSet::PRIMARY
        } else {
            step.at
        };
        let mut runs = listed;
        for dependency in &step.after {
            for before in [Verb::Copy, Verb::Attach] {
                let Some(missing) = self.missing.get(&(dependency.node, before)) else {
                    continue;
                };
                match dependency.at {
                    DependsAt::SameEndpoint => runs -= *missing,
                    DependsAt::Primary if missing.contains(EndpointIndex::PRIMARY) => runs = EndpointSet::EMPTY,
                    DependsAt::Primary => {}
                }
            }
        }
        let made_here = matches!(
            step.action,
            Action::Attach {
                content: Content::MadeHere,
                ..
            }
        );
        if made_here && self.missing.contains_key(&(step.node, Verb::Sign)) {
            runs = EndpointSet::EMPTY;
        }
        let at = |at| Step {
            at: if verb == Verb::Sign { EndpointSet::EMPTY } else { at },
            ..step.clone()
        };
        if !runs.is_empty() {
            self.needed.steps.push(at(runs));
        }
        let missing = due - runs;
        if !missing.is_empty() {
            self.needed.left_out.push(at(missing));
            *self.missing.entry((step.node, verb)).or_default() |= missing;
        }
    }

    /// Nothing is signed that is not attached.
    fn finish(mut self) -> StillNeeded {
        let attached: HashSet<NodeId> = self
            .needed
            .steps
            .iter()
            .filter(|step| step.action.verb() == Verb::Attach)
            .map(|step| step.node)
            .collect();
        let (steps, unused) = std::mem::take(&mut self.needed.steps)
            .into_iter()
            .partition(|step| step.action.verb() != Verb::Sign || attached.contains(&step.node));
        self.needed.steps = steps;
        self.needed.left_out.extend::<Vec<Step>>(unused);
        self.needed
    }
}
