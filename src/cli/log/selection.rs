//! Which part of the log is shown.

use jiff::Timestamp;

use crate::audit::log::{Event, EventKind, LogEntry};
use crate::model::{Digest, is_within, nearest};

#[derive(Debug, Default)]
pub struct Selection {
    pub subject: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// In lower case.
    pub author: Option<String>,
    pub project: Option<String>,
    /// None are all of them.
    pub kinds: Vec<EventKind>,
}

/// A name that was asked for and is nowhere in history.
#[derive(Debug)]
pub struct Unknown {
    pub what: String,
    pub help: String,
}

/// # Errors
/// A name that is none of a kind.
pub fn kinds(names: &[String]) -> Result<Vec<EventKind>, String> {
    let kind = |name: &String| {
        let known = EventKind::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or_else(|| {
            let all: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("there is no kind `{name}`; there are: {}", all.join(", "))
        })
    };
    names.iter().map(kind).collect()
}

impl Selection {
    /// A name that is nowhere in history shows nothing, which would look like nothing having happened.
    ///
    /// # Errors
    /// Such a name.
    pub fn check(&self, log: &[LogEntry]) -> Result<(), Unknown> {
        let events = || log.iter().flat_map(|entry| &entry.events);
        if let Some(subject) = &self.subject
            && !events().any(|event| concerns(event, subject))
        {
            let mut names: Vec<String> = Vec::new();
            for event in events() {
                names.extend(event.target.iter().chain(&event.reference).map(ToString::to_string));
                names.extend(event.file.iter().map(ToString::to_string));
            }
            return Err(unknown(subject, names, "an image, target or file"));
        }
        if let Some(project) = &self.project
            && !events().any(|event| event.project.as_deref() == Some(project.as_str()))
        {
            let names = events().filter_map(|event| event.project.as_deref().map(str::to_owned));
            return Err(unknown(project, names.collect(), "a project"));
        }
        Ok(())
    }

    /// What of a commit is shown, if anything.
    pub fn of(&self, mut entry: LogEntry) -> Option<LogEntry> {
        let time = entry.committer.time;
        let in_time = self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time <= until);
        let by_author = self
            .author
            .as_ref()
            .is_none_or(|author| entry.people().any(|person| person.to_lowercase().contains(author)));
        if !in_time || !by_author {
            return None;
        }
        entry.events.retain(|event| {
            self.subject.as_ref().is_none_or(|subject| concerns(event, subject))
                && self
                    .project
                    .as_ref()
                    .is_none_or(|project| event.project.as_deref() == Some(project.as_str()))
                && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
        });
        (!entry.events.is_empty()).then_some(entry)
    }
}

fn unknown(name: &str, mut names: Vec<String>, what: &str) -> Unknown {
    names.sort_unstable();
    names.dedup();
    Unknown {
        what: format!("`{name}` is nowhere in this history: expected {what} that it speaks of"),
        help: match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`landfall log` shows all of it".to_owned(),
        },
    }
}

/// Whether an event speaks of a target, a manifest or folder, a digest, a public reference, or those below one.
pub fn concerns(event: &Event, subject: &str) -> bool {
    if let Ok(digest) = subject.parse::<Digest>() {
        return event.names(&digest);
    }
    if event.target.as_deref() == Some(subject) {
        return true;
    }
    let folder = subject.trim_end_matches('/');
    if event.file.as_ref().is_some_and(|file| is_within(file.as_str(), folder)) {
        return true;
    }
    let Some(reference) = &event.reference else {
        return false;
    };
    if let Some((name, digest)) = subject.split_once('@') {
        let digest = digest.parse::<Digest>();
        return **reference == *name && digest.is_ok_and(|digest| event.names(&digest));
    }
    let tagged = event.tag.as_ref().map(|tag| format!("{reference}:{tag}"));
    is_within(reference, folder) || tagged.as_deref() == Some(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_found_by_each_of_its_names_and_by_no_other() {
        let digest = Digest::of(b"1");
        let event = Event {
            target: Some("production".into()),
            project: Some("dns".into()),
            reference: Some("registry.example.com/dns/coredns".into()),
            tag: "v1".parse().ok(),
            after: Some(digest.to_string().into()),
            file: Some("promotions/dns/coredns.toml".into()),
            ..Event::new(EventKind::Promoted)
        };
        for name in [
            "production",
            "registry.example.com",
            "registry.example.com/dns/",
            "registry.example.com/dns/coredns",
            "registry.example.com/dns/coredns:v1",
            "promotions/dns",
            "promotions/dns/coredns.toml",
            &digest.to_string(),
            &format!("registry.example.com/dns/coredns@{digest}"),
        ] {
            assert!(concerns(&event, name), "{name}");
        }
        for name in [
            "prod",
            "registry.example.com/dn",
            "registry.example.com/dns/coredns:v2",
            "promotions/d",
            &Digest::of(b"2").to_string(),
            &format!("registry.example.com/dns@{digest}"),
        ] {
            assert!(!concerns(&event, name), "{name}");
        }
    }
}
