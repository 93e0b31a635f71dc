//! kpromo's manifests, thin and plain, under a fixed `landfall.toml`; what `import kpromo` makes of them says the same.
#![no_main]

mod tree;

use landfall::desired::import_kpromo;
use landfall::model::{RepoPath, Roots, TreeFile};

const LANDFALL: &[u8] = b"version = 1
[kpromo]
root = \"k\"
public-name = \"registry.example.com\"
[kpromo.endpoints]
primary = \"primary.example.com/images\"
second = \"second.example.com/images\"
";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut tree = tree::tree(bytes);
    let files = [b"=== landfall.toml\n", LANDFALL].concat();
    let landfall = tree::tree(&files).files.remove(&RepoPath::from(Roots::FILE));
    // A seed brings its own; the fixed one stands where there is none.
    let own = matches!(tree.files.get(&RepoPath::from(Roots::FILE)), Some(TreeFile::Regular { bytes, .. }) if bytes.len() > 40);
    if let (false, Some(landfall)) = (own, landfall) {
        tree.files.insert(RepoPath::from(Roots::FILE), landfall);
    }
    if tree::resolve_twice(&tree).is_some() {
        _ = import_kpromo(&tree, "production");
    }
});
