//! What the pages about the design name in the source is there: files, tests, types, functions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The source as these pages speak of it.
#[derive(Default)]
struct Source {
    /// Files and folders, from the root on, with slashes before and behind.
    paths: Vec<String>,
    words: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Source {
    fn read(root: &Path) -> Self {
        let mut source = Self::default();
        for folder in ["src", "tests", "docs", "benches", "scripts", "fuzz", "testdata", ".ci"] {
            source.add(root, &root.join(folder));
        }
        source
    }

    fn add(&mut self, root: &Path, path: &Path) {
        let relative = path.strip_prefix(root).expect("it is below the root");
        self.paths.push(format!("/{}/", relative.display()));
        if path.is_dir() {
            for entry in fs::read_dir(path).expect("a folder can be read") {
                self.add(root, &entry.expect("an entry can be read").path());
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).expect("a source file is text");
            self.add_words(&text);
        }
    }

    fn add_words(&mut self, text: &str) {
        let mut previous = "";
        for word in text.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
            if previous == "fn" {
                self.functions.insert(word.to_owned());
            }
            if !word.is_empty() {
                previous = word;
                self.words.insert(word.to_owned());
            }
        }
    }

    /// Why a name in backticks names nothing; `None` where it does, or is no name.
    fn lacks(&self, name: &str) -> Option<String> {
        if name.ends_with(".rs") || name.ends_with(".md") || (name.contains('/') && is_path(name)) {
            let wanted = format!("/{}/", name.trim_matches('/'));
            let is_there = self.paths.iter().any(|path| path.ends_with(&wanted));
            return (!is_there).then(|| format!("there is no file `{name}`"));
        }
        if !name
            .chars()
            .all(|letter| letter.is_alphanumeric() || "_:".contains(letter))
        {
            return None;
        }
        // Names of tests are sentences.
        if name.matches('_').count() >= 3 {
            return (!self.functions.contains(name)).then(|| format!("there is no function `{name}`"));
        }
        let is_code = name.contains('_') || name.contains("::") || name.starts_with(char::is_uppercase);
        let missing = name.split("::").find(|part| !self.words.contains(*part))?;
        is_code.then(|| format!("no source file has the name `{missing}`"))
    }
}

fn is_path(name: &str) -> bool {
    name.chars()
        .all(|letter| letter.is_alphanumeric() || "_-./".contains(letter))
}

/// What stands in backticks, and where links lead to.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn pages(root: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(root.join("docs/design")).expect("docs/design can be read");
    let mut pages: Vec<PathBuf> = folder
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    pages.sort();
    pages
}

#[test]
fn what_the_design_pages_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = Source::read(root);
    let pages = pages(root);
    assert!(pages.len() > 5, "{pages:?}");
    let mut wrong = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page is text");
        let mut tell = |what: String| wrong.push(format!("{}: {what}", page.display()));
        names(&text).filter_map(|name| source.lacks(name)).for_each(&mut tell);
        for link in links(&text).filter(|link| !link.contains("://")) {
            let file = link.split('#').next().unwrap_or_default();
            if !page.with_file_name(file).exists() {
                tell(format!("the link to {link} leads nowhere"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_that_are_not_there_are_found_out() {
    let mut source = Source {
        paths: vec!["/src/plan/unit.rs/".to_owned(), "/src/plan/".to_owned()],
        ..Source::default()
    };
    source.add_words("struct Unit; fn a_test_that_is_there() { may_make() }");
    for there in [
        "plan/unit.rs",
        "src/plan",
        "Unit",
        "may_make",
        "a_test_that_is_there",
        "apply",
        "drift = \"report\"",
    ] {
        assert_eq!(source.lacks(there), None, "{there}");
    }
    for gone in [
        "plan/gone.rs",
        "src/gone",
        "Gone",
        "Unit::gone_by",
        "may_go",
        "a_test_that_is_gone",
    ] {
        assert!(source.lacks(gone).is_some(), "{gone}");
    }
}
