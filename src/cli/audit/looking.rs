//! Looking at all of it: place by place, several at once, what was seen before left out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use super::kept::Kept;
use crate::assembly::AllowedRegistries;
use crate::audit::compare::{NotLookedAt, Place, Unlisted, below};
use crate::audit::look::{Depth, Looking, OurKeys, PlaceFacts, PlaceToLook, look_at_place};
use crate::cli::{Common, ErrorOutput};
use crate::model::{Desired, Limits, Repository};

/// Repositories that are read at once.
const AT_ONCE: usize = 8;

/// From how many repositories on it is told how far the audit is.
const MANY: usize = 100;

/// What was seen.
pub struct Seen<'a> {
    /// In the order of what was to be looked at.
    pub places: Vec<PlaceFacts>,
    pub unlisted: Vec<(Unlisted<'a>, PlaceFacts)>,
    pub not_looked_at: Vec<NotLookedAt>,
    pub endpoints: usize,
}

/// # Errors
/// Where what was seen cannot be kept.
#[expect(clippy::too_many_arguments, reason = "all that an audit goes by meets here")]
pub async fn look<'a>(
    registries: &AllowedRegistries,
    limits: &Limits,
    keys: &OurKeys,
    wanted: &[Place<'a>],
    desired: &'a Desired,
    only: Option<&str>,
    mut kept: Option<Kept>,
    common: &Common,
) -> io::Result<Seen<'a>> {
    let mut seen = Seen {
        places: Vec::new(),
        unlisted: Vec::new(),
        not_looked_at: Vec::new(),
        endpoints: 0,
    };
    let unexpected = wanted.iter().any(|place| place.look.unexpected);
    let expected: HashSet<&Repository> = wanted.iter().map(|place| &place.look.place).collect();
    let mut others = Vec::new();
    for target in desired
        .targets
        .iter()
        .filter(|target| only.is_none_or(|only| *target.name == *only))
    {
        for endpoint in target.all_endpoints().iter() {
            seen.endpoints += 1;
            if !unexpected {
                continue;
            }
            let prefix = &target.endpoint(endpoint).prefix;
            let catalog = match registries.catalog(prefix).await {
                Ok(catalog) => catalog,
                Err(error) => {
                    seen.not_looked_at.push(NotLookedAt {
                        what: format!("repositories below {prefix} that nobody asked for"),
                        why: error.to_string().replace('\n', " ").into(),
                    });
                    continue;
                }
            };
            for repository in catalog.repositories {
                if expected.contains(&repository) {
                    continue;
                }
                // A repository at the prefix itself has no public reference below the public name.
                let reference = match below(prefix, &repository) {
                    Some(path) => target.public_name.join(&path),
                    None => repository.clone(),
                };
                let unlisted = Unlisted {
                    target,
                    endpoint,
                    reference,
                };
                others.push((unlisted, repository));
            }
        }
    }
    let looks_of_others: Vec<PlaceToLook> = others
        .iter()
        .map(|(_, repository)| PlaceToLook {
            place: repository.clone(),
            tags: BTreeSet::new(),
            images: BTreeSet::new(),
            declared: HashSet::new(),
            unexpected: true,
            depth: Depth::Manifests,
        })
        .collect();
    let looks: Vec<&PlaceToLook> = wanted.iter().map(|place| &place.look).chain(&looks_of_others).collect();
    let looking = Looking {
        registry: registries,
        limits,
        keys,
    };
    let mut found: HashMap<usize, PlaceFacts> = HashMap::new();
    let mut open = Vec::new();
    for (number, look) in looks.iter().enumerate() {
        match kept.as_mut().and_then(|kept| kept.take(&look.place)) {
            Some(facts) => _ = found.insert(number, facts),
            None => open.push(number),
        }
    }
    let looking = &looking;
    let asked = open.into_iter().map(|number| {
        let look = looks[number];
        async move { (number, look_at_place(looking, look).await) }
    });
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE).boxed();
    while let Some((number, facts)) = answers.next().await {
        if let Some(kept) = &mut kept {
            kept.add(&facts)?;
        }
        tracing::info!(place = %facts.place, tags = facts.tags.len(), images = facts.images.len(), "looked at");
        found.insert(number, facts);
        tell(found.len(), looks.len(), common);
    }
    drop(answers);
    for number in 0..looks.len() {
        let Some(facts) = found.remove(&number) else { continue };
        let not_seen = facts.not_seen().map(|(what, why)| NotLookedAt {
            what,
            why: Arc::clone(why),
        });
        seen.not_looked_at.extend(not_seen);
        if number < wanted.len() {
            seen.places.push(facts);
        } else if !others.is_empty() {
            let (unlisted, _) = others.remove(0);
            seen.unlisted.push((unlisted, facts));
        }
    }
    Ok(seen)
}

/// Says how far it is, now and then.
fn tell(done: usize, all: usize, common: &Common) {
    let step = (all / 20).max(1);
    if all >= MANY && done.is_multiple_of(step) && !common.quiet && !common.no_progress {
        ErrorOutput::say(&format!("looked at {done} of {all} repositories"));
    }
}
