//! Which request of a forge a commit came from, as its message says.

use serde::{Deserialize, Serialize};

/// Where a change was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    pub forge: Forge,
    /// `#12`, `acme/images!34`, `I8473b95934b5732ac55d26311a706c9c2bde9940`
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Whose way of writing it is. A squashed commit's `(#12)` is the same of GitHub and Gitea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forge {
    GitHub,
    GitLab,
    Gitea,
    Gerrit,
    Bitbucket,
    AzureDevOps,
    /// GitHub or Gitea.
    Unclear,
}

impl PullRequest {
    /// What the message of a commit says; anybody can write such a message.
    #[must_use]
    pub fn of(message: &str) -> Option<Self> {
        let summary = message.trim_start().lines().next().unwrap_or_default();
        merged(summary)
            .or_else(|| gitlab(message))
            .or_else(|| gerrit(message))
            .or_else(|| squashed(summary, message))
    }

    fn new(forge: Forge, name: impl Into<String>) -> Self {
        Self {
            forge,
            name: name.into(),
            url: None,
        }
    }
}

/// The summaries of merge commits.
fn merged(summary: &str) -> Option<PullRequest> {
    if let Some(rest) = summary.strip_prefix("Merge pull request #") {
        return Some(PullRequest::new(Forge::GitHub, format!("#{}", number(rest)?)));
    }
    if summary.starts_with("Merge pull request '") {
        let (_, rest) = summary.rsplit_once("(#")?;
        return Some(PullRequest::new(Forge::Gitea, format!("#{}", number(rest)?)));
    }
    if let Some(rest) = summary.strip_prefix("Merged PR ") {
        return Some(PullRequest::new(Forge::AzureDevOps, format!("#{}", number(rest)?)));
    }
    if summary.starts_with("Merged in ") {
        let (_, rest) = summary.rsplit_once("(pull request #")?;
        return Some(PullRequest::new(Forge::Bitbucket, format!("#{}", number(rest)?)));
    }
    None
}

/// `See merge request acme/images!34`, a line of its own.
fn gitlab(message: &str) -> Option<PullRequest> {
    let found = message
        .lines()
        .find_map(|line| line.strip_prefix("See merge request "))?;
    let name = found.trim();
    let (project, rest) = name.rsplit_once('!')?;
    // Older versions write the project's URL, or nothing before the number.
    let is_whole = number(rest)?.len() == rest.len() && !project.contains(' ');
    is_whole.then(|| PullRequest::new(Forge::GitLab, name))
}

/// `Change-Id`, with the address that `Reviewed-on` gives.
fn gerrit(message: &str) -> Option<PullRequest> {
    let id = trailer(message, "Change-Id")?;
    let is_id = id.len() == 41 && id.starts_with('I') && id[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| PullRequest {
        url: trailer(message, "Reviewed-on").map(str::to_owned),
        ..PullRequest::new(Forge::Gerrit, id)
    })
}

/// `Promote coredns (#12)`; Gitea adds `Reviewed-on`.
fn squashed(summary: &str, message: &str) -> Option<PullRequest> {
    let url = trailer(message, "Reviewed-on").filter(|url| url.contains("/pulls/"));
    if let Some(url) = url {
        let (_, rest) = url.rsplit_once("/pulls/")?;
        return Some(PullRequest {
            url: Some(url.to_owned()),
            ..PullRequest::new(Forge::Gitea, format!("#{}", number(rest)?))
        });
    }
    let (_, rest) = summary.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    if let Some(rest) = rest.strip_prefix('#') {
        let whole = number(rest)?.len() == rest.len();
        return whole.then(|| PullRequest::new(Forge::Unclear, format!("#{rest}")));
    }
    None
}

/// The value of a trailer: of the last one, where there are several.
fn trailer<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    let lines = message.lines().rev();
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// The digits that a text begins with.
fn number(text: &str) -> Option<&str> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Option<(Forge, String, Option<String>)> {
        PullRequest::of(message).map(|found| (found.forge, found.name, found.url))
    }

    fn named(forge: Forge, name: &str) -> Option<(Forge, String, Option<String>)> {
        Some((forge, name.to_owned(), None))
    }

    #[test]
    fn every_forge_is_known_by_how_it_writes_merges() {
        assert_eq!(
            of("Merge pull request #12 from acme/coredns\n\nPromote coredns\n"),
            named(Forge::GitHub, "#12")
        );
        assert_eq!(of("Promote coredns (#12)\n"), named(Forge::Unclear, "#12"));
        assert_eq!(
            of("Merge branch 'coredns' into 'main'\n\nPromote coredns\n\nSee merge request acme/images!34\n"),
            named(Forge::GitLab, "acme/images!34")
        );
        assert_eq!(
            of("Merge pull request 'Promote (all) coredns' (#7) from coredns into main\n"),
            named(Forge::Gitea, "#7")
        );
        assert_eq!(
            of("Promote coredns (#7)\n\nReviewed-on: https://git.example.com/acme/images/pulls/7\n"),
            Some((
                Forge::Gitea,
                "#7".to_owned(),
                Some("https://git.example.com/acme/images/pulls/7".to_owned())
            ))
        );
        let id = "I8473b95934b5732ac55d26311a706c9c2bde9940";
        assert_eq!(
            of(&format!(
                "Promote coredns\n\nChange-Id: {id}\nReviewed-on: https://review.example.com/c/images/+/9\n"
            )),
            Some((
                Forge::Gerrit,
                id.to_owned(),
                Some("https://review.example.com/c/images/+/9".to_owned())
            ))
        );
        assert_eq!(
            of("Merged in coredns (pull request #5)\n"),
            named(Forge::Bitbucket, "#5")
        );
        assert_eq!(of("Merged PR 8: Promote coredns\n"), named(Forge::AzureDevOps, "#8"));
    }

    #[test]
    fn what_only_looks_like_a_request_is_none() {
        for message in [
            "",
            "Promote coredns",
            "Promote coredns (v1.9.3)",
            "Promote (#12) coredns",
            "Promote coredns (#12b)",
            "Merge pull request #none from acme/x",
            "See merge request",
            "x\n\nSee merge request all of it!",
            "x\n\nChange-Id: Iz",
            "Merge branch 'main'",
        ] {
            assert_eq!(of(message), None, "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_messages_never_panic(message in "\\PC{0,80}(\n\\PC{0,80}){0,3}") {
            let _ = PullRequest::of(&message);
        }
    }
}
