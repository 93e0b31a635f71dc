//! What a daemon says of itself: how each target stands, what goes on, and what is in the way.

use jiff::Timestamp;
use serde::Serialize;

use super::condition::{Condition, ConditionKind, ConditionStatus};
use super::{CommitId, Digest, Standing, counted};

/// A daemon at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub schema_version: u32,
    pub version: &'static str,
    pub started: Timestamp,
    /// When this was so.
    pub at: Timestamp,
    /// Nothing is written until somebody resumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Why the branch could not be followed to its head when it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_error: Option<String>,
    /// How registries stand to the followed commit; none before one is followed.
    pub standing: Option<Standing>,
    /// When the followed commit was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed: Option<Timestamp>,
    pub activity: Activity,
    pub targets: Vec<TargetStatus>,
}

/// Who stopped writes, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    pub since: Timestamp,
    pub reason: String,
}

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Questions on their way to a registry.
    pub looks: usize,
    /// Images that are being copied, signed or tagged.
    pub runs: usize,
    /// Looks and runs that wait for their turn.
    pub waiting: usize,
}

/// How one target stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    pub name: String,
    /// Images that are wanted there.
    pub images: usize,
    /// Of these, those that are known to be as desired wherever they are wanted.
    pub as_desired: usize,
    /// Steps that are due, each once an endpoint.
    pub due: usize,
    /// Places that were not looked at yet.
    pub open_questions: usize,
    /// Steps that are due where the manifests say to look only.
    pub withheld: usize,
    /// Root causes in the way.
    pub blocked: usize,
    /// Of these, those that only a person lifts.
    pub stalled: usize,
    pub endpoints: Vec<EndpointStatus>,
    pub conditions: Vec<Condition>,
}

/// How one endpoint of a target stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    pub name: String,
    /// Its prefix.
    pub place: String,
    pub answers: Answers,
    /// Images that are wanted there.
    pub images: usize,
    /// Of these, those known to stand there with signatures, attestations and tags.
    pub as_desired: usize,
}

/// Whether an endpoint answered when it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    Yes,
    Refused,
    No,
    NotAsked,
}

impl Answers {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "answers",
            Self::Refused => "refuses access",
            Self::No => "does not answer",
            Self::NotAsked => "not asked yet",
        }
    }
}

/// One image at its target, place by place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageStatus {
    pub target: String,
    /// Under which consumers know it.
    pub public_reference: String,
    pub digest: Digest,
    pub tags: Vec<String>,
    /// The file and line that ask for it.
    pub claimed: String,
    /// When and by which commit it was let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted: Option<AdmittedStatus>,
    pub endpoints: Vec<ImageAtEndpoint>,
    /// What is about to be done.
    pub due: Vec<String>,
    /// What keeps it from being as desired.
    pub blocked: Vec<super::BlockedReport>,
    /// When something is tried or judged again, at the earliest, where nothing happens before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmittedStatus {
    pub at: Timestamp,
    pub commit: CommitId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageAtEndpoint {
    pub name: String,
    /// The repository there.
    pub place: String,
    pub parts: Vec<ImagePart>,
}

/// The image, a signature, an attestation or a tag, as it was last seen at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImagePart {
    pub part: String,
    pub state: PartState,
    /// What a tag stands on, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Digest>,
    /// When it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartState {
    Stands,
    Absent,
    /// A tag on another digest.
    Elsewhere,
    Refused,
    Unknown,
    NotAsked,
}

impl PartState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stands => "stands",
            Self::Absent => "absent",
            Self::Elsewhere => "on another digest",
            Self::Refused => "access refused",
            Self::Unknown => "no answer",
            Self::NotAsked => "not asked yet",
        }
    }
}

impl Status {
    /// Sets the conditions of every target from what else is known; each keeps the time since when it is so.
    pub fn judge(&mut self, before: Option<&Self>) {
        let source = self.source_verified();
        for target in &mut self.targets {
            let mut conditions = vec![
                target.ready(self.at),
                target.reconciling(self.pause.is_some(), self.at),
                target.stalled(self.at),
                source.clone(),
            ];
            let former = before.and_then(|before| before.targets.iter().find(|former| former.name == target.name));
            if let Some(former) = former {
                for condition in &mut conditions {
                    condition.continue_from(&former.conditions);
                }
            }
            target.conditions = conditions;
        }
    }

    fn source_verified(&self) -> Condition {
        let refused = self.standing.as_ref().and_then(|standing| standing.refused.as_ref());
        let (status, reason, message) = match (refused, &self.branch_error) {
            (Some(refused), _) => (
                ConditionStatus::False,
                "CommitRefused",
                format!("commit {} is refused: {}", refused.commit.short(), refused.reason),
            ),
            (None, Some(error)) => (ConditionStatus::Unknown, "BranchUnreadable", error.clone()),
            (None, None) => (
                ConditionStatus::True,
                "HeadFollowed",
                "the branch's head continues the accepted history".to_owned(),
            ),
        };
        Condition {
            kind: ConditionKind::SourceVerified,
            status,
            reason,
            message,
            last_transition_time: self.at,
        }
    }
}

impl TargetStatus {
    fn is_as_desired(&self) -> bool {
        self.due + self.open_questions + self.withheld + self.blocked == 0 && self.as_desired == self.images
    }

    fn ready(&self, at: Timestamp) -> Condition {
        let (status, reason, message) = if self.is_as_desired() {
            (
                ConditionStatus::True,
                "AsDesired",
                format!("{} as desired", counted(self.images, "image")),
            )
        } else if self.blocked > 0 {
            (
                ConditionStatus::False,
                "Blocked",
                format!(
                    "{} of {} as desired, {} in the way",
                    self.as_desired,
                    counted(self.images, "image"),
                    counted(self.blocked, "cause")
                ),
            )
        } else if self.withheld > 0 {
            (
                ConditionStatus::False,
                "OnlyReported",
                format!("{} due, and only reported", counted(self.withheld, "step")),
            )
        } else if self.due > 0 {
            (
                ConditionStatus::False,
                "StepsDue",
                format!("{} due", counted(self.due, "step")),
            )
        } else {
            (
                ConditionStatus::Unknown,
                "NotLookedAt",
                format!("{} not looked at yet", counted(self.open_questions, "place")),
            )
        };
        Condition {
            kind: ConditionKind::Ready,
            status,
            reason,
            message,
            last_transition_time: at,
        }
    }

    fn reconciling(&self, is_paused: bool, at: Timestamp) -> Condition {
        let is_busy = self.due + self.open_questions > 0;
        let (reason, message) = match (is_busy, is_paused) {
            (true, true) => ("Paused", "writes are paused".to_owned()),
            (true, false) => (
                "Progressing",
                format!(
                    "{} due, {} to look at",
                    counted(self.due, "step"),
                    counted(self.open_questions, "place")
                ),
            ),
            (false, _) => ("Idle", "nothing is due".to_owned()),
        };
        Condition {
            kind: ConditionKind::Reconciling,
            status: (is_busy && !is_paused).into(),
            reason,
            message,
            last_transition_time: at,
        }
    }

    fn stalled(&self, at: Timestamp) -> Condition {
        let is_stalled = self.stalled > 0;
        let (reason, message) = if is_stalled {
            (
                "NeedsSomebody",
                format!("{} that only a person lifts", counted(self.stalled, "cause")),
            )
        } else {
            ("Unhindered", "nothing waits for a person".to_owned())
        };
        Condition {
            kind: ConditionKind::Stalled,
            status: is_stalled.into(),
            reason,
            message,
            last_transition_time: at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(seconds: i64, target: TargetStatus) -> Status {
        Status {
            schema_version: 1,
            version: "0",
            started: Timestamp::UNIX_EPOCH,
            at: Timestamp::from_second(seconds).unwrap(),
            pause: None,
            branch_error: None,
            standing: None,
            committed: None,
            activity: Activity::default(),
            targets: vec![target],
        }
    }

    fn target(as_desired: usize, blocked: usize, due: usize) -> TargetStatus {
        TargetStatus {
            name: "production".to_owned(),
            images: 2,
            as_desired,
            due,
            open_questions: 0,
            withheld: 0,
            blocked,
            stalled: 0,
            endpoints: Vec::new(),
            conditions: Vec::new(),
        }
    }

    fn told(status: &Status) -> Vec<String> {
        let condition = |condition: &Condition| {
            let Condition {
                kind, status, reason, ..
            } = condition;
            let since = condition.last_transition_time.as_second();
            format!("{}={} {reason} since {since}", kind.as_str(), status.as_str())
        };
        status.targets[0].conditions.iter().map(condition).collect()
    }

    #[test]
    fn a_condition_keeps_the_time_since_when_it_is_so() {
        let mut first = status(1, target(1, 1, 0));
        first.judge(None);
        let mut second = status(2, target(1, 2, 3));
        second.judge(Some(&first));
        let mut third = status(3, target(2, 0, 0));
        third.judge(Some(&second));
        assert_eq!(
            told(&second),
            [
                "Ready=False Blocked since 1",
                "Reconciling=True Progressing since 2",
                "Stalled=False Unhindered since 1",
                "SourceVerified=True HeadFollowed since 1",
            ]
        );
        assert_eq!(told(&third)[0], "Ready=True AsDesired since 3");
    }

    #[test]
    fn what_was_not_looked_at_is_not_called_ready() {
        let mut open = status(
            1,
            TargetStatus {
                open_questions: 4,
                ..target(0, 0, 0)
            },
        );
        open.judge(None);
        assert_eq!(told(&open)[0], "Ready=Unknown NotLookedAt since 1");
    }

    #[test]
    fn a_branch_that_cannot_be_read_is_unknown_and_no_lie() {
        let mut blind = status(1, target(2, 0, 0));
        blind.branch_error = Some("no route to host".to_owned());
        blind.judge(None);
        assert_eq!(told(&blind)[3], "SourceVerified=Unknown BranchUnreadable since 1");
        assert_eq!(told(&blind)[0], "Ready=True AsDesired since 1");
    }
}
