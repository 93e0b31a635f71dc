//! Where foreign programs are.

use std::env;
use std::path::PathBuf;

/// The path of an installed program.
pub fn find(name: &str) -> PathBuf {
    let on_path = env::var_os("PATH");
    let places = env::var_os("LANDFALL_TOOLS")
        .map(PathBuf::from)
        .into_iter()
        .chain(on_path.iter().flat_map(env::split_paths))
        .chain(env::home_dir().map(|home| home.join(".cache/landfall/tools")));
    places
        .map(|place| place.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("`{name}` is not installed: run scripts/interop-tools"))
}
