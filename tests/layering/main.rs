//! Which module may use which. One-way data flow is kept by this table, not by memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

mod circles;

/// Module, and the modules of the crate it may import. `model` imports nothing; siblings do not know each other and
/// meet in `observe`, `execute`, `reconcile` and the commands.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("yaml", &["model"]),
    // Repositories elsewhere are reached by the one HTTP client.
    ("source", &["model", "http"]),
    ("desired", &["model", "yaml"]),
    ("config", &["model"]),
    ("graph", &["model"]),
    ("facts", &["model", "graph"]),
    ("plan", &["model", "graph", "facts"]),
    ("http", &["model"]),
    ("registry", &["model", "http"]),
    ("credentials", &["model", "config", "http", "registry"]),
    ("transfer", &["model", "registry"]),
    ("trust", &["model"]),
    ("signing", &["model", "http", "trust"]),
    ("gather", &["model", "registry", "trust"]),
    ("observe", &["model", "graph", "facts", "registry", "transfer", "trust"]),
    (
        "execute",
        &[
            "model", "graph", "facts", "plan", "registry", "transfer", "trust", "signing",
        ],
    ),
    (
        "reconcile",
        &[
            "model", "source", "desired", "graph", "facts", "plan", "registry", "transfer", "trust", "signing",
            "observe", "execute",
        ],
    ),
    (
        "sim",
        &[
            "model",
            "source",
            "desired",
            "graph",
            "facts",
            "plan",
            "registry",
            "transfer",
            "trust",
            "signing",
            "observe",
            "execute",
            "reconcile",
        ],
    ),
    (
        "assembly",
        &[
            "model",
            "source",
            "config",
            "graph",
            "plan",
            "http",
            "registry",
            "credentials",
            "signing",
            "execute",
            "reconcile",
        ],
    ),
    ("serve", &["model"]),
    (
        "audit",
        &[
            "model",
            "source",
            "desired",
            "registry",
            "transfer",
            "trust",
            "reconcile",
        ],
    ),
    (
        "adoption",
        &["model", "yaml", "desired", "registry", "trust", "assembly"],
    ),
    (
        "doctor",
        &[
            "model",
            "config",
            "http",
            "registry",
            "credentials",
            "execute",
            "reconcile",
            "assembly",
        ],
    ),
];

/// These join everything.
const FREE: &[&str] = &["cli", "demo"];

struct Imports<'a> {
    modules: &'a BTreeSet<String>,
    found: BTreeSet<String>,
    in_tests: bool,
}

impl Imports<'_> {
    fn take(&mut self, first: Option<&syn::Ident>, second: Option<&syn::Ident>) {
        if first.is_some_and(|first| first == "crate")
            && let Some(module) = second.map(ToString::to_string)
            && self.modules.contains(&module)
            && !self.in_tests
        {
            self.found.insert(module);
        }
    }
}

fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let outer = self.in_tests;
        self.in_tests |= is_test_only(&module.attrs);
        syn::visit::visit_item_mod(self, module);
        self.in_tests = outer;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree {
            let seconds: Vec<_> = match &*path.tree {
                syn::UseTree::Path(next) => vec![next.ident.clone()],
                syn::UseTree::Name(next) => vec![next.ident.clone()],
                syn::UseTree::Group(group) => group
                    .items
                    .iter()
                    .filter_map(|item| match item {
                        syn::UseTree::Path(next) => Some(next.ident.clone()),
                        syn::UseTree::Name(next) => Some(next.ident.clone()),
                        _ => None,
                    })
                    .collect(),
                _ => Vec::new(),
            };
            for second in &seconds {
                self.take(Some(&path.ident), Some(second));
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter().map(|segment| &segment.ident);
        self.take(segments.next(), segments.next());
        syn::visit::visit_path(self, path);
    }
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("the sources can be listed") {
        let path = entry.expect("the sources can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let modules: BTreeSet<String> = std::fs::read_dir(&root)
        .expect("src can be listed")
        .map(|entry| entry.expect("src can be listed").path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    let mut violations = Vec::new();
    for module in &modules {
        if FREE.contains(&module.as_str()) {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else {
            violations.push(format!("src/{module} is not in the table"));
            continue;
        };
        let mut files = Vec::new();
        sources(&root.join(module), &mut files);
        for file in files {
            let is_test_file = file.file_name().is_some_and(|name| name == "tests.rs")
                || file.components().any(|component| component.as_os_str() == "tests");
            if is_test_file {
                continue;
            }
            let text = std::fs::read_to_string(&file).expect("a source can be read");
            let parsed = syn::parse_file(&text).expect("a source parses");
            let mut imports = Imports {
                modules: &modules,
                found: BTreeSet::new(),
                in_tests: false,
            };
            imports.visit_file(&parsed);
            for import in imports.found {
                if import != *module && !allowed.contains(&import.as_str()) {
                    violations.push(format!(
                        "{} imports {import}, which {module} may not",
                        file.strip_prefix(&root).unwrap_or(&file).display()
                    ));
                }
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Modules that look at registries, and change nothing there.
const READING: &[&str] = &["observe", "adoption"];

#[test]
fn whoever_only_looks_at_registries_has_none_that_can_be_written_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in READING {
        let mut files = Vec::new();
        sources(&root.join(module), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a source can be read");
            assert!(!text.contains("WritableRegistry"), "{}", file.display());
        }
    }
}
