//! skopeo's file for `skopeo sync --src yaml` (`cmd/skopeo/sync.go`, skopeo-sync(1)).

use super::reference;
use super::report::{Mistake, Report};
use super::versions::masterminds::Constraint;
use super::wanted::{AllWanted, Choice, Images, Wanted};
use crate::model::{Position, Prefix, Repository};
use crate::yaml::{Key, Node};

/// Reads the document.
pub fn read(document: &Node<'_>, to: &Prefix, scoped: bool, report: &mut Report) -> AllWanted {
    let mut reading = Reading {
        to,
        scoped,
        report,
        wanted: AllWanted::default(),
    };
    for (registry, settings) in reading.report.map(document, "the file").unwrap_or_default() {
        reading.registry(registry, settings);
    }
    reading.wanted
}

struct Reading<'a> {
    to: &'a Prefix,
    scoped: bool,
    report: &'a mut Report,
    wanted: AllWanted,
}

impl Reading<'_> {
    fn registry(&mut self, registry: &Key<'_>, settings: &Node<'_>) {
        let name = registry.text();
        let shown = name.escape_debug().to_string();
        for (key, value) in self.report.map(settings, name).unwrap_or_default() {
            match key.text() {
                "images" => self.images(name, value),
                "images-by-tag-regex" => self.matching(name, value, |at, text, report| {
                    // Anywhere in the tag, as skopeo does.
                    let pattern = report.pattern(at, text, text)?;
                    Some(Choice::new(move |tag| pattern.is_match(tag)))
                }),
                "images-by-semver" => self.matching(name, value, |at, text, report| {
                    let Some(constraint) = Constraint::parse(text) else {
                        let message = format!("`{}` is no range of versions", text.escape_debug());
                        report.mistake(Mistake::new(at, message).help("write it as \">=1.2 <2\""));
                        return None;
                    };
                    Some(Choice::new(move |tag| constraint.contains(tag)))
                }),
                "credentials" => {
                    let why = format!(
                        "credentials are not copied: landfall uses Docker's logins, or `read` under \
                         [registries.\"{shown}\"] in config.toml"
                    );
                    self.report.note(key.at, format!("credentials of {shown}"), why);
                }
                "tls-verify" if value.as_bool() == Some(true) => {}
                "tls-verify" => {
                    let why = format!(
                        "landfall trusts no certificate unseen: name its authority as `ca`, or write `plain-http = true`, \
                         under [registries.\"{shown}\"] in config.toml"
                    );
                    self.report.note(key.at, format!("tls-verify of {shown}"), why);
                }
                "cert-dir" => {
                    let why = format!("name the authority as `ca` under [registries.\"{shown}\"] in config.toml");
                    self.report.note(key.at, format!("cert-dir of {shown}"), why);
                }
                other => {
                    let what = format!("{shown}: {}", other.escape_debug());
                    self.report
                        .note(key.at, what, "skopeo knows no such setting, and neither does landfall");
                }
            }
        }
    }

    /// By image, the tags and digests; all tags where there are none.
    fn images(&mut self, registry: &str, value: &Node<'_>) {
        for (image, references) in self.report.map(value, "images").unwrap_or_default() {
            let Some((source, target)) = self.places(registry, image) else {
                continue;
            };
            let line = image.at.line;
            let mut want = |line, images| {
                self.wanted.repositories.push(Wanted {
                    line,
                    source: source.clone(),
                    target: target.clone(),
                    images,
                });
            };
            let Some(texts) = self.report.texts(references, image.text()) else {
                continue;
            };
            if texts.is_empty() {
                want(line, Images::Tags(Choice::all()));
            }
            for (at, text) in texts {
                match (text.parse(), text.parse()) {
                    (Ok(digest), _) => want(
                        at.line,
                        Images::Digest {
                            digest,
                            of_target: None,
                        },
                    ),
                    (_, Ok(tag)) => {
                        let tag: crate::model::Tag = tag;
                        let of_target = tag.clone();
                        want(
                            at.line,
                            Images::Tag {
                                of_source: tag,
                                of_target,
                            },
                        );
                    }
                    (Err(_), Err(error)) => self.report.mistake(Mistake::new(at, error.to_string())),
                }
            }
        }
    }

    /// By image, one text that its tags are chosen by.
    fn matching(
        &mut self,
        registry: &str,
        value: &Node<'_>,
        read: impl Fn(Position, &str, &mut Report) -> Option<Choice>,
    ) {
        for (image, rule) in self.report.map(value, registry).unwrap_or_default() {
            let Some((source, target)) = self.places(registry, image) else {
                continue;
            };
            let Some(text) = self.report.text(rule, image.text()) else {
                continue;
            };
            if let Some(choice) = read(rule.at, text, self.report) {
                self.wanted.repositories.push(Wanted {
                    line: image.at.line,
                    source,
                    target,
                    images: Images::Tags(choice),
                });
            }
        }
    }

    /// Where an image is read, and where skopeo writes it.
    fn places(&mut self, registry: &str, image: &Key<'_>) -> Option<(Repository, Repository)> {
        let source = match reference::repository(&format!("{registry}/{}", image.text())) {
            Ok(source) => source,
            Err(error) => {
                self.report.mistake(Mistake::new(image.at, error));
                return None;
            }
        };
        let name = if self.scoped {
            source.to_string()
        } else {
            source.path.segments().last().unwrap_or_default().to_owned()
        };
        match name.parse() {
            Ok(name) => Some((source, self.to.join(&name))),
            Err(error) => {
                let error: crate::model::PathError = error;
                let mistake = Mistake::new(
                    image.at,
                    format!("`{source}` cannot be the end of a repository's name: {error}"),
                );
                self.report.mistake(mistake.help("import the file without --scoped"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adoption::import::document::parse;

    fn read_text(text: &str, scoped: bool) -> (AllWanted, Report) {
        let mut report = Report::default();
        let to = "r.example.com/mirror".parse().unwrap();
        let wanted = read(&parse(text.as_bytes()).unwrap(), &to, scoped, &mut report);
        (wanted, report)
    }

    fn shown(wanted: &AllWanted) -> String {
        let line = |wanted: &Wanted| {
            let images = match &wanted.images {
                Images::Tags(choice) => {
                    let tags = ["1.0.0", "v1.4.2", "2.0", "latest"];
                    tags.into_iter()
                        .filter(|tag| choice.takes(tag))
                        .collect::<Vec<_>>()
                        .join(" ")
                }
                Images::Tag { of_target, .. } => format!("tag {of_target}"),
                Images::Digest { digest, .. } => format!("digest {}", digest.short()),
            };
            format!("{}: {} -> {}: {images}\n", wanted.line, wanted.source, wanted.target)
        };
        wanted.repositories.iter().map(line).collect()
    }

    const FILE: &str = include_str!("../../../testdata/import/skopeo-sync.yml");

    #[test]
    fn images_are_chosen_as_skopeo_chooses_them() {
        let (wanted, report) = read_text(FILE, false);
        assert_eq!(report.mistakes, []);
        let notes: String = report.notes.iter().map(|note| format!("{note}\n")).collect();
        assert!(!notes.contains("this is my password"), "{notes}");
        insta::assert_snapshot!(shown(&wanted) + "\n" + &notes);
        let (scoped, _) = read_text(FILE, true);
        assert!(
            shown(&scoped).contains("-> r.example.com/mirror/registry.example.com/busybox"),
            "{}",
            shown(&scoped)
        );
    }

    #[test]
    fn what_cannot_be_read_is_an_error_at_its_line() {
        for (text, expected) in [
            ("quay.io:\n  images:\n    A: []", "3: "),
            ("quay.io:\n  images:\n    a: ['b c']", "3: `b c` is no"),
            ("quay.io:\n  images: [a]", "2: `images` is no map"),
            (
                "quay.io:\n  images-by-tag-regex:\n    a: '['",
                "3: `[` is no regular expression",
            ),
            (
                "quay.io:\n  images-by-semver:\n    a: new",
                "3: `new` is no range of versions",
            ),
        ] {
            let (_, report) = read_text(text, false);
            let mistake = &report.mistakes[0];
            let shown = format!("{}: {}", mistake.at.line, mistake.message);
            assert!(shown.starts_with(expected), "{shown}");
        }
        let (_, report) = read_text("localhost:5000:\n  images: {a: []}", true);
        assert!(report.mistakes[0].message.contains("cannot be the end"), "{report:?}");
    }
}
