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

    /// All variables.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        match self {
            Self::Process => env::vars_os().collect(),
            Self::Fixed(variables) => variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// The files in which other programs store logins, those that count first, first: `$REGISTRY_AUTH_FILE` alone, else
    /// `$DOCKER_CONFIG/config.json` alone, else podman's `auth.json` and Docker's `~/.docker/config.json`
    /// (containers-auth.json(5); Docker's `config.json`). They need not exist.
    #[must_use]
    pub fn login_files(&self) -> Vec<PathBuf> {
        if let Some(file) = self.get("REGISTRY_AUTH_FILE") {
            return vec![file.into()];
        }
        if let Some(folder) = self.get("DOCKER_CONFIG") {
            return vec![PathBuf::from(folder).join("config.json")];
        }
        let podman = [
            self.podman_folder(),
            self.config_home().map(|home| home.join("containers")),
        ]
        .into_iter()
        .flatten()
        .map(|folder| folder.join("auth.json"));
        let docker = self.home().map(|home| home.join(".docker/config.json"));
        podman.chain(docker).collect()
    }

    /// The files of the Google Cloud CLI: `$CLOUDSDK_CONFIG`, else `gcloud` in the folder for configuration (XDG).
    #[must_use]
    pub fn gcloud_folder(&self) -> Option<PathBuf> {
        match self.get("CLOUDSDK_CONFIG") {
            Some(folder) => Some(folder.into()),
            None => Some(self.config_home()?.join("gcloud")),
        }
    }

    /// Below `$XDG_RUNTIME_DIR`; podman has a place for those who have none (containers-auth.json(5)).
    fn podman_folder(&self) -> Option<PathBuf> {
        let named = self
            .get("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        if named.is_some() || matches!(self, Self::Fixed(_)) {
            return named.map(|folder| folder.join("containers"));
        }
        Some(PathBuf::from(format!("/run/containers/{}", own_user()?)))
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

/// The number of the user as whom this process runs, on Linux.
fn own_user() -> Option<u32> {
    #[cfg(target_os = "linux")]
    return Some(std::os::linux::fs::MetadataExt::st_uid(
        &std::fs::metadata("/proc/self").ok()?,
    ));
    #[cfg(not(target_os = "linux"))]
    None
}

/// For all machines, where the administrator put one.
pub(super) const SYSTEM_CONFIG: &str = "/etc/landfall/config.toml";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::config::testing::environment;

    #[test]
    fn folders_follow_the_variables_and_fall_back_to_home() {
        let home = environment(&[("HOME", "/home/a")]);
        assert_eq!(home.state_home(), Some("/home/a/.local/state".into()));
        assert_eq!(
            home.login_files(),
            [
                PathBuf::from("/home/a/.config/containers/auth.json"),
                "/home/a/.docker/config.json".into()
            ]
        );
        let set = environment(&[
            ("HOME", "/home/a"),
            ("XDG_STATE_HOME", "/var/lib"),
            ("DOCKER_CONFIG", "/run/d"),
        ]);
        assert_eq!(set.state_home(), Some("/var/lib".into()));
        assert_eq!(set.login_files(), [PathBuf::from("/run/d/config.json")]);
        let named = environment(&[("REGISTRY_AUTH_FILE", "/run/auth.json"), ("DOCKER_CONFIG", "/run/d")]);
        assert_eq!(named.login_files(), [PathBuf::from("/run/auth.json")]);
        let podman = environment(&[("XDG_RUNTIME_DIR", "/run/user/7"), ("XDG_CONFIG_HOME", "/etc/x")]);
        assert_eq!(
            podman.login_files(),
            [
                PathBuf::from("/run/user/7/containers/auth.json"),
                "/etc/x/containers/auth.json".into()
            ]
        );
        let relative = environment(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "here")]);
        assert_eq!(relative.cache_home(), Some("/home/a/.cache".into()));
        assert_eq!(environment(&[]).config_home(), None);
    }
}
