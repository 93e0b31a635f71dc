//! The projects of `landfall.toml`: what is granted to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{AttestationKind, EndpointIndex, EndpointSet, Policies, Policy, SignaturePlacement, Signer};

use super::code;
use super::finding::{Finding, Report, listed, quoted, suggestion};
use super::in_place::{self, Standing};
use super::landfall_file::{LandfallFile, ProjectTable};
use super::position::Position;
use super::prefix_map::PrefixMap;
use super::scalar::{Name, SourceGrant, TargetPath};
use super::shape::{List, Located};
use super::signers::{Definitions, SignerRule};
use super::target_table::PRIMARY;
use super::targets::TargetRule;

/// What a project may do.
#[derive(Debug)]
pub(super) struct Project {
    pub name: Arc<str>,
    pub sources: Vec<SourceGrant>,
    /// One for each target that it may promote to, in the order of its list.
    pub grants: Vec<Grant>,
    pub paths: Vec<TargetPath>,
    /// Its line in `landfall.toml`.
    pub line: u32,
}

/// What a project does at one target.
#[derive(Debug)]
pub(super) struct Grant {
    pub target: usize,
    pub endpoints: EndpointSet,
    pub signer: Option<Arc<Signer>>,
    pub attest: Arc<[AttestationKind]>,
    pub policy: Arc<Policies>,
}

/// What projects are checked against.
pub(super) struct Surroundings<'a> {
    pub targets: &'a [TargetRule],
    pub endpoints: &'a PrefixMap<(usize, usize)>,
    pub signers: &'a Definitions<Arc<SignerRule>>,
    pub policies: &'a Definitions<Policy>,
    /// The target that kpromo's manifests fill, and nothing else.
    pub kpromo: Option<usize>,
}

impl Surroundings<'_> {
    fn target(&self, name: &Name) -> Option<usize> {
        self.targets
            .binary_search_by(|rule| (*rule.target.name).cmp(name.as_str()))
            .ok()
    }

    fn known_target(&self, name: &Name, at: Position, report: &mut Report) -> Option<usize> {
        let found = self.target(name);
        if found.is_some() && found == self.kpromo {
            let message = format!("target `{name}` is filled by kpromo's manifests alone");
            let finding = Finding::error(code::RESERVED_NAME, message);
            report.add(at, finding.help("define a target of its own for this project"));
            return None;
        }
        if found.is_none() {
            let help = if self.targets.is_empty() {
                format!("define it: `[targets.{name}]`")
            } else {
                suggestion(name.as_str(), self.targets.iter().map(|rule| &*rule.target.name))
            };
            let finding = Finding::error(
                code::UNKNOWN_NAME,
                format!("no target is named {}", quoted(name.as_str())),
            );
            report.add(at, finding.help(help));
        }
        found
    }
}

pub(super) fn projects(
    file: &LandfallFile,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> BTreeMap<Arc<str>, Project> {
    let projects = file.projects.iter().flatten().map(|(name, table)| {
        let project = Reading {
            name,
            table,
            around,
            report,
        }
        .project();
        (name.value.0.clone(), project)
    });
    projects.collect()
}

struct Reading<'r, 'a> {
    name: &'r Located<Name>,
    table: &'r ProjectTable,
    around: &'r Surroundings<'a>,
    report: &'r mut Report,
}

impl Reading<'_, '_> {
    fn project(mut self) -> Project {
        let table = self.table;
        self.not_empty(&table.sources, "sources", "what it may promote from");
        self.not_empty(&table.targets, "targets", "what it may promote to");
        self.not_empty(
            &table.paths,
            "paths",
            "where it writes below a target: [\"\"] is the root",
        );
        let targets: Vec<_> = table
            .targets
            .value
            .iter()
            .filter_map(|name| self.around.known_target(&name.value, name.at, self.report))
            .collect();
        for source in &table.sources.value {
            self.check_source(source, &targets);
        }
        self.check_endpoint_names(&targets);
        let policy = table
            .policy
            .as_ref()
            .and_then(|policy| self.around.policies.find(policy, self.report));
        let grants = targets.iter().map(|target| self.grant(*target, policy)).collect();
        self.check_attest(&targets);
        Project {
            name: self.name.value.0.clone(),
            sources: table.sources.value.iter().map(|source| source.value.clone()).collect(),
            grants,
            paths: table.paths.value.iter().map(|path| path.value.clone()).collect(),
            line: self.name.at.line,
        }
    }

    fn not_empty<T>(&mut self, list: &Located<List<T>>, key: &str, what: &str) {
        if list.value.is_empty() {
            let finding = Finding::error(code::EMPTY, format!("project `{}` has no {key}", self.name.value));
            self.report.add(list.at, finding.help(format!("list {what}")));
        }
    }

    fn check_source(&mut self, source: &Located<SourceGrant>, targets: &[usize]) {
        match &source.value {
            SourceGrant::Registry(prefix) => {
                let Some(&(upstream, endpoint)) = self.around.endpoints.holding_prefix(prefix) else {
                    return;
                };
                let rule = &self.around.targets[upstream];
                let standing = if targets.contains(&upstream) {
                    let signs = self.table.signer.is_some() || rule.signer.is_some();
                    let paths: Vec<_> = self.table.paths.value.iter().map(|path| path.value.clone()).collect();
                    in_place::standing(prefix, &rule.target, &paths, signs)
                } else {
                    Standing::Inside
                };
                if standing == Standing::InPlace {
                    return;
                }
                let finding = in_place::refusal(&format!("source `{prefix}`"), &rule.target, endpoint, standing);
                self.report.add(source.at, finding);
            }
            SourceGrant::Target(name) => {
                let Some(upstream) = self.around.known_target(name, source.at, self.report) else {
                    return;
                };
                let finding = if !targets.contains(&upstream) {
                    Finding::error(
                        code::INVALID_CHAIN,
                        format!("project `{}` claims nothing at target `{name}`: a chained source reads what the project itself claims there", self.name.value),
                    )
                    .help(format!("add \"{name}\" to its `targets`"))
                } else if targets == [upstream] {
                    Finding::error(
                        code::INVALID_CHAIN,
                        format!("target `{name}` would be promoted from itself"),
                    )
                    .help("list in `targets` where it is promoted to")
                } else {
                    return;
                };
                self.report.add(source.at, finding);
            }
        }
    }

    /// A name counts when any of the project's targets has such an endpoint.
    fn check_endpoint_names(&mut self, targets: &[usize]) {
        let Some(list) = &self.table.endpoints else {
            return;
        };
        self.not_empty(
            list,
            "endpoints",
            "those that it writes, or remove the line for all of them",
        );
        if targets.is_empty() {
            return;
        }
        let known: BTreeSet<&str> = targets
            .iter()
            .flat_map(|target| &self.around.targets[*target].target.endpoints)
            .map(|endpoint| &*endpoint.name)
            .collect();
        for name in list.value.iter().filter(|name| !known.contains(name.value.as_str())) {
            let finding = Finding::error(
                code::UNKNOWN_NAME,
                format!(
                    "no endpoint of this project's targets is named {}",
                    quoted(name.value.as_str())
                ),
            );
            self.report.add(
                name.at,
                finding.help(suggestion(name.value.as_str(), known.iter().copied())),
            );
        }
    }

    fn grant(&mut self, target: usize, policy: Option<&Policy>) -> Grant {
        let rule = &self.around.targets[target];
        let signer = self.signer(rule);
        let endpoints = self.endpoints(rule, signer.is_some());
        let mut attest = rule.attest.clone();
        if let Some(added) = self.table.attest.as_ref().filter(|added| !added.value.is_empty()) {
            attest.extend(added.value.iter().map(|kind| kind.value));
            if let Some(signer) = &signer {
                rule.check_formats(signer, &attest, self.report);
            }
        }
        if signer.is_none() {
            attest.clear();
        }
        attest.sort_unstable();
        attest.dedup();
        let mut policies: Policies = rule.policy.iter().cloned().collect();
        policies.extend(policy.filter(|own| !policies.contains(own)).cloned());
        Grant {
            target,
            endpoints,
            signer: signer.map(|rule| rule.signer.clone()),
            attest: attest.into(),
            policy: Arc::new(policies),
        }
    }

    fn signer(&mut self, rule: &TargetRule) -> Option<Arc<SignerRule>> {
        let Some(own) = &self.table.signer else {
            return rule.signer.clone();
        };
        // Reports a name that is defined nowhere.
        self.around.signers.find(own, self.report)?;
        let allowed = rule.project_signers.get(&own.value).cloned();
        if allowed.is_none() {
            let target = &rule.target.name;
            let finding = Finding::error(
                code::SIGNER_NOT_ALLOWED,
                format!("target `{target}` does not let projects choose signer `{}`", own.value),
            )
            .help(format!(
                "add it to that target: `project-signers = [\"{}\"]`",
                own.value
            ));
            self.report.add(own.at, finding);
        }
        allowed
    }

    fn endpoints(&mut self, rule: &TargetRule, signs: bool) -> EndpointSet {
        let Some(list) = &self.table.endpoints else {
            return rule.target.all_endpoints();
        };
        let named = |name: &str| list.value.iter().any(|wanted| wanted.value.as_str() == name);
        let set: EndpointSet = (0_u8..)
            .zip(&rule.target.endpoints)
            .filter(|(_, endpoint)| named(&endpoint.name))
            .map(|(index, _)| EndpointIndex(index))
            .collect();
        let target = &rule.target.name;
        if set.is_empty() && !list.value.is_empty() {
            let names = listed(rule.target.endpoints.iter().map(|endpoint| &*endpoint.name));
            let finding = Finding::error(
                code::UNKNOWN_NAME,
                format!("none of these endpoints is one of target `{target}`"),
            );
            self.report.add(list.at, finding.help(format!("it has {names}")));
        } else if signs
            && rule.target.signatures == SignaturePlacement::PrimaryOnly
            && !set.contains(EndpointIndex::PRIMARY)
        {
            let finding = Finding::error(
                code::DEFEATING_SETTINGS,
                format!("target `{target}` keeps signatures at its primary only, which this project does not write"),
            );
            self.report
                .add(list.at, finding.help(format!("add \"{PRIMARY}\" to `endpoints`")));
        }
        set
    }

    fn check_attest(&mut self, targets: &[usize]) {
        let Some(list) = self.table.attest.as_ref().filter(|list| !list.value.is_empty()) else {
            return;
        };
        for rule in targets.iter().map(|target| &self.around.targets[*target]) {
            if rule.signer.is_none() && self.table.signer.is_none() {
                let finding = Finding::error(
                    code::ATTEST_WITHOUT_SIGNER,
                    format!("target `{}` has no signer that could attest", rule.target.name),
                );
                self.report
                    .add(list.at, finding.help("give the target a signer, or remove `attest`"));
            }
        }
    }
}
