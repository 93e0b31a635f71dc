//! What lifts each kind of obstacle: the one table, for plans, reports and logs.

use super::advice::{Advice, Audience};
use crate::model::{Capability, KnownBy, Obstacle, ObstacleKind, Prefix};

/// A remedy with the names that it needs. Whatever it proposes works where it is read: see [`Advice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remedy<'a> {
    /// A registry refuses access below a prefix.
    Credentials(String),
    /// This side refuses it: what `allow-reads` and `allow-writes` leave out, or what a registry leads to.
    Allow(String),
    /// An endpoint does not answer.
    Reach(&'a Prefix),
    /// A registry wants to be asked less, or later.
    Wait,
    /// A registry fails by itself.
    MendRegistry,
    /// A registry does not serve what it was given.
    MendStorage,
    /// A registry refuses what it is sent.
    SeeRefusal,
    /// Something else than a registry seems to answer.
    SeeWhoAnswers(String),
    /// A registry does not take it, ever.
    TakeAway,
    /// What stands there cannot be read by anybody.
    Replace,
    /// More than the limits allow.
    RaiseLimit,
    /// Something on this side.
    PutRight,
    /// Something could not be read.
    AskAgain,
    /// As many as may be were signed anew for now.
    GoOn,
    /// A step failed.
    TryAgain,
    /// A step failed before, and waits.
    TryAtOnce,
    /// Somebody undoes what landfall repairs.
    FindOther,
    /// What is claimed cannot be promoted; where it is claimed.
    PromoteAnother(String),
    /// What is claimed is not at its source.
    PushOrCorrect(String),
    /// What is claimed is not whole at its source.
    PushWhole(String),
    /// What travelled with an image is gone; from where it is read.
    PushCarried(String),
    /// Something beside an image stayed behind.
    MendBeforehand,
    /// Something beside an image cannot travel, and it waits for that.
    MendOrLeave,
    /// Nothing claims what a chained claim reads from; the target it reads from.
    PromoteThere(&'a str),
    /// What a chained claim reads from does not stand yet; where that is claimed.
    WaitFor(String),
    /// Signatures may stand where nobody answers.
    SignAnyway,
    /// A tag stands on something foreign.
    Adopt(String),
    /// The registry cannot hold it.
    Unsupported {
        prefix: &'a Prefix,
        capability: Capability,
        known_by: KnownBy,
    },
}

impl Remedy<'_> {
    /// What lifts an obstacle that was met below `prefix`; `by_itself`, where it may pass.
    pub fn of(obstacle: &Obstacle, prefix: &str, by_itself: Self) -> Self {
        match obstacle.kind {
            ObstacleKind::Denied => Self::Credentials(prefix.to_owned()),
            ObstacleKind::NotAllowed => Self::Allow(prefix.to_owned()),
            ObstacleKind::Throttled => Self::Wait,
            ObstacleKind::Server => Self::MendRegistry,
            ObstacleKind::DigestMismatch | ObstacleKind::NotKept => Self::MendStorage,
            ObstacleKind::Refused => Self::SeeRefusal,
            ObstacleKind::Malformed => {
                Self::SeeWhoAnswers(obstacle.host.as_deref().unwrap_or_else(|| host_of(prefix)).to_owned())
            }
            ObstacleKind::Unsupported => Self::TakeAway,
            ObstacleKind::Content => Self::Replace,
            ObstacleKind::TooLarge => Self::RaiseLimit,
            ObstacleKind::Local => Self::PutRight,
            // One that somebody has to let us into comes first: the others may pass.
            ObstacleKind::NoSource => match obstacle.sources.iter().find(|source| source.is_denied()) {
                Some(source) => Self::of(source, source.host.as_deref().unwrap_or(prefix), by_itself),
                None => by_itself,
            },
            ObstacleKind::Unreachable
            | ObstacleKind::TimedOut
            | ObstacleKind::Interrupted
            | ObstacleKind::Missing
            | ObstacleKind::Changed
            | ObstacleKind::Unclassified => by_itself,
        }
    }

    pub fn told(&self, advice: &Advice) -> String {
        match self {
            Self::Credentials(prefix) => format!(
                "set `read` and `write` under [registries.\"{prefix}\"] in config.toml, and list \"{prefix}\" in \
                 `allow-reads` and `allow-writes` where these are set"
            ),
            Self::Allow(prefix) => format!(
                "where the configuration forbids it, list \"{prefix}\" in `allow-reads` and `allow-writes`; where the \
                 registry leads elsewhere, have it lead to a place as safe as itself"
            ),
            Self::Wait => format!(
                "{} once that is over; where it happens often, a budget with `requests-per-second` in config.toml keeps \
                 landfall below what the registry allows",
                advice.again("asks")
            ),
            Self::MendRegistry => format!("its own log says why it fails; {}", advice.again("asks")),
            Self::MendStorage => format!(
                "see what is wrong with its storage, or with what stands before it; {}",
                advice.again("tries it")
            ),
            Self::SeeRefusal => format!("its own log says more; {}", advice.again("tries it")),
            Self::SeeWhoAnswers(host) => {
                let scheme = if advice.plain_http.contains(host) {
                    "http"
                } else {
                    "https"
                };
                format!("see who answers there: `curl -i {scheme}://{host}/v2/`")
            }
            Self::TakeAway => "promote what it takes, or leave this endpoint out".to_owned(),
            Self::Replace => format!("delete or replace what stands there; {}", advice.again("looks")),
            Self::RaiseLimit => {
                "if so much is right, raise the limit in config.toml: `landfall explain limits` lists them".to_owned()
            }
            Self::PutRight => format!("put right what it names; {}", advice.again("tries it")),
            Self::Reach(prefix) => {
                let host = prefix.registry.connect_to();
                if advice.plain_http.contains(prefix.registry.as_str()) {
                    return format!(
                        "see whether it can be reached from here: `curl -i http://{host}/v2/`; if it speaks TLS, remove \
                         `plain-http` for it from config.toml"
                    );
                }
                format!(
                    "see whether it can be reached from here: `curl -i https://{host}/v2/`; a private CA or plain HTTP \
                     is set under [registries.\"{prefix}\"] in config.toml"
                )
            }
            Self::AskAgain => advice.again("asks"),
            Self::GoOn => match advice.audience {
                Audience::Command => format!(
                    "it goes on with each `landfall apply{}`, and by itself under `landfall run`",
                    advice.flags
                ),
                Audience::Daemon => "it goes on by itself".to_owned(),
            },
            Self::TryAgain => advice.again("tries it"),
            Self::TryAtOnce => match advice.audience {
                Audience::Command => format!("`landfall apply{}` tries it at once", advice.flags),
                Audience::Daemon => "it is tried again then, and with the next start of `landfall run`".to_owned(),
            },
            Self::FindOther => format!(
                "find what else writes or deletes there (a retention rule, another tool); then {}",
                match advice.audience {
                    Audience::Command => advice.again("tries it"),
                    Audience::Daemon => "it is repaired again an hour after the last of these repairs".to_owned(),
                }
            ),
            Self::PromoteAnother(origin) => format!("promote another digest at {origin}"),
            Self::PushOrCorrect(origin) => format!("push it to the source, or correct the digest at {origin}"),
            Self::PushWhole(origin) => {
                format!("push the image again with all its platforms, or promote another digest at {origin}")
            }
            Self::PushCarried(source) => {
                format!("push it to {source} again, and it is spread; nothing else waits for it")
            }
            Self::MendBeforehand => {
                "nothing waits for it; to have it travel, put it right at the source before the image \
                                     is promoted"
                    .to_owned()
            }
            Self::MendOrLeave => "put it right at the source, or let it stay behind: `incomplete = \"leave\"` in the \
                                  target's `carry`"
                .to_owned(),
            Self::PromoteThere(target) => format!("promote it to {target} too, or read it from elsewhere"),
            Self::WaitFor(origin) => format!("it goes on by itself once what {origin} asks for stands"),
            Self::SignAnyway => format!(
                "bring the endpoint back, or say that nobody needs to wait for it: {}",
                advice.by_hand("apply --sign-despite-silence")
            ),
            // Deleting the tag is no remedy: most registries delete what else stands on that digest with it.
            Self::Adopt(place) => format!(
                "to have it replaced: {}; if what stands there is right, declare that digest for the tag in Git instead",
                advice.asked(&format!("adopt '{}' --reason 'WHY'", globset::escape(place)))
            ),
            Self::Unsupported {
                prefix,
                capability,
                known_by,
            } => {
                let unless = match known_by {
                    KnownBy::Declared => {
                        format!("correct `capabilities` under [registries.\"{prefix}\"] or a shorter prefix")
                    }
                    KnownBy::Remembered(_) | KnownBy::Probed => format!(
                        "have it tried again: {}",
                        advice.by_hand(&format!("doctor {prefix} --write"))
                    ),
                };
                format!("{}; if that is not so any more, {unless}", way_out(*capability))
            }
        }
    }
}

fn host_of(prefix: &str) -> &str {
    prefix.split('/').next().unwrap_or(prefix)
}

/// What to do instead where a registry cannot hold something.
fn way_out(capability: Capability) -> &'static str {
    match capability {
        Capability::ImmutableTags => "promote under a new tag",
        Capability::Artifact => {
            "leave this endpoint out, or attach nothing of the kind: `formats = [\"tag\"]` for the signer, `attest = []` \
             for the target, an image without referrers"
        }
        _ => "promote the image in another form, or leave this endpoint out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(prefix: &Prefix) -> Vec<Remedy<'_>> {
        let origin = || "promotions/dns/coredns.toml:3".to_owned();
        vec![
            Remedy::Credentials(prefix.to_string()),
            Remedy::Allow(prefix.to_string()),
            Remedy::Reach(prefix),
            Remedy::Wait,
            Remedy::MendRegistry,
            Remedy::MendStorage,
            Remedy::SeeRefusal,
            Remedy::SeeWhoAnswers("localhost:5000".to_owned()),
            Remedy::TakeAway,
            Remedy::Replace,
            Remedy::RaiseLimit,
            Remedy::PutRight,
            Remedy::AskAgain,
            Remedy::GoOn,
            Remedy::MendBeforehand,
            Remedy::MendOrLeave,
            Remedy::TryAgain,
            Remedy::TryAtOnce,
            Remedy::FindOther,
            Remedy::PromoteAnother(origin()),
            Remedy::PushOrCorrect(origin()),
            Remedy::PushWhole(origin()),
            Remedy::PushCarried("staging.example.com/dns".to_owned()),
            Remedy::PromoteThere("production"),
            Remedy::WaitFor(origin()),
            Remedy::SignAnyway,
            Remedy::Adopt("[::1]:5000/images/app:v1".to_owned()),
            Remedy::Unsupported {
                prefix,
                capability: Capability::Artifact,
                known_by: KnownBy::Probed,
            },
            Remedy::Unsupported {
                prefix,
                capability: Capability::ImmutableTags,
                known_by: KnownBy::Declared,
            },
        ]
    }

    #[test]
    fn what_will_not_change_is_not_said_to_be_asked_again() {
        for kind in ObstacleKind::EVERY {
            let obstacle = Obstacle::new(kind, "x");
            let told = Remedy::of(&obstacle, "example.com/images", Remedy::AskAgain).told(&Advice::default());
            assert!(!told.is_empty());
            if obstacle.is_lasting() && kind != ObstacleKind::Content {
                assert!(!told.contains("again"), "{kind}: {told}");
            }
        }
    }

    #[test]
    fn a_source_that_lets_nobody_in_is_named_rather_than_one_that_may_come_back() {
        let denied = Obstacle {
            host: Some("source.test".into()),
            ..Obstacle::new(ObstacleKind::Denied, "403")
        };
        let broken = Obstacle::new(ObstacleKind::Interrupted, "reset");
        let remedy = |sources: Vec<Obstacle>| {
            Remedy::of(
                &Obstacle::no_source("none", sources),
                "example.com/images",
                Remedy::TryAgain,
            )
        };
        assert_eq!(
            remedy(vec![broken.clone(), denied]),
            Remedy::Credentials("source.test".to_owned())
        );
        assert_eq!(remedy(vec![broken]), Remedy::TryAgain);
    }

    fn all(advice: &Advice) -> String {
        let prefix = "localhost:5000/images".parse().unwrap();
        every(&prefix)
            .iter()
            .map(|remedy| format!("{}\n", remedy.told(advice)))
            .collect()
    }

    #[test]
    fn what_is_told_after_a_command() {
        insta::assert_snapshot!(all(&Advice {
            flags: " --config config.toml".to_owned(),
            ..Advice::default()
        }));
    }

    #[test]
    fn what_is_told_by_a_daemon_can_be_done() {
        let advice = Advice {
            audience: Audience::Daemon,
            plain_http: ["localhost:5000".to_owned()].into(),
            ..Advice::default()
        };
        let told = all(&advice);
        for line in told
            .lines()
            .filter(|line| line.contains("`landfall apply") || line.contains("`landfall d"))
        {
            assert!(line.contains("stop `landfall run`"), "{line}");
        }
        insta::assert_snapshot!(told);
    }

    #[test]
    fn the_proposed_pattern_matches_the_place_and_nothing_else() {
        for place in ["registry.example.com/a:v1", "[::1]:5000/images/app:v1"] {
            let told = Remedy::Adopt(place.to_owned()).told(&Advice::default());
            let pattern = told.split('\'').nth(1).unwrap();
            let matcher = globset::Glob::new(pattern).unwrap().compile_matcher();
            assert!(matcher.is_match(place), "{pattern}");
            assert!(!matcher.is_match(":"), "{pattern}");
        }
    }
}
