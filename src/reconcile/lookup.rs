//! From what people call an image to the images that are meant.

use std::collections::BTreeSet;

use crate::graph::Graph;
use crate::model::{Digest, RepositoryId, UnitId};

/// The claimed images that a text names: a target, a digest, or a repository (as consumers know it, at an endpoint, or as
/// `TARGET/PATH`) with a tag, with a digest, or with all that is promoted into it.
#[must_use]
pub fn named(graph: &Graph, text: &str) -> BTreeSet<UnitId> {
    let wanted = || graph.wanted();
    if let Some(target) = graph.find_target(text) {
        return wanted().filter(|unit| graph.target_of(*unit) == target).collect();
    }
    if let Ok(digest) = text.parse::<Digest>() {
        return wanted().filter(|unit| graph.unit(*unit).digest == digest).collect();
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => match digest.parse::<Digest>() {
            Ok(digest) => (rest, Some(digest)),
            Err(_) => return BTreeSet::new(),
        },
        None => (text, None),
    };
    // A colon before the last slash is a port's.
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (rest, None),
    };
    wanted()
        .filter(|id| {
            let unit = graph.unit(*id);
            digest.is_none_or(|digest| unit.digest == digest)
                && tag.is_none_or(|tag| unit.tags.iter().any(|id| graph.tag(*id).1.as_str() == tag))
                && is_called(graph, unit.repository, repository)
        })
        .collect()
}

fn is_called(graph: &Graph, id: RepositoryId, name: &str) -> bool {
    let (target, path) = graph.repository(id);
    let target = graph.target(target);
    let below_target = || {
        name.strip_prefix(&*target.name)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|rest| rest == path.to_string())
    };
    graph.public_reference(id).to_string() == name
        || below_target()
        || target
            .all_endpoints()
            .iter()
            .any(|endpoint| graph.place(id, endpoint).to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{Manifests, claim, digest, target};

    fn graph() -> Graph {
        let manifests = Manifests::new([target("production", &["europe"]), target("staging", &[])])
            .with("team", claim("team/app", "a", &["v1", "latest"]))
            .with("team", claim("team/app", "b", &["v2"]))
            .with("team", claim("team/web", "a", &["v1"]));
        Graph::new(&manifests.desired())
    }

    #[test]
    fn an_image_is_found_under_every_name_that_people_use_for_it() {
        let graph = graph();
        let app = graph.wanted().next().unwrap();
        let repository = graph.unit(app).repository;
        let public = graph.public_reference(repository);
        let europe = graph.place(repository, crate::model::EndpointIndex(1));
        for name in [
            format!("{public}:v1"),
            format!("{public}@{}", digest("a")),
            format!("{europe}:latest"),
            "production/team/app:v1".to_owned(),
            format!("production/team/app:v1@{}", digest("a")),
        ] {
            assert_eq!(named(&graph, &name), BTreeSet::from([app]), "{name}");
        }
    }

    #[test]
    fn a_name_without_a_tag_means_all_of_the_repository_and_a_target_all_of_it() {
        let graph = graph();
        assert_eq!(named(&graph, "production/team/app").len(), 2);
        assert_eq!(named(&graph, "production").len(), 3);
        assert_eq!(named(&graph, &digest("a").to_string()).len(), 2);
    }

    #[test]
    fn what_nobody_promotes_is_nothing() {
        for name in [
            "",
            "production/team/app:v9",
            "production/team/app@sha256:12",
            "staging/x",
            "team/app:v1",
        ] {
            assert_eq!(named(&graph(), name), BTreeSet::new(), "{name}");
        }
    }
}
