//! What contradicts: claims of one repository with each other, and with what history declared.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{Digest, Repository, RepositoryPath, Tag, Target};

use super::claims::{Line, Use};
use super::code;
use super::finding::Finding;
use super::ledger::Declaration;
use super::position::Position;

/// A repository at a target, and the images that are to stand there.
pub(super) struct Place<'p, 'a> {
    pub target: &'p Target,
    pub repository: &'p RepositoryPath,
    pub uses: &'p [Use<'a>],
}

/// A line that contradicts something.
pub(super) struct Conflict<'a> {
    pub line: Line<'a>,
    /// Whether the line is held, not only remarked upon.
    pub holds: bool,
    pub at: Position,
    pub finding: Finding,
}

impl Place<'_, '_> {
    fn name(&self, line: &Line<'_>) -> String {
        format!("{}:{}", self.uses[line.of].file, line.at().line)
    }

    fn describe(&self) -> String {
        format!("`{}` at target `{}`", self.repository.as_str(), self.target.name)
    }
}

/// Takes out of `lines` those whose tag stands in a line that cannot be read as well: nobody knows which is meant.
pub(super) fn with_unreadable<'a>(place: &Place<'_, 'a>, lines: &mut Vec<Line<'a>>, found: &mut Vec<Conflict<'a>>) {
    let mut unreadable: HashMap<&Tag, String> = HashMap::new();
    for used in place.uses {
        let name = |line: u32| format!("{}:{line}", used.file);
        for line in used.image.table.held() {
            if let Some(tag) = &line.tag {
                unreadable.entry(tag).or_insert_with(|| name(line.at.line));
            }
        }
        if used.image.held.is_some() {
            for line in used.image.table.tags.iter().flat_map(|tags| &tags.lines) {
                unreadable
                    .entry(&line.tag.value)
                    .or_insert_with(|| name(line.tag.at.line));
            }
        }
    }
    if unreadable.is_empty() {
        return;
    }
    lines.retain(|line| {
        let Some((tag, other)) = line.tag.and_then(|tag| Some((&tag.value, unreadable.get(&tag.value)?))) else {
            return true;
        };
        let finding = Finding::error(
            code::CONFLICTING_CLAIMS,
            format!(
                "tag `{tag}` of {} is claimed at {other} too, in a line that cannot be read",
                place.describe()
            ),
        );
        found.push(Conflict {
            line: *line,
            holds: true,
            at: line.at(),
            finding: finding.help("mend or remove that line; until then neither is promoted"),
        });
        false
    });
}

/// Takes out of `lines` those that contradict a line of another image table, and repetitions.
pub(super) fn between_files<'a>(place: &Place<'_, '_>, lines: &mut Vec<Line<'a>>, found: &mut Vec<Conflict<'a>>) {
    let mut by_tag: HashMap<Option<&Tag>, Vec<usize>> = HashMap::new();
    let mut by_digest: BTreeMap<&Digest, Vec<usize>> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        by_digest.entry(&line.digest.value).or_default().push(index);
        if let Some(tag) = line.tag {
            by_tag.entry(Some(&tag.value)).or_default().push(index);
        }
    }
    let mut keep = vec![true; lines.len()];
    let mut conflicts = Vec::new();
    let mut conflict = |index: usize, holds: bool, at: Position, finding: Finding| {
        keep[index] = false;
        conflicts.push((
            index,
            Conflict {
                line: lines[index],
                holds,
                at,
                finding,
            },
        ));
    };
    for same_tag in by_tag.into_values().filter(|indices| indices.len() > 1) {
        let digest = |index: usize| &lines[index].digest.value;
        let differs = same_tag.iter().any(|index| digest(*index) != digest(same_tag[0]));
        for index in &same_tag {
            let line = &lines[*index];
            let tag = line.tag.map_or("", |tag| tag.value.as_str());
            if differs {
                let Some(other) = same_tag.iter().find(|other| digest(**other) != digest(*index)) else {
                    continue;
                };
                let finding = Finding::error(
                    code::CONFLICTING_CLAIMS,
                    format!(
                        "tag `{tag}` of {} is claimed with two digests: {} here, {} at {}",
                        place.describe(),
                        digest(*index),
                        digest(*other),
                        place.name(&lines[*other])
                    ),
                );
                conflict(
                    *index,
                    true,
                    line.at(),
                    finding.help("remove one of them; until then neither is promoted"),
                );
            } else if *index != same_tag[0] {
                let finding = Finding::warning(
                    code::DUPLICATE_CLAIM,
                    format!(
                        "tag `{tag}` of {} is claimed already, at {}",
                        place.describe(),
                        place.name(&lines[same_tag[0]])
                    ),
                );
                conflict(*index, false, line.at(), finding.help("remove one of them"));
            }
        }
    }
    for same_digest in by_digest.into_values() {
        let source = |index: usize| &place.uses[lines[index].of].source;
        let first = same_digest[0];
        let Some(other) = same_digest.iter().find(|index| source(**index) != source(first)) else {
            let untagged: Vec<_> = same_digest
                .into_iter()
                .filter(|index| lines[*index].tag.is_none())
                .collect();
            for index in untagged.iter().skip(1) {
                let finding = Finding::warning(
                    code::DUPLICATE_CLAIM,
                    format!(
                        "this digest of {} is claimed already, at {}",
                        place.describe(),
                        place.name(&lines[untagged[0]])
                    ),
                );
                conflict(*index, false, lines[*index].at(), finding.help("remove one of them"));
            }
            continue;
        };
        for index in &same_digest {
            let other = if source(*index) == source(first) { *other } else { first };
            let finding = Finding::error(
                code::CONFLICTING_SOURCES,
                format!(
                    "{} of {} is claimed from two sources, the other one at {}",
                    lines[*index].digest.value,
                    place.describe(),
                    place.name(&lines[other])
                ),
            );
            conflict(
                *index,
                true,
                lines[*index].digest.at,
                finding.help("promote a digest to one repository from one source"),
            );
        }
    }
    conflicts.sort_by_key(|(index, _)| *index);
    // A line is held once, and reported for each reason.
    let mut last_held = None;
    for (index, mut conflict) in conflicts {
        conflict.holds &= last_held != Some(index);
        if conflict.holds {
            last_held = Some(index);
        }
        found.push(conflict);
    }
    let mut kept = keep.into_iter();
    lines.retain(|_| kept.next().unwrap_or(true));
}

/// Takes out of `lines` digests that would stand at other endpoints for one line than for another.
pub(super) fn between_endpoints<'a>(place: &Place<'_, '_>, lines: &mut Vec<Line<'a>>, found: &mut Vec<Conflict<'a>>) {
    let endpoints = |line: &Line<'_>| place.uses[line.of].grant.endpoints;
    if place
        .uses
        .windows(2)
        .all(|pair| pair[0].grant.endpoints == pair[1].grant.endpoints)
    {
        return;
    }
    take_out(lines, found, |line, same_digest| {
        let other = same_digest.iter().find(|other| endpoints(other) != endpoints(line))?;
        let finding = Finding::error(
            code::CONFLICTING_ENDPOINTS,
            format!(
                "{} of {} is promoted to other endpoints at {}",
                line.digest.value,
                place.describe(),
                place.name(other)
            ),
        );
        Some(finding.help("promote a digest to one repository at the same endpoints everywhere"))
    });
}

/// Takes out of `lines` digests that more than one project claims. `owners` says whose each use is.
pub(super) fn between_projects<'a>(
    place: &Place<'_, '_>,
    owners: &[&Arc<str>],
    lines: &mut Vec<Line<'a>>,
    found: &mut Vec<Conflict<'a>>,
) {
    take_out(lines, found, |line, same_digest| {
        let owner = owners[line.of];
        let other = same_digest.iter().find(|other| owners[other.of] != owner)?;
        let finding = Finding::error(
            code::CONFLICTING_CLAIMS,
            format!(
                "{} of {} is claimed by project `{}` too, at {}",
                line.digest.value,
                place.describe(),
                owners[other.of],
                place.name(other)
            ),
        );
        Some(finding.help("promote a digest to one repository from one project; until then neither is promoted"))
    });
}

/// Holds each line that something is wrong with among the lines of its digest.
fn take_out<'a>(
    lines: &mut Vec<Line<'a>>,
    found: &mut Vec<Conflict<'a>>,
    wrong: impl Fn(&Line<'a>, &[Line<'a>]) -> Option<Finding>,
) {
    let mut by_digest: HashMap<Digest, Vec<Line<'a>>> = HashMap::new();
    for line in lines.iter() {
        by_digest.entry(line.digest.value).or_default().push(*line);
    }
    lines.retain(|line| match wrong(line, &by_digest[&line.digest.value]) {
        None => true,
        Some(finding) => {
            found.push(Conflict {
                line: *line,
                holds: true,
                at: line.at(),
                finding,
            });
            false
        }
    });
}

/// Takes out of `lines` the immutable tags that would move.
pub(super) fn with_history<'a>(
    reference: &Repository,
    declared: &BTreeMap<Tag, Vec<Declaration>>,
    immutable: impl Fn(&Tag) -> bool,
    allowed: impl Fn(&Tag, &Digest) -> bool,
    lines: &mut Vec<Line<'a>>,
    found: &mut Vec<Conflict<'a>>,
) {
    lines.retain(|line| {
        let Some(tag) = line.tag.map(|tag| &tag.value) else {
            return true;
        };
        let Some(bound) = declared.get(tag).and_then(|declarations| declarations.last()) else {
            return true;
        };
        let digest = line.digest.value;
        if bound.digest == digest || !immutable(tag) || allowed(tag, &digest) {
            return true;
        }
        let finding = Finding::error(
            code::IMMUTABLE_TAG,
            format!(
                "tag `{tag}` is immutable and was declared as {} in commit {}",
                bound.digest,
                bound.commit.short()
            ),
        )
        .help(format!(
            "restore that digest or choose another tag; if the tag is meant to move, add to landfall.toml:\n\
             [[retags]]\nreference = \"{reference}\"\ntag = \"{tag}\"\ndigest = \"{digest}\"\nreason = \"…\""
        ));
        found.push(Conflict {
            line: *line,
            holds: true,
            at: line.digest.at,
            finding,
        });
        false
    });
}
