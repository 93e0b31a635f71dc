//! Paths as whole segments between slashes.

/// Whether `path` is `folder` or lies below it. Everything lies below the empty folder.
#[must_use]
pub fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_itself_and_whole_segments_below_it() {
        for (path, folder, within) in [
            ("a/b", "", true),
            ("", "", true),
            ("a", "a", true),
            ("a/b/c", "a/b", true),
            ("ab", "a", false),
            ("a", "a/b", false),
            ("", "a", false),
        ] {
            assert_eq!(is_within(path, folder), within, "{path} in {folder}");
        }
    }
}
