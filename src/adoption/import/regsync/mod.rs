//! regsync's configuration (regclient, `cmd/regsync/config.go`).

mod filter;
mod settings;

use self::filter::{Filter, choice};
use self::settings::{credentials, setting, unknown};
use super::reference;
use super::report::{Mistake, Report};
use super::wanted::{AllWanted, Choice, Images, Wanted, WantedRegistry};
use crate::model::{Digest, Position, Prefix, Tag};
use crate::yaml::Node;

/// Reads the document.
pub fn read(document: &Node<'_>, report: &mut Report) -> AllWanted {
    let mut wanted = AllWanted::default();
    for (key, value) in report.map(document, "the file").unwrap_or_default() {
        match key.text() {
            "version" => version(value, report),
            "creds" => credentials(value, report),
            "defaults" => {
                for (key, value) in report.map(value, "defaults").unwrap_or_default() {
                    if !setting(key, value, "defaults.", report) {
                        unknown(key, "defaults.", report);
                    }
                }
            }
            "sync" => {
                for entry in report.list(value, "sync").unwrap_or_default() {
                    Entry::read(entry, report, &mut wanted);
                }
            }
            _ => unknown(key, "", report),
        }
    }
    wanted
}

fn version(value: &Node<'_>, report: &mut Report) {
    let Some(text) = report.text(value, "version") else {
        return;
    };
    if !matches!(text, "" | "0" | "1") {
        let message = format!("version `{}` of regsync's configuration", text.escape_debug());
        report.mistake(Mistake::new(value.at, message).help("version 1 is read"));
    }
}

/// One entry of `sync`.
#[derive(Default)]
struct Entry<'n> {
    source: Option<(Position, &'n str)>,
    target: Option<(Position, &'n str)>,
    kind: Option<(Position, &'n str)>,
    tags: Vec<Filter>,
    repositories: Filter,
}

impl<'n> Entry<'n> {
    fn read(node: &'n Node<'_>, report: &mut Report, wanted: &mut AllWanted) {
        let mistakes = report.mistakes.len();
        let mut entry = Entry::default();
        for (key, value) in report.map(node, "an entry of sync").unwrap_or_default() {
            let what = key.text();
            match what {
                "source" => entry.source = report.text(value, what).map(|text| (value.at, text)),
                "target" => entry.target = report.text(value, what).map(|text| (value.at, text)),
                "type" => entry.kind = report.text(value, what).map(|text| (value.at, text)),
                "tags" => {
                    let filter = Filter::read(value, what, true, report);
                    // Without any rule it is no filter.
                    entry.tags.extend(filter.filter(|filter| !filter.is_empty()));
                }
                "tagSets" => {
                    for set in report.list(value, what).unwrap_or_default() {
                        entry.tags.extend(Filter::read(set, what, true, report));
                    }
                }
                "repos" => entry.repositories = Filter::read(value, what, false, report).unwrap_or_default(),
                _ if setting(key, value, "", report) => {}
                _ => unknown(key, "", report),
            }
        }
        if report.mistakes.len() > mistakes {
            return;
        }
        let (Some(source), Some(target), Some(kind)) = (entry.source, entry.target, entry.kind) else {
            let mistake = Mistake::new(node.at, "an entry of sync needs `source`, `target` and `type`");
            return report.mistake(mistake.help("type is one of registry, repository, image"));
        };
        let directory = [source, target]
            .into_iter()
            .find(|(_, text)| text.starts_with("ocidir://"));
        if let Some((at, text)) = directory {
            let why = "landfall copies between registries: push the directory to one first";
            return report.lost(at.line, text.escape_debug().to_string(), why);
        }
        match kind.1 {
            "registry" => entry.registry(node.at.line, source, target, report, wanted),
            "repository" => entry.repository(node.at.line, source, target, report, wanted),
            "image" => image(node.at.line, source, target, report, wanted),
            other => {
                let message = format!("`{}` is no type", other.escape_debug());
                report.mistake(Mistake::new(kind.0, message).help("expected registry, repository or image"));
            }
        }
    }

    fn registry(
        self,
        line: u32,
        source: (Position, &str),
        target: (Position, &str),
        report: &mut Report,
        wanted: &mut AllWanted,
    ) {
        let source = checked(source, source.1.parse(), report);
        let target = checked(target, target.1.parse::<Prefix>(), report);
        if let (Some(source), Some(target)) = (source, target) {
            let repositories = self.repositories;
            wanted.registries.push(WantedRegistry {
                line,
                source,
                target,
                repositories: Choice::new(move |name| repositories.takes(name)),
                tags: choice(self.tags),
            });
        }
    }

    fn repository(
        self,
        line: u32,
        source: (Position, &str),
        target: (Position, &str),
        report: &mut Report,
        wanted: &mut AllWanted,
    ) {
        let source = checked(source, reference::repository(source.1), report);
        let target = checked(target, reference::repository(target.1), report);
        if let (Some(source), Some(target)) = (source, target) {
            wanted.repositories.push(Wanted {
                line,
                source,
                target,
                images: Images::Tags(choice(self.tags)),
            });
        }
    }
}

fn image(line: u32, source: (Position, &str), target: (Position, &str), report: &mut Report, wanted: &mut AllWanted) {
    let (Some(from), Some(to)) = (
        checked(source, reference::parse(source.1), report),
        checked(target, reference::parse(target.1), report),
    ) else {
        return;
    };
    let latest = || "latest".parse::<Tag>().ok();
    let images = match (from.digest, from.tag.or_else(latest), to.tag.or_else(latest)) {
        (Some(digest), _, of_target) => Images::Digest { digest, of_target },
        (None, Some(of_source), Some(of_target)) => Images::Tag { of_source, of_target },
        // `latest` is a tag.
        (None, ..) => return,
    };
    if let Some(digest) = to.digest {
        let same = matches!(&images, Images::Digest { digest: wanted, .. } if *wanted == digest);
        if !same {
            let message = format!("the target is to have the digest {}", Digest::short(&digest));
            report.mistake(Mistake::new(target.0, message).help("write the target with a tag"));
            return;
        }
    }
    wanted.repositories.push(Wanted {
        line,
        source: from.repository,
        target: to.repository,
        images,
    });
}

fn checked<T, E: ToString>((at, _): (Position, &str), found: Result<T, E>, report: &mut Report) -> Option<T> {
    found
        .map_err(|error| report.mistake(Mistake::new(at, error.to_string())))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adoption::import::document::parse;

    fn read_text(text: &str) -> (AllWanted, Report) {
        let mut report = Report::default();
        let wanted = read(&parse(text.as_bytes()).unwrap(), &mut report);
        (wanted, report)
    }

    fn mistake(text: &str) -> String {
        let (_, report) = read_text(text);
        let mistake = &report.mistakes[0];
        format!("{}: {}", mistake.at.line, mistake.message)
    }

    const FILE: &str = include_str!("../../../../testdata/import/regsync.yml");

    #[test]
    fn what_has_no_counterpart_is_named_with_its_line() {
        let (wanted, report) = read_text(FILE);
        assert_eq!(report.mistakes, []);
        assert_eq!((wanted.repositories.len(), wanted.registries.len()), (4, 1));
        let notes: String = report.notes.iter().map(|note| format!("{note}\n")).collect();
        assert!(!notes.contains("REGISTRY_PASSWORD"), "{notes}");
        insta::assert_snapshot!(notes);
    }

    #[test]
    fn tags_are_chosen_as_regsync_chooses_them() {
        let chosen = |tags: &str| {
            let text =
                format!("sync:\n- source: a.example.com/x\n  target: b.example.com/x\n  type: repository\n{tags}");
            let (wanted, report) = read_text(&text);
            assert_eq!(report.mistakes, []);
            let Images::Tags(choice) = &wanted.repositories[0].images else {
                panic!()
            };
            let all = ["v1.0.0", "v1.0.0-debug", "v1.2.0", "v2.0.0", "latest", "edge"];
            let chosen: Vec<_> = all.into_iter().filter(|tag| choice.takes(tag)).collect();
            chosen.join(" ")
        };
        assert_eq!(chosen(""), "v1.0.0 v1.0.0-debug v1.2.0 v2.0.0 latest edge");
        assert_eq!(chosen("  tags: {}"), chosen(""));
        assert_eq!(chosen("  tags: {allow: ['v1.*'], deny: ['.*-debug']}"), "v1.0.0 v1.2.0");
        assert_eq!(chosen("  tags: {allow: [v1]}"), "");
        assert_eq!(chosen("  tags: {allow: ['latest|debug']}"), "v1.0.0-debug latest");
        assert_eq!(
            chosen("  tags: {semverRange: ['>=1.1.0 <2.0.0', '2.0.0']}"),
            "v1.2.0 v2.0.0"
        );
        assert_eq!(
            chosen("  tags: {deny: [edge]}\n  tagSets: [{allow: [edge]}]"),
            chosen("")
        );
        assert_eq!(chosen("  tagSets: [{allow: [edge]}, {allow: [latest]}]"), "latest edge");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_at_its_line() {
        let entry = |lines: &str| format!("version: 1\nsync:\n- source: a/b\n  target: r.example.com/b\n{lines}");
        assert_eq!(mistake("version: 2"), "1: version `2` of regsync's configuration");
        assert_eq!(mistake(&entry("  type: images")), "5: `images` is no type");
        assert_eq!(
            mistake(&entry("")),
            "3: an entry of sync needs `source`, `target` and `type`"
        );
        assert_eq!(
            mistake(&entry("  type: repository\n  tags:\n    allow: ['(']")),
            "7: `(` is no regular expression: unclosed group"
        );
        assert_eq!(
            mistake(&entry("  type: repository\n  tags:\n    allow: x")),
            "7: `tags.allow` is no list"
        );
        assert_eq!(
            mistake(&entry("  type: repository\n  tags:\n    semverRange: [x]")),
            "7: `x` is no range of versions"
        );
        let template = "sync:\n- source: a/b\n  type: image\n  target: '{{ env \"X\" }}/b'\n";
        assert_eq!(mistake(template), "4: `target` is a template, which is not read");
        assert!(mistake("sync:\n- {source: A, target: b, type: image}").starts_with("2: "));
    }

    #[test]
    fn a_directory_is_no_registry() {
        let (wanted, report) = read_text("sync:\n- source: a\n  target: ocidir://b\n  type: image\n");
        assert!(wanted.repositories.is_empty() && report.notes[0].lost);
        assert_eq!(report.notes[0].line, 3);
    }
}
