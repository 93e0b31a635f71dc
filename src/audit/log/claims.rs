//! What two commits ask for, compared.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::event::{Event, EventKind};
use super::rules::Rules;
use crate::desired::review::place;
use crate::desired::{Held, Parsed, Resolved};
use crate::model::{Claim, Desired, Digest, ProjectClaims, Repository, Tag, Target};

/// A commit that was accepted: what it asks for.
#[derive(Debug)]
pub(super) struct Accepted {
    pub parsed: Parsed,
    pub resolved: Resolved,
    pub rules: Rules,
}

/// A tag, or a digest without one, by target and public reference.
type Key = (Arc<str>, Repository, Option<Tag>, Option<Digest>);

#[derive(Clone, Copy)]
struct Stand<'a> {
    project: &'a Arc<str>,
    claim: &'a Claim,
}

/// What changed for images, sorted by target, reference and tag.
pub(super) fn compare(before: Option<&Accepted>, after: &Accepted) -> Vec<Event> {
    let old = before.map(|before| &before.resolved.desired);
    let new = &after.resolved.desired;
    let stood = old.map(|old| standing(old, Some(new))).unwrap_or_default();
    let stands = standing(new, old);
    let was_held = before.map(|before| Holding::of(&before.resolved)).unwrap_or_default();
    let is_held = Holding::of(&after.resolved);
    let mut events = Vec::new();
    for (key, stand) in &stands {
        let known = stood.get(key);
        let digest = stand.claim.digest;
        let kind = match known {
            None => EventKind::Promoted,
            Some(known) if known.claim.digest != digest => EventKind::Moved,
            Some(known) if known.project != stand.project => EventKind::HandedOver,
            Some(_) => continue,
        };
        let mut event = event(kind, &after.parsed, key, stand);
        event.after = Some(digest.to_string().into());
        match (kind, known) {
            (EventKind::Moved, Some(known)) => {
                event.before = Some(known.claim.digest.to_string().into());
                let tag = key.2.as_ref().map(Tag::as_str).unwrap_or_default();
                let reason = after.rules.reason(&key.1.to_string(), tag, &digest.to_string());
                event.reason = reason.map(Into::into);
            }
            (EventKind::HandedOver, Some(known)) => {
                event.reason = Some(format!("from project {}", known.project).into())
            }
            (EventKind::Promoted, _) if was_held.holds(key) => event.reason = Some("it was held".into()),
            _ => {}
        }
        events.push((key.clone(), event));
    }
    for (key, stand) in &stood {
        if let Some(before) = before
            && !stands.contains_key(key)
            && !is_held.holds(key)
        {
            let mut event = event(EventKind::Removed, &before.parsed, key, stand);
            event.before = Some(stand.claim.digest.to_string().into());
            events.push((key.clone(), event));
        }
    }
    events.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
    events.extend(newly_held(before, after, &stood));
    events
}

/// What is held back: nothing is written for it, and nothing withdrawn.
#[derive(Default)]
struct Holding(HashSet<Key>);

impl Holding {
    fn of(resolved: &Resolved) -> Self {
        let targets = &resolved.desired.targets;
        Self(resolved.held.iter().filter_map(|held| key(targets, held)).collect())
    }

    fn holds(&self, key: &Key) -> bool {
        // Of an image that cannot be read nobody knows what it drops.
        let whole = || (key.0.clone(), key.1.clone(), None, None);
        !self.0.is_empty() && (self.0.contains(key) || self.0.contains(&whole()))
    }
}

/// `None` where it names no target.
fn key(targets: &[Arc<Target>], held: &Held) -> Option<Key> {
    let target = &targets[held.target?];
    let untagged = held.tag.is_none().then_some(held.digest).flatten();
    let reference = target.public_name.join(&held.repository);
    Some((target.name.clone(), reference, held.tag.clone(), untagged))
}

/// What is claimed by projects that are not the same in `other`.
fn standing<'a>(of: &'a Desired, other: Option<&Desired>) -> BTreeMap<Key, Stand<'a>> {
    // The same allocation is the same claims, at the same targets.
    let is_same = |project: &Arc<ProjectClaims>| {
        other.is_some_and(|other| {
            let at = other.projects.binary_search_by(|known| known.name.cmp(&project.name));
            at.is_ok_and(|at| Arc::ptr_eq(&other.projects[at], project))
        })
    };
    let mut standing = BTreeMap::new();
    for project in of.projects.iter().filter(|project| !is_same(project)) {
        for claim in &project.claims {
            let target = &of.targets[claim.target];
            let reference = target.public_name.join(&claim.repository);
            let stand = Stand {
                project: &project.name,
                claim,
            };
            if claim.tags.is_empty() {
                standing.insert((target.name.clone(), reference, None, Some(claim.digest)), stand);
                continue;
            }
            for tag in &claim.tags {
                let key = (target.name.clone(), reference.clone(), Some(tag.clone()), None);
                standing.insert(key, stand);
            }
        }
    }
    standing
}

fn event(kind: EventKind, parsed: &Parsed, (target, reference, tag, _): &Key, stand: &Stand<'_>) -> Event {
    let (file, at) = place(parsed, stand.project, stand.claim, tag.as_ref());
    Event {
        target: Some(target.clone()),
        project: Some(stand.project.clone()),
        reference: Some(reference.to_string().into()),
        tag: tag.clone(),
        file: Some(file),
        line: Some(at.line),
        ..Event::new(kind)
    }
}

fn newly_held(before: Option<&Accepted>, after: &Accepted, stood: &BTreeMap<Key, Stand<'_>>) -> Vec<Event> {
    fn identity(held: &Held) -> (&Arc<str>, String, Option<&Tag>, Option<&Digest>, &str) {
        let repository = held.repository.to_string();
        (
            &held.project,
            repository,
            held.tag.as_ref(),
            held.digest.as_ref(),
            held.code,
        )
    }
    let known: HashSet<_> = before
        .iter()
        .flat_map(|before| before.resolved.held.iter().map(identity))
        .collect();
    let new = after
        .resolved
        .held
        .iter()
        .filter(|held| !known.contains(&identity(held)));
    let targets = &after.resolved.desired.targets;
    new.map(|held| {
        let target = held.target.map(|target| &targets[target]);
        let stood_before = key(targets, held).and_then(|key| stood.get(&key));
        let reference = match target {
            Some(target) => target.public_name.join(&held.repository).to_string(),
            None => held.repository.to_string(),
        };
        Event {
            target: target.map(|target| target.name.clone()),
            project: Some(held.project.clone()),
            reference: Some(reference.into()),
            tag: held.tag.clone(),
            before: stood_before.map(|stand| stand.claim.digest.to_string().into()),
            after: held.digest.map(|digest| digest.to_string().into()),
            reason: Some(held.code.into()),
            file: Some(held.origin.file.clone()),
            line: Some(held.origin.line),
            ..Event::new(EventKind::Held)
        }
    })
    .collect()
}
