//! Files of these modules do not import each other in circles: each can be read, and changed, after what it stands on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

use super::{is_test_only, sources};

/// Modules of the crate without circles.
const WITHOUT_CIRCLES: &[&str] = &["adoption", "assembly", "doctor", "facts", "graph", "model", "yaml"];

/// The segments of a path below the crate.
type Place = Vec<String>;

/// What a file imports, outside of its tests; and what it offers under other names.
#[derive(Default)]
struct File {
    imports: Vec<Place>,
    offers: BTreeMap<String, Place>,
    /// Where the file's module stands, below the crate.
    place: Place,
    in_tests: bool,
}

impl File {
    fn import(&mut self, path: &[String]) {
        if self.in_tests {
            return;
        }
        let mut base = self.place.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &path[1..];
            }
            Some("self") => rest = &path[1..],
            Some("super") => {
                while rest.first().is_some_and(|first| first == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            // A module of this file's own: `mod a; pub use a::B;`.
            _ => {}
        }
        base.extend_from_slice(rest);
        self.imports.push(base);
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &mut Vec<String>, offered: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, offered);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    self.tree(item, before, offered);
                }
            }
            syn::UseTree::Name(name) => self.leaf(&name.ident, &name.ident, before, offered),
            syn::UseTree::Rename(renamed) => self.leaf(&renamed.ident, &renamed.rename, before, offered),
            syn::UseTree::Glob(_) => self.import(before),
        }
    }

    fn leaf(&mut self, name: &syn::Ident, offered_as: &syn::Ident, before: &[String], offered: bool) {
        let mut path = before.to_vec();
        path.push(name.to_string());
        self.import(&path);
        if offered && let Some(place) = self.imports.last() {
            self.offers.insert(offered_as.to_string(), place.clone());
        }
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let outer = self.in_tests;
        self.in_tests |= is_test_only(&module.attrs);
        syn::visit::visit_item_mod(self, module);
        self.in_tests = outer;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let offered = !matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &mut Vec::new(), offered);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if matches!(segments[0].as_str(), "crate" | "super") {
            self.import(&segments);
        }
        syn::visit::visit_path(self, path);
    }
}

fn is_test_file(file: &Path) -> bool {
    file.components().any(|component| {
        let name = component.as_os_str();
        name == "tests" || name == "tests.rs"
    })
}

/// The files of a module, by where their own modules stand.
fn files(root: &Path, module: &str) -> BTreeMap<Place, File> {
    let mut paths: Vec<PathBuf> = Vec::new();
    sources(&root.join(module), &mut paths);
    let paths = paths.into_iter().filter(|path| !is_test_file(path));
    let read = paths.map(|path| {
        let below = path.strip_prefix(root).expect("it was found there").with_extension("");
        let mut place: Place = below.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if place.last().is_some_and(|name| name == "mod") {
            place.pop();
        }
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        let mut file = File {
            place: place.clone(),
            ..File::default()
        };
        file.visit_file(&syn::parse_file(&text).expect("a source parses"));
        (place, file)
    });
    read.collect()
}

/// The file that an imported path leads to: through what directories offer of their files.
fn target(files: &BTreeMap<Place, File>, path: &[String]) -> Option<Place> {
    let length = (1..=path.len())
        .rev()
        .find(|length| files.contains_key(&path[..*length]))?;
    let (place, rest) = path.split_at(length);
    let offered = rest.first().and_then(|name| files[place].offers.get(name));
    match offered {
        Some(offered) if offered != path => target(files, offered),
        _ => Some(place.to_vec()),
    }
}

/// A circle that begins and ends with `place`, if there is one.
fn circle(edges: &BTreeMap<Place, BTreeSet<Place>>, place: &Place) -> Option<Vec<Place>> {
    let mut reached: BTreeMap<&Place, &Place> = BTreeMap::new();
    let mut open = vec![place];
    while let Some(from) = open.pop() {
        for to in &edges[from] {
            if to == place {
                let mut way = vec![place.clone()];
                let mut at = from;
                while at != place {
                    way.push(at.clone());
                    at = reached[at];
                }
                way.push(place.clone());
                way.reverse();
                return Some(way);
            }
            if !reached.contains_key(to) {
                reached.insert(to, from);
                open.push(to);
            }
        }
    }
    None
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for module in WITHOUT_CIRCLES {
        let files = files(&root, module);
        let edges: BTreeMap<Place, BTreeSet<Place>> = files
            .iter()
            .map(|(place, file)| {
                let to = file.imports.iter().filter_map(|path| target(&files, path));
                // A directory lists its files, and they may use what it lists.
                let to = to.filter(|to| to != place && !to.starts_with(place));
                (place.clone(), to.collect())
            })
            .collect();
        for place in edges.keys() {
            if let Some(way) = circle(&edges, place) {
                let way: Vec<String> = way.iter().map(|place| place.join("/")).collect();
                found.push(way.join(" -> "));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
