//! What keeps registries from being as a commit says, and the verdict that follows from it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Everything that is known to be in the way of "as desired", counted. `plan`, `apply`, `run` and every format say how
/// a commit stands by this and nothing else, so that they cannot differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortfall {
    /// Steps that are due and not done, each once an endpoint.
    pub due: usize,
    /// Root causes in the way, however much waits for each.
    pub blocked: usize,
    /// Of these, places that could not be looked at.
    pub unseen: usize,
    /// Of these, places where access was refused.
    pub forbidden: usize,
    /// Places that were not looked at yet.
    pub open_questions: usize,
    /// Steps that are due where the manifests say to look only, each once an endpoint.
    pub withheld: usize,
    /// Claims that are not followed because of an error in the manifests.
    pub held: usize,
    /// Errors in the manifests of the commit.
    pub errors: usize,
    /// A newer commit is refused, so that an older one is still followed.
    pub refused_commit: bool,
    /// Told to stop before the end.
    pub interrupted: bool,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convergence {
    /// All of it was looked at, and all of it is as the commit says.
    AsDesired,
    /// Steps are due, and nothing is in their way.
    Due,
    /// Something is in the way, not known, or not followed.
    Partly,
    /// Told to stop before the end.
    Interrupted,
}

impl Shortfall {
    #[must_use]
    pub fn verdict(&self) -> Convergence {
        let steps = Self {
            due: self.due,
            ..Self::default()
        };
        if self.interrupted {
            Convergence::Interrupted
        } else if *self == Self::default() {
            Convergence::AsDesired
        } else if *self == steps {
            Convergence::Due
        } else {
            Convergence::Partly
        }
    }

    /// Whether all that the commit asks for could be looked at.
    #[must_use]
    pub const fn saw_everything(&self) -> bool {
        self.unseen == 0 && self.open_questions == 0 && !self.interrupted
    }

    /// Whether something is wrong with the manifests themselves.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        self.held > 0 || self.errors > 0 || self.refused_commit
    }
}

/// What is missing, in a line; nothing where nothing is.
impl fmt::Display for Shortfall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: usize, one: &str, many: &str| {
            (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
        };
        let parts: Vec<String> = [
            counted(self.due, "step due", "steps due"),
            counted(self.blocked, "cause in the way", "causes in the way"),
            counted(self.open_questions, "place not looked at", "places not looked at"),
            counted(self.withheld, "step only reported", "steps only reported"),
            counted(self.held, "claim held back", "claims held back"),
            counted(self.errors, "error in the manifests", "errors in the manifests"),
            self.refused_commit.then(|| "a newer commit refused".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect();
        formatter.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each way in which something can be missing, alone.
    fn each() -> Vec<Shortfall> {
        let nothing = Shortfall::default();
        vec![
            Shortfall { due: 1, ..nothing },
            Shortfall { blocked: 1, ..nothing },
            Shortfall {
                open_questions: 1,
                ..nothing
            },
            Shortfall { withheld: 1, ..nothing },
            Shortfall { held: 1, ..nothing },
            Shortfall { errors: 1, ..nothing },
            Shortfall {
                refused_commit: true,
                ..nothing
            },
        ]
    }

    #[test]
    fn as_desired_is_said_only_where_nothing_at_all_is_missing() {
        assert_eq!(Shortfall::default().verdict(), Convergence::AsDesired);
        assert_eq!(Shortfall::default().to_string(), "");
        for shortfall in each() {
            assert_ne!(shortfall.verdict(), Convergence::AsDesired, "{shortfall:?}");
            assert_ne!(shortfall.to_string(), "", "{shortfall:?}");
            let stopped = Shortfall {
                interrupted: true,
                ..shortfall
            };
            assert_eq!(stopped.verdict(), Convergence::Interrupted);
        }
    }

    #[test]
    fn steps_alone_are_due_and_with_anything_else_it_is_converged_in_part() {
        for shortfall in &each()[1..] {
            assert_eq!(shortfall.verdict(), Convergence::Partly);
            assert_eq!(Shortfall { due: 2, ..*shortfall }.verdict(), Convergence::Partly);
        }
        assert_eq!(each()[0].verdict(), Convergence::Due);
    }
}
