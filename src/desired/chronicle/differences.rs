//! Which images, and which of their lines, two versions of a project's files do not claim alike.

use std::collections::{BTreeMap, HashMap};

use crate::desired::promotions_file::Image;
use crate::desired::scope::Scope;
use crate::model::{Digest, RepositoryPath, Tag};

/// A line, as far as it can be read.
type Line<'a> = (Option<&'a Tag>, Option<&'a Digest>);

/// Adds where the images of two versions differ. A version that cannot be read has none.
pub(super) fn between_images(before: &[Image], after: &[Image], scope: &mut Scope) {
    let (old, new) = (by_name(before), by_name(after));
    for (name, images) in &old {
        match new.get(name) {
            Some(now) if is_held(images) == is_held(now) => between_lines(name, images, now, scope),
            _ => scope.add(name),
        }
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        scope.add(name);
    }
}

/// Adds all images of a version.
pub(super) fn all_images(images: &[Image], scope: &mut Scope) {
    for image in images {
        scope.add(&image.name.value);
    }
}

/// One name may stand several times in a list of kpromo's.
fn by_name(images: &[Image]) -> BTreeMap<&RepositoryPath, Vec<&Image>> {
    let mut found: BTreeMap<&RepositoryPath, Vec<&Image>> = BTreeMap::new();
    for image in images {
        found.entry(&image.name.value).or_default().push(image);
    }
    found
}

fn is_held(images: &[&Image]) -> Vec<bool> {
    images.iter().map(|image| image.held.is_some()).collect()
}

fn between_lines(name: &RepositoryPath, before: &[&Image], after: &[&Image], scope: &mut Scope) {
    let old: Vec<(Line<'_>, bool)> = before.iter().flat_map(|image| marked(image)).collect();
    let new: Vec<(Line<'_>, bool)> = after.iter().flat_map(|image| marked(image)).collect();
    // Most of a list stays as it is: only what lies between the first and the last difference is compared by line.
    let same_start = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[same_start..], &new[same_start..]);
    let same_end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let (old, new) = (&old[..old.len() - same_end], &new[..new.len() - same_end]);
    let mut counts: HashMap<(Line<'_>, bool), isize> = HashMap::new();
    for line in new {
        *counts.entry(*line).or_default() += 1;
    }
    for line in old {
        *counts.entry(*line).or_default() -= 1;
    }
    for (((tag, digest), _), count) in counts {
        if count != 0 {
            scope.add_line(name, tag, digest);
        }
    }
}

/// The lines of an image, and whether each can be read.
fn marked(image: &Image) -> impl Iterator<Item = (Line<'_>, bool)> {
    let readable = crate::desired::claims::lines(0, &image.table)
        .map(|line| ((line.tag.map(|tag| &tag.value), Some(&line.digest.value)), true));
    let held = image
        .table
        .held()
        .map(|line| ((line.tag.as_ref(), line.digest.as_ref()), false));
    readable.chain(held)
}
