//! What the doctor found.

use crate::model::{Ability, Capabilities, Contradiction, Knowledge, KnownBy, Prefix};
use crate::registry::RegistryError;

/// Everything that was found out about one endpoint.
#[derive(Debug)]
pub struct Examination {
    pub prefix: Prefix,
    /// How the registry is reached, and as whom.
    pub checks: Vec<Check>,
    pub capabilities: Capabilities,
    pub contradictions: Vec<Contradiction>,
    pub trial: Option<TrialReport>,
    pub conclusions: Vec<Conclusion>,
    pub interrupted: bool,
}

/// What `--write` did.
#[derive(Debug, Default)]
pub struct TrialReport {
    /// Where.
    pub scratch: String,
    /// Manifests that were written and deleted again.
    pub removed: usize,
    /// What could not be deleted, each with why.
    pub left: Vec<(String, String)>,
}

/// What a trial showed that is not an ability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Showing {
    /// Nothing could be tried: the first upload failed.
    pub stopped: bool,
    /// Where tags are immutable, whether those of signatures can be moved all the same.
    pub metadata_tags_move: Option<bool>,
    /// The fallback tag of a manifest is answered with that manifest itself.
    pub serves_subject_as_index: bool,
    /// Whether tags that differ only in case are one.
    pub tags_ignore_case: Option<bool>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub topic: &'static str,
    pub outcome: Outcome,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Fine,
    /// Worth knowing, and no reason to do anything.
    Note,
    /// Somebody should do something about it.
    Attention,
    /// The registry lets us not.
    Refused,
    Failed,
}

/// What follows for landfall, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    pub kind: ConclusionKind,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConclusionKind {
    Can,
    /// Works, otherwise than one might think.
    Otherwise,
    Cannot,
    /// A setting that hurts, or would.
    Care,
    Unknown,
}

impl Check {
    pub fn new(topic: &'static str, outcome: Outcome, text: impl Into<String>) -> Self {
        Self {
            topic,
            outcome,
            text: text.into(),
        }
    }
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Attention => "attention",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl ConclusionKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Can => "can",
            Self::Otherwise => "otherwise",
            Self::Cannot => "cannot",
            Self::Care => "care",
            Self::Unknown => "unknown",
        }
    }
}

/// What is said beside an ability.
pub fn evidence(knowledge: &Knowledge) -> String {
    let shown = match &knowledge.ability {
        Ability::Unknown(why) => why,
        _ => &knowledge.evidence,
    };
    let source = match knowledge.known_by {
        KnownBy::Probed => return shown.clone(),
        KnownBy::Declared => "declared in config.toml".to_owned(),
        KnownBy::Remembered(at) => format!("shown on {}", at.strftime("%Y-%m-%d %H:%M UTC")),
    };
    if shown.is_empty() {
        source
    } else {
        format!("{shown}; {source}")
    }
}

/// What an error says of the topic.
pub fn failed(topic: &'static str, error: &RegistryError) -> Check {
    let outcome = if error.is_denied() {
        Outcome::Refused
    } else {
        Outcome::Failed
    };
    let hint = match error.code.as_deref() {
        Some("NAME_UNKNOWN") => "; the registry may make no repositories by itself: create this one first",
        _ => "",
    };
    Check::new(topic, outcome, format!("{error}{hint}"))
}
