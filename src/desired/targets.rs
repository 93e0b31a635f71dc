//! The targets of `landfall.toml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::model::{
    AttestationKind, Carry, Drift, Duplicates, Endpoint, MAX_ENDPOINTS, Policy, SignatureForm, SignaturePlacement,
    Signer, Tag, Target, TargetMode,
};

use super::code;
use super::finding::{Finding, Report};
use super::kpromo;
use super::landfall_file::LandfallFile;
use super::position::Position;
use super::prefix_map::PrefixMap;
use super::scalar::{Amount, Name};
use super::shape::Located;
use super::signers::{Definitions, SignerRule};
use super::target_table::{CarryTable, PRIMARY, TargetTable};

/// A target, with what projects and later checks need of it.
pub(super) struct TargetRule {
    pub target: Arc<Target>,
    pub at: Position,
    pub public_name_at: Position,
    /// Where each endpoint is stated, in the order of the target's.
    pub endpoints_at: Vec<Position>,
    pub signer: Option<Arc<SignerRule>>,
    signer_at: Position,
    /// Those that projects may choose.
    pub project_signers: BTreeMap<Name, Arc<SignerRule>>,
    pub policy: Option<Policy>,
    /// Asked for, or by default where something is signed.
    pub attest: Vec<AttestationKind>,
    pub mutable_tags: MutableTags,
}

/// The tags of a target that may move.
#[derive(Debug)]
pub(super) struct MutableTags {
    globs: Vec<Glob>,
    matcher: GlobSet,
}

impl MutableTags {
    pub fn holds(&self, tag: &Tag) -> bool {
        self.matcher.is_match(tag.as_str())
    }
}

impl PartialEq for MutableTags {
    fn eq(&self, other: &Self) -> bool {
        self.globs == other.globs
    }
}

/// All targets, sorted by name.
pub(super) fn targets(
    file: &LandfallFile,
    signers: &Definitions<Arc<SignerRule>>,
    policies: &Definitions<Policy>,
    report: &mut Report,
) -> Vec<TargetRule> {
    let kpromo = kpromo_target(file);
    let mut tables: Vec<(&Located<Name>, &TargetTable)> = Vec::new();
    for (name, table) in file.targets.iter().flatten() {
        if kpromo.is_some() && name.value.as_str() == kpromo::TARGET {
            let finding = Finding::error(
                code::RESERVED_NAME,
                format!(
                    "`{}` is the name of the target that kpromo's manifests fill",
                    name.value
                ),
            );
            report.add(name.at, finding.help("give this target another name"));
        } else {
            tables.push((name, table));
        }
    }
    tables.extend(kpromo.iter().map(|(name, table)| (name, table)));
    tables.sort_by(|(a, _), (b, _)| a.value.cmp(&b.value));
    let rules: Vec<_> = tables
        .into_iter()
        .map(|(name, table)| target(name, table, signers, policies, report))
        .collect();
    report_shared_keys(&rules, report);
    rules
}

/// `[kpromo]` as the target that it defines.
pub(super) fn kpromo_target(file: &LandfallFile) -> Option<(Located<Name>, TargetTable)> {
    let table = file.kpromo.as_ref()?;
    let name = Located {
        value: Name(kpromo::TARGET.into()),
        at: table.root.at,
    };
    Some((name, table.as_target()))
}

fn target(
    name: &Located<Name>,
    table: &TargetTable,
    signers: &Definitions<Arc<SignerRule>>,
    policies: &Definitions<Policy>,
    report: &mut Report,
) -> TargetRule {
    let (endpoints, endpoints_at) = endpoints(name, table, report);
    let signer = table
        .signer
        .as_ref()
        .and_then(|signer| signers.find(signer, report))
        .cloned();
    let project_signers: BTreeMap<_, _> = table
        .project_signers
        .iter()
        .flatten()
        .filter_map(|name| Some((name.value.clone(), signers.find(name, report)?.clone())))
        .collect();
    let signs = table.signer.is_some() || table.project_signers.as_ref().is_some_and(|list| !list.is_empty());
    let attest = match &table.attest {
        None => vec![AttestationKind::Promotion],
        Some(list) => list.value.iter().map(|kind| kind.value).collect(),
    };
    if let Some(list) = &table.attest {
        if !attest.is_empty() && !signs {
            let finding = Finding::error(
                code::ATTEST_WITHOUT_SIGNER,
                format!("target `{}` has no signer that could attest", name.value),
            )
            .help("add `signer = \"…\"`, or remove `attest`");
            report.add(list.at, finding);
        }
        if signs && !attest.contains(&AttestationKind::Promotion) {
            let finding = Finding::warning(
                code::NO_PROMOTION_RECORD,
                "without `promotion` in `attest`, landfall's own state is the only memory of what was admitted",
            )
            .help("add \"promotion\": a state that is lost can then be read back from the registries");
            report.add(list.at, finding);
        }
    }
    let rule = TargetRule {
        target: Arc::new(Target {
            name: name.value.0.clone(),
            public_name: table.public_name.value.clone(),
            endpoints,
            signatures: chosen(table.signatures.as_ref(), SignaturePlacement::Replicate),
            drift: chosen(table.drift.as_ref(), Drift::Repair),
            duplicates: chosen(table.duplicates.as_ref(), Duplicates::Remove),
            mode: chosen(table.mode.as_ref(), TargetMode::Enforce),
            carry: table.carry.as_ref().map(carry).unwrap_or_default(),
        }),
        at: name.at,
        public_name_at: table.public_name.at,
        endpoints_at,
        signer_at: table.signer.as_ref().map_or(name.at, |signer| signer.at),
        signer,
        project_signers,
        policy: table
            .policy
            .as_ref()
            .and_then(|policy| policies.find(policy, report))
            .cloned(),
        attest,
        mutable_tags: mutable_tags(table, report),
    };
    for signer in rule.signer.iter().chain(rule.project_signers.values()) {
        rule.check_formats(signer, &rule.attest, report);
    }
    rule
}

fn carry(table: &CarryTable) -> Carry {
    let default = Carry::default();
    let amount = |amount: Option<Amount>| amount.map(|Amount(amount)| usize::try_from(amount).unwrap_or(usize::MAX));
    Carry {
        referrers: table
            .referrers
            .as_ref()
            .map(|patterns| patterns.iter().map(|pattern| pattern.value.0.clone()).collect()),
        cosign_tags: table
            .cosign_tags
            .as_ref()
            .map_or(default.cosign_tags, |tags| tags.iter().map(|tag| tag.value).collect()),
        count: amount(table.count),
        bytes: table.bytes.map(|Amount(bytes)| bytes),
        depth: amount(table.depth),
        incomplete: chosen(table.incomplete.as_ref(), default.incomplete),
    }
}

fn chosen<T: Copy>(choice: Option<&Located<T>>, default: T) -> T {
    choice.map_or(default, |choice| choice.value)
}

fn endpoints(name: &Located<Name>, table: &TargetTable, report: &mut Report) -> (Vec<Endpoint>, Vec<Position>) {
    let mut mirrors: Vec<_> = table.mirrors.iter().flatten().collect();
    mirrors.sort_by(|(a, _), (b, _)| a.value.cmp(&b.value));
    for (mirror, _) in mirrors.iter().filter(|(mirror, _)| mirror.value.as_str() == PRIMARY) {
        let finding = Finding::error(
            code::RESERVED_NAME,
            "`primary` is the name of the target's first endpoint",
        )
        .help("give the mirror another name");
        report.add(mirror.at, finding);
    }
    if mirrors.len() >= MAX_ENDPOINTS {
        let finding = Finding::error(
            code::TOO_MANY_ENDPOINTS,
            format!(
                "target `{}` has {} endpoints: at most {MAX_ENDPOINTS} are allowed",
                name.value,
                mirrors.len() + 1
            ),
        )
        .help("split it into two targets with their own public names");
        report.add(name.at, finding);
        mirrors.truncate(MAX_ENDPOINTS - 1);
    }
    let primary = Endpoint {
        name: PRIMARY.into(),
        prefix: table.primary.value.clone(),
    };
    let mirrors = mirrors.into_iter().map(|(name, prefix)| {
        let endpoint = Endpoint {
            name: name.value.0.clone(),
            prefix: prefix.value.clone(),
        };
        (endpoint, prefix.at)
    });
    std::iter::once((primary, table.primary.at)).chain(mirrors).unzip()
}

fn mutable_tags(table: &TargetTable, report: &mut Report) -> MutableTags {
    let globs: Vec<Glob> = table
        .mutable_tags
        .iter()
        .flatten()
        .map(|glob| glob.value.0.clone())
        .collect();
    let mut builder = GlobSetBuilder::new();
    for glob in &globs {
        builder.add(glob.clone());
    }
    let matcher = builder.build().unwrap_or_else(|error| {
        let at = table
            .mutable_tags
            .iter()
            .flatten()
            .next()
            .map_or(Position::START, |first| first.at);
        report.add(
            at,
            Finding::error(
                code::INVALID_GLOB,
                format!("the patterns together are too large: {error}"),
            ),
        );
        GlobSet::empty()
    });
    MutableTags { globs, matcher }
}

impl TargetRule {
    /// cosign 3 looks at `.sig` tags only where an image has no bundle at all, so one bundle hides them.
    pub fn check_formats(&self, rule: &SignerRule, attest: &[AttestationKind], report: &mut Report) {
        let Signer { name, formats, .. } = &*rule.signer;
        if formats.contains(&SignatureForm::Bundle) {
            return;
        }
        let target = &self.target.name;
        let finding = if attest.is_empty() {
            Finding::warning(
                code::DEFEATING_SETTINGS,
                format!(
                    "signer `{name}` makes no bundles: on an image that carries any bundle, cosign 3 does not look at its signature"
                ),
            )
        } else {
            Finding::error(
                code::DEFEATING_SETTINGS,
                format!(
                    "signer `{name}` makes no bundles, but target `{target}` attests, and attestations are bundles: cosign 3 then does not look at its signatures"
                ),
            )
        };
        report.add(rule.formats_at, finding.help("add \"bundle\" to `formats`"));
    }
}

/// Where the endpoints of all targets stand. Of two that overlap, the later one is reported.
pub(super) fn endpoint_map(rules: &[TargetRule], report: &mut Report) -> PrefixMap<(usize, usize)> {
    let mut map: PrefixMap<(usize, usize)> = PrefixMap::default();
    let overlap = |one: (usize, usize), other: (usize, usize), report: &mut Report| {
        let at = |(target, endpoint): (usize, usize)| rules[target].endpoints_at[endpoint];
        let (first, second) = if at(one) <= at(other) {
            (one, other)
        } else {
            (other, one)
        };
        let describe = |(target, endpoint): (usize, usize)| {
            let target = &rules[target].target;
            let endpoint = &target.endpoints[endpoint];
            format!("`{}` of target `{}` ({})", endpoint.name, target.name, endpoint.prefix)
        };
        let finding = Finding::error(
            code::OVERLAPPING_ENDPOINTS,
            format!(
                "endpoint {} overlaps {} on line {}",
                describe(second),
                describe(first),
                at(first).line
            ),
        )
        .help("give each endpoint a prefix of its own: two would write the same repositories");
        report.add(at(second), finding);
    };
    let all = || {
        rules.iter().enumerate().flat_map(|(target, rule)| {
            rule.target
                .endpoints
                .iter()
                .enumerate()
                .map(move |(endpoint, e)| ((target, endpoint), &e.prefix))
        })
    };
    for (place, prefix) in all() {
        if let Some(earlier) = map.insert(&prefix.registry, prefix.path(), place) {
            overlap(*earlier, place, report);
        }
    }
    for (place, prefix) in all() {
        // The first is the endpoint itself, or its equal, reported above.
        for above in map.holding(&prefix.registry, prefix.path()).skip(1) {
            overlap(*above, place, report);
        }
    }
    map
}

fn report_shared_keys(rules: &[TargetRule], report: &mut Report) {
    let mut holders: BTreeMap<&[u8], &TargetRule> = BTreeMap::new();
    let mut in_order: Vec<_> = rules.iter().collect();
    in_order.sort_by_key(|rule| rule.at);
    for rule in in_order {
        for signer in rule.signer.iter().chain(rule.project_signers.values()) {
            let holder = *holders.entry(&signer.key).or_insert(rule);
            if holder.target.name != rule.target.name {
                let finding = Finding::warning(
                    code::SHARED_KEY,
                    format!(
                        "targets `{}` and `{}` sign with the same key, that of signer `{}`",
                        holder.target.name, rule.target.name, signer.signer.name
                    ),
                )
                .help("a signature does not say for which target it was made: give each target a key of its own");
                report.add(rule.signer_at, finding);
            }
        }
    }
}
