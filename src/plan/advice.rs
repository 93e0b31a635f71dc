//! To whom remedies are told, and what makes them ones that work there.

use std::collections::BTreeSet;

/// Who hears of what is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// Somebody who ran a command that has ended by the time it is read.
    #[default]
    Command,
    /// Who hears of it from `landfall run`. It holds landfall's memory for as long as it runs, so that no other command that
    /// needs the memory works meanwhile, but for those that have the daemon do it.
    Daemon,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advice {
    pub audience: Audience,
    /// What stands after every command that is proposed, such as ` --config config.toml`: without it, it would look at
    /// another repository, or use another configuration, than the one that was run.
    pub flags: String,
    /// Registries, with their ports, that are spoken to without TLS.
    pub plain_http: BTreeSet<String>,
}

impl Advice {
    /// A command that works beside a running daemon, since it has the daemon do it.
    #[must_use]
    pub fn asked(&self, command: &str) -> String {
        format!("`landfall {command}{}`", self.flags)
    }

    /// A command that needs landfall's memory, and what has to be done around it.
    #[must_use]
    pub fn by_hand(&self, command: &str) -> String {
        let command = self.asked(command);
        match self.audience {
            Audience::Command => command,
            Audience::Daemon => format!("stop `landfall run`, do {command}, and start it again"),
        }
    }

    /// What is tried again at some time in any case.
    #[must_use]
    pub(super) fn again(&self, verb: &str) -> String {
        match self.audience {
            Audience::Command => format!("`landfall apply{}` {verb} again", self.flags),
            Audience::Daemon => format!("`landfall run` {verb} again by itself"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_in_the_way_is_stopped_first() {
        let advice = |audience| Advice {
            audience,
            flags: " --config c.toml".to_owned(),
            ..Advice::default()
        };
        assert_eq!(
            advice(Audience::Command).by_hand("apply"),
            "`landfall apply --config c.toml`"
        );
        assert_eq!(
            advice(Audience::Daemon).by_hand("apply"),
            "stop `landfall run`, do `landfall apply --config c.toml`, and start it again"
        );
    }
}
