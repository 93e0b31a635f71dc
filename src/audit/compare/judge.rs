//! What was seen, held against what is asked for.

use std::sync::Arc;

use super::finding::{Finding, FindingKind};
use super::history::History;
use super::places::Place;
use crate::audit::look::{Answer, Evidence, EvidenceKind, ImageFacts, PlaceFacts, RecordFound, State, subject_of};
use crate::model::{
    AttestationKind, Claim, Digest, EndpointIndex, Repository, SignaturePlacement, Signer, SignerIdentity, Tag, Target,
    counted,
};

/// What findings are judged by.
pub struct Judge<'a> {
    pub history: &'a History,
    /// Whether Git bears out what a record says: that this commit, of the accepted history, has this digest in this
    /// file. Asked where the log does not show it.
    pub bears_out: &'a dyn Fn(&RecordFound, &Digest) -> bool,
}

/// A repository that the registry lists, and nobody asked for.
#[derive(Debug)]
pub struct Unlisted<'a> {
    pub target: &'a Arc<Target>,
    pub endpoint: EndpointIndex,
    pub reference: Repository,
}

impl Judge<'_> {
    /// What is not as it should be in a repository that something is, or was, asked for in.
    #[must_use]
    pub fn place(&self, place: &Place<'_>, facts: &PlaceFacts) -> Vec<Finding> {
        let mut findings = Vec::new();
        for claim in &place.claims {
            let Some(image) = facts.images.get(&claim.digest) else {
                continue;
            };
            let image_findings = self.image(place, claim, image);
            findings.extend(image_findings.into_iter().map(|finding| finding.from(&claim.origin)));
            let absent = image.state.seen() == Some(&State::Absent);
            for tag in &claim.tags {
                let answer = facts.tags.get(tag).and_then(Answer::seen);
                let finding = answer.and_then(|stands| self.tag(place, claim, tag, *stands, absent));
                findings.extend(finding.map(|finding| finding.from(&claim.origin)));
            }
        }
        self.unexpected(place, facts, &mut findings);
        findings
    }

    fn finding(place: &Place<'_>, kind: FindingKind, detail: impl Into<String>) -> Finding {
        new(
            place.target,
            place.endpoint,
            &place.look.place,
            &place.reference,
            kind,
            detail,
        )
    }

    fn tag(
        &self,
        place: &Place<'_>,
        claim: &Claim,
        tag: &Tag,
        stands: Option<Digest>,
        absent: bool,
    ) -> Option<Finding> {
        let (kind, detail) = match stands {
            Some(digest) if digest == claim.digest => return None,
            // The image is gone, and with it its tags: that is told once.
            None if absent => return None,
            None => (FindingKind::TagAbsent, format!("it is to stand on {}", claim.digest)),
            Some(digest) => {
                let declared = self.history.declared(&place.reference);
                let earlier = declared.and_then(|declared| declared.tags.get(tag));
                let known = match earlier {
                    Some(digests) if digests.contains(&digest) => "which it was asked for with before",
                    _ => "which it was never asked for with",
                };
                let detail = format!("it stands on {digest}, {known}, and not on {}", claim.digest);
                (FindingKind::TagMoved, detail)
            }
        };
        Some(Finding {
            tag: Some(tag.clone()),
            ..Self::finding(place, kind, detail)
        })
    }

    fn image(&self, place: &Place<'_>, claim: &Claim, image: &ImageFacts) -> Vec<Finding> {
        let finding = |kind, detail: String| Finding {
            digest: Some(claim.digest),
            ..Self::finding(place, kind, detail)
        };
        let mut findings = Vec::new();
        match image.state.seen() {
            Some(State::Absent) => {
                let tags: Vec<&str> = claim.tags.iter().map(Tag::as_str).collect();
                let detail = match tags.is_empty() {
                    true => "nothing stands at this digest".to_owned(),
                    false => format!("nothing stands at this digest; asked for as {}", tags.join(", ")),
                };
                return vec![finding(FindingKind::Absent, detail)];
            }
            Some(State::Incomplete(missing)) => {
                let digests: Vec<String> = missing.iter().map(ToString::to_string).collect();
                findings.push(finding(
                    FindingKind::Incomplete,
                    format!("missing: {}", digests.join(", ")),
                ));
            }
            Some(State::Corrupt(why)) => {
                findings.push(finding(
                    FindingKind::Incomplete,
                    format!("it is not what its digest names: {why}"),
                ));
            }
            Some(State::Whole) | None => {}
        }
        let signs_here = place.target.signatures == SignaturePlacement::Replicate || place.endpoint.0 == 0;
        if let (Some(signer), Some(evidence), true) = (&claim.signer, image.evidence.seen(), signs_here) {
            if let Some((kind, detail)) = unsigned(signer, evidence) {
                findings.push(finding(kind, detail));
            }
            if claim.attest.contains(&AttestationKind::Promotion) {
                let (kind, detail) = match self.records(place, claim, signer, image) {
                    Ok(()) => return findings,
                    Err(found) => found,
                };
                findings.push(finding(kind, detail));
            }
        }
        findings
    }

    /// What is wrong with the promotion records; one that is right is enough.
    fn records(
        &self,
        place: &Place<'_>,
        claim: &Claim,
        signer: &Signer,
        image: &ImageFacts,
    ) -> Result<(), (FindingKind, String)> {
        let counting = image
            .records
            .iter()
            .filter(|record| signer.counts(SignerIdentity::Key(record.by)));
        let mut wrong = None;
        for record in counting {
            if record.public_reference != place.reference {
                wrong = Some(format!("record {} is for {}", record.artifact, record.public_reference));
            } else if self.history.asked(record.commit, &place.reference, claim.digest)
                || (self.bears_out)(record, &claim.digest)
            {
                return Ok(());
            } else {
                wrong = Some(format!(
                    "record {} names commit {} and {}, which do not ask for this digest",
                    record.artifact, record.commit, record.path
                ));
            }
        }
        Err(match wrong {
            Some(detail) => (FindingKind::RecordOfAnotherCommit, detail),
            None => (
                FindingKind::Unattested,
                format!("no promotion record by signer {} stands beside it", signer.name),
            ),
        })
    }

    /// What nobody asked for.
    fn unexpected(&self, place: &Place<'_>, facts: &PlaceFacts, findings: &mut Vec<Finding>) {
        let declared = self.history.declared(&place.reference);
        let asked_for = |tag: &Tag| place.look.tags.contains(tag);
        for (tag, answer) in &facts.tags {
            let Some(Some(digest)) = answer.seen() else { continue };
            if asked_for(tag) {
                continue;
            }
            let known = declared.and_then(|declared| declared.tags.get(tag));
            let (kind, detail) = match known {
                Some(digests) if digests.contains(digest) => continue,
                Some(_) => (
                    FindingKind::UnexpectedDigest,
                    format!("it is no longer asked for, and stands on {digest}, which it was never asked for with"),
                ),
                None => (FindingKind::UnexpectedTag, format!("it stands on {digest}")),
            };
            findings.push(Finding {
                tag: Some(tag.clone()),
                ..Self::finding(place, kind, detail)
            });
        }
        let listed = facts.listed.seen().into_iter().flatten().flatten();
        let stood: Vec<Digest> = facts
            .tags
            .values()
            .filter_map(|answer| answer.seen().copied().flatten())
            .collect();
        for tag in listed.filter(|tag| tag.is_metadata()) {
            let subject = subject_of(tag);
            let unknown = subject.is_none_or(|subject| facts.all_known && facts.strangers.contains_key(&subject));
            // What stands beside a tag that is told already belongs to it.
            if unknown && subject.is_none_or(|subject| !stood.contains(&subject)) {
                findings.push(Finding {
                    tag: Some(tag.clone()),
                    ..Self::finding(
                        place,
                        FindingKind::UnexpectedTag,
                        "it holds metadata of something that was never asked for",
                    )
                });
            }
        }
        for (digest, stranger) in &facts.strangers {
            let ours = stranger.ours.seen().into_iter().flatten();
            for found in ours {
                let (what, by) = (found.kind.told(), found.by.map(|by| by.to_string()).unwrap_or_default());
                findings.push(Finding {
                    digest: Some(*digest),
                    ..Self::finding(
                        place,
                        FindingKind::UnexplainedSignature,
                        format!("{what} {} by our key {by}", found.artifact),
                    )
                });
            }
        }
    }

    /// A repository that nobody asked for.
    #[must_use]
    pub fn unlisted(unlisted: &Unlisted<'_>, facts: &PlaceFacts) -> Vec<Finding> {
        let Some(Some(tags)) = facts.listed.seen() else {
            return Vec::new();
        };
        // Registries list what was emptied.
        if tags.is_empty() {
            return Vec::new();
        }
        let finding = |kind, detail: String| {
            new(
                unlisted.target,
                unlisted.endpoint,
                &facts.place,
                &unlisted.reference,
                kind,
                detail,
            )
        };
        let mut names: Vec<&str> = tags.iter().take(5).map(Tag::as_str).collect();
        if tags.len() > names.len() {
            names.push("…");
        }
        let detail = format!("{}: {}", counted(tags.len(), "tag"), names.join(", "));
        let mut findings = vec![finding(FindingKind::UnexpectedRepository, detail)];
        for (digest, stranger) in &facts.strangers {
            for found in stranger.ours.seen().into_iter().flatten() {
                let by = found.by.map(|by| by.to_string()).unwrap_or_default();
                findings.push(Finding {
                    digest: Some(*digest),
                    ..finding(
                        FindingKind::UnexplainedSignature,
                        format!("{} {} by our key {by}", found.kind.told(), found.artifact),
                    )
                });
            }
        }
        findings
    }
}

impl EvidenceKind {
    /// What it is, for people.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Bundle => "signature",
            Self::Tag => "signature (`.sig`)",
            Self::Referrer => "signature (referrer)",
            Self::Record => "promotion record",
            Self::Other => "attestation",
        }
    }
}

/// Which forms of the signer's signature are missing.
fn unsigned(signer: &Signer, evidence: &[Evidence]) -> Option<(FindingKind, String)> {
    let is_ours = |found: &&Evidence| found.by.is_some_and(|by| signer.counts(SignerIdentity::Key(by)));
    let missing: Vec<&str> = signer
        .formats
        .iter()
        .filter(|form| {
            let kind = EvidenceKind::of(**form);
            !evidence.iter().filter(is_ours).any(|found| found.kind == kind)
        })
        .map(|form| form.as_str())
        .collect();
    if missing.is_empty() {
        return None;
    }
    let signed = |found: &&Evidence| {
        matches!(
            found.kind,
            EvidenceKind::Bundle | EvidenceKind::Tag | EvidenceKind::Referrer
        )
    };
    let ours = evidence.iter().filter(is_ours).filter(signed).count();
    let foreign = evidence.iter().filter(|found| !is_ours(found)).filter(signed).count();
    let detail = format!("signer {} has none in the form {}", signer.name, missing.join(", "));
    Some(if ours == 0 && foreign > 0 {
        let others = format!("{detail}; {} by others", counted(foreign, "signature"));
        (FindingKind::SignedByAnother, others)
    } else {
        (FindingKind::Unsigned, detail)
    })
}

fn new(
    target: &Arc<Target>,
    endpoint: EndpointIndex,
    place: &Repository,
    reference: &Repository,
    kind: FindingKind,
    detail: impl Into<String>,
) -> Finding {
    Finding {
        target: target.name.clone(),
        endpoint: target.endpoint(endpoint).name.clone(),
        place: place.to_string(),
        reference: reference.to_string(),
        tag: None,
        digest: None,
        kind,
        detail: detail.into(),
        file: None,
        line: None,
        exception: None,
    }
}
