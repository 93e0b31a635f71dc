//! Reading plan files.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::sync::Arc;

use serde::Deserialize;

use super::error::PlanFileError;
use super::identity::{Identity, Named, digest_of_sorted};
use super::limits::PlanFileLimits;
use super::lines::{End, Header, Line, SCHEMA_VERSION, Version};
use crate::model::{Carried, CommitId, Digest};
use crate::plan::{StepRecord, Verb};

/// A plan as it was shown.
#[derive(Debug)]
pub struct PlanFile {
    pub(super) commit: CommitId,
    pub(super) configuration: Digest,
    digest: Digest,
    /// Sorted by node.
    pub(super) steps: Vec<FileStep>,
}

/// Which endpoints a step has; most steps have the same.
pub(super) type Names = Arc<[Box<str>]>;

#[derive(Debug)]
pub(super) struct FileStep {
    pub node: Box<str>,
    pub endpoints: Names,
    content: FileContent,
    line: usize,
    /// It is done only where the registry drops what a tag leaves.
    pub if_dropped: bool,
}

#[derive(Debug)]
enum FileContent {
    Copy {
        carried: Box<[Carried]>,
    },
    Sign,
    Attach {
        artifact: Option<Digest>,
    },
    Tag {
        digest: Digest,
        replaces: Option<Digest>,
        keeps: bool,
    },
    Remove {
        artifacts: Box<[Digest]>,
        keeps: Digest,
    },
}

impl FileStep {
    pub fn identity(&self) -> Identity<'_> {
        match &self.content {
            FileContent::Copy { carried } => Identity::Copy { carried },
            FileContent::Sign => Identity::Sign,
            FileContent::Attach { artifact } => Identity::Attach { artifact: *artifact },
            FileContent::Tag {
                digest,
                replaces,
                keeps,
            } => Identity::Tag {
                digest: *digest,
                replaces: *replaces,
                keeps: *keeps,
            },
            FileContent::Remove { artifacts, keeps } => Identity::Remove {
                artifacts,
                keeps: *keeps,
            },
        }
    }
}

impl PlanFile {
    /// Reads a whole plan file.
    ///
    /// # Errors
    /// Where it is of another version, cut short, changed, or not a plan; the error names the line.
    pub fn read(input: impl BufRead, limits: &PlanFileLimits) -> Result<Self, PlanFileError> {
        let mut lines = Lines {
            input,
            limits,
            buffer: Vec::new(),
            number: 0,
        };
        let header = lines.header()?;
        let mut steps = Steps::default();
        let end = loop {
            let number = lines.number + 1;
            let Some(text) = lines.next()? else {
                return Err(PlanFileError::Truncated { line: lines.number });
            };
            let line = match parse::<Line<'_>>(text.bytes, number) {
                Err(_) if !text.ended => return Err(PlanFileError::Truncated { line: number - 1 }),
                parsed => parsed?,
            };
            match line {
                Line::Step(record) => steps.add(&record, number, false)?,
                Line::IfDropped(record) => steps.add(&record, number, true)?,
                // For people who review the file.
                Line::Blocked(_) | Line::Question(_) => {}
                Line::End(end) => break end,
            }
        };
        if lines.next()?.is_some() {
            return Err(malformed(lines.number, "nothing may follow the line that ends a plan"));
        }
        steps.finish(&header, &end)
    }

    #[must_use]
    pub fn commit(&self) -> CommitId {
        self.commit
    }

    /// See [`super::plan_digest`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Steps as they are read.
#[derive(Default)]
struct Steps {
    steps: Vec<FileStep>,
    names: HashMap<Box<[Box<str>]>, Names>,
}

impl Steps {
    fn add(&mut self, record: &StepRecord<'_>, line: usize, if_dropped: bool) -> Result<(), PlanFileError> {
        let names: Box<[Box<str>]> = record.endpoints.iter().map(|name| Box::from(&**name)).collect();
        if names.is_empty() != (record.action == Verb::Sign) {
            return Err(malformed(line, "every step but `sign` names its endpoints"));
        }
        let content = match record.action {
            Verb::Copy => FileContent::Copy {
                carried: record.carried.iter().cloned().collect(),
            },
            Verb::Sign => FileContent::Sign,
            Verb::Attach => FileContent::Attach {
                artifact: record.digest,
            },
            Verb::Tag => FileContent::Tag {
                digest: record
                    .digest
                    .ok_or_else(|| malformed(line, "a `tag` step has a `digest`"))?,
                replaces: record.replaces,
                keeps: record.keeps,
            },
            Verb::Remove => FileContent::Remove {
                artifacts: record.removes.iter().copied().collect(),
                keeps: record
                    .digest
                    .ok_or_else(|| malformed(line, "a `remove` step has a `digest`: what stays"))?,
            },
        };
        let endpoints = match self.names.get(&names) {
            Some(known) => Arc::clone(known),
            None => {
                let shared: Names = names.iter().cloned().collect();
                self.names.insert(names, Arc::clone(&shared));
                shared
            }
        };
        self.steps.push(FileStep {
            node: (&*record.node).into(),
            endpoints,
            content,
            line,
            if_dropped,
        });
        Ok(())
    }

    fn finish(mut self, header: &Header, end: &End) -> Result<PlanFile, PlanFileError> {
        self.steps.sort_by(|a, b| a.node.cmp(&b.node));
        for steps in self.steps.chunk_by(|a, b| a.node == b.node) {
            refuse_repetition(steps)?;
        }
        let computed = digest_of_sorted(self.steps.iter().map(|step| Named {
            node: &step.node,
            endpoints: step.endpoints.iter().map(|name| &**name).collect(),
            identity: step.identity(),
            if_dropped: step.if_dropped,
        }));
        if computed != end.digest {
            return Err(PlanFileError::Changed {
                stated: end.digest,
                computed,
            });
        }
        Ok(PlanFile {
            commit: header.commit,
            configuration: header.configuration,
            digest: computed,
            steps: self.steps,
        })
    }
}

/// A node has one step of a kind at an endpoint.
fn refuse_repetition(steps: &[FileStep]) -> Result<(), PlanFileError> {
    for (index, step) in steps.iter().enumerate() {
        for other in &steps[..index] {
            let same_place = step.endpoints.is_empty() && other.endpoints.is_empty()
                || step.endpoints.iter().any(|name| other.endpoints.contains(name));
            let same_kind = step.identity().verb() == other.identity().verb() && step.if_dropped == other.if_dropped;
            // Several parts of an image may be put back beside each other.
            let same_kind = same_kind && (!step.if_dropped || step.identity() == other.identity());
            if same_place && same_kind {
                let message = format!("the step of line {} is there twice", other.line);
                return Err(malformed(step.line, &message));
            }
        }
    }
    Ok(())
}

/// One line, and whether a line feed ends it.
struct Text<'a> {
    bytes: &'a [u8],
    ended: bool,
}

/// Bounded lines, with their numbers.
struct Lines<'a, R> {
    input: R,
    limits: &'a PlanFileLimits,
    buffer: Vec<u8>,
    number: usize,
}

impl<R: BufRead> Lines<'_, R> {
    fn next(&mut self) -> Result<Option<Text<'_>>, PlanFileError> {
        self.buffer.clear();
        let most = self.limits.line as u64 + 1;
        let read = (&mut self.input)
            .take(most)
            .read_until(b'\n', &mut self.buffer)
            .map_err(PlanFileError::Read)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = self.buffer.last() == Some(&b'\n');
        if ended {
            self.buffer.pop();
        } else if read as u64 == most {
            let message = format!("it is longer than {} bytes", self.limits.line);
            return Err(malformed(self.number, &message));
        }
        if self.number > self.limits.lines {
            let message = format!("a plan file has {} lines at most", self.limits.lines);
            return Err(malformed(self.number, &message));
        }
        Ok(Some(Text {
            bytes: &self.buffer,
            ended,
        }))
    }

    fn header(&mut self) -> Result<Header, PlanFileError> {
        let not_a_plan = |reason: &dyn std::fmt::Display| PlanFileError::NotAPlan(reason.to_string());
        let Some(Text { bytes, .. }) = self.next()? else {
            return Err(not_a_plan(&"it is empty"));
        };
        let Version { schema_version } = serde_json::from_slice(bytes).map_err(|error| not_a_plan(&error))?;
        if schema_version != SCHEMA_VERSION {
            return Err(PlanFileError::Version { found: schema_version });
        }
        parse(bytes, 1)
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8], line: usize) -> Result<T, PlanFileError> {
    serde_json::from_slice(text).map_err(|error| {
        // The error counts from the start of what it was given, which is this line alone.
        let message = error.to_string();
        let message = message.replace("at line 1 column", "at column");
        PlanFileError::Malformed { line, message }
    })
}

fn malformed(line: usize, message: &str) -> PlanFileError {
    PlanFileError::Malformed {
        line,
        message: message.to_owned(),
    }
}
