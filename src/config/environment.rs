//! Environment variables, and the places they name.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where variables are looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Environment {
    /// This process's own, each time anew.
    #[default]
    Process,
    Fixed(BTreeMap<String, String>),
}

impl Environment {
    /// A variable's value; an empty one counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<OsString> {
        let value = match self {
            Self::Process => env::var_os(name)?,
            Self::Fixed(variables) => variables.get(name)?.into(),
        };
        (!value.is_empty()).then_some(value)
    }

    /// `$XDG_CONFIG_HOME`, else `~/.config`.
    pub(super) fn config_home(&self) -> Option<PathBuf> {
        self.base_folder("XDG_CONFIG_HOME", ".config")
    }

    /// `$XDG_STATE_HOME`, else `~/.local/state`.
    pub(super) fn state_home(&self) -> Option<PathBuf> {
        self.base_folder("XDG_STATE_HOME", ".local/state")
    }

    /// `$XDG_CACHE_HOME`, else `~/.cache`.
    pub(super) fn cache_home(&self) -> Option<PathBuf> {
        self.base_folder("XDG_CACHE_HOME", ".cache")
    }

    /// Docker's own configuration: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    pub(super) fn docker_config(&self) -> Option<PathBuf> {
        let folder = match self.get("DOCKER_CONFIG") {
            Some(folder) => PathBuf::from(folder),
            None => self.home()?.join(".docker"),
        };
        Some(folder.join("config.json"))
    }

    /// Relative paths do not count (XDG base directory specification, "Environment variables").
    fn base_folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        self.get(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(self.home()?.join(below_home)))
    }

    fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// For all machines, where the administrator put one.
pub(super) const SYSTEM_CONFIG: &str = "/etc/landfall/config.toml";

#[cfg(test)]
mod tests {
    use crate::config::testing::environment;

    #[test]
    fn folders_follow_the_variables_and_fall_back_to_home() {
        let home = environment(&[("HOME", "/home/a")]);
        assert_eq!(home.state_home(), Some("/home/a/.local/state".into()));
        assert_eq!(home.docker_config(), Some("/home/a/.docker/config.json".into()));
        let set = environment(&[
            ("HOME", "/home/a"),
            ("XDG_STATE_HOME", "/var/lib"),
            ("DOCKER_CONFIG", "/run/d"),
        ]);
        assert_eq!(set.state_home(), Some("/var/lib".into()));
        assert_eq!(set.docker_config(), Some("/run/d/config.json".into()));
        let relative = environment(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "here")]);
        assert_eq!(relative.cache_home(), Some("/home/a/.cache".into()));
        assert_eq!(environment(&[]).config_home(), None);
    }
}
