//! A plan for programs.

use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::summary::Summary;
use crate::graph::Graph;
use crate::model::{Digest, Standing};
use crate::plan::file::plan_digest;
use crate::plan::{Planned, QuestionRecord, Step, StepRecord, Withheld};

/// Raised when a field changes its meaning or goes; new fields do not raise it.
const SCHEMA_VERSION: u32 = 1;

/// Writes the plan and how the commit stands as one JSON object, without holding it in memory as text.
pub fn json(graph: &Graph, planned: &Planned, standing: &Standing, out: impl io::Write) -> io::Result<()> {
    let document = Document {
        graph,
        planned,
        standing,
        digest: plan_digest(graph, planned),
    };
    let mut out = io::BufWriter::new(out);
    serde_json::to_writer(&mut out, &document)?;
    io::Write::write_all(&mut out, b"\n")?;
    io::Write::flush(&mut out)
}

struct Document<'a> {
    graph: &'a Graph,
    planned: &'a Planned,
    standing: &'a Standing,
    digest: Digest,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            graph,
            planned,
            standing,
            ..
        } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schemaVersion", &SCHEMA_VERSION)?;
        map.serialize_entry("commit", &standing.commit)?;
        map.serialize_entry("digest", &self.digest)?;
        map.serialize_entry("result", &standing.result)?;
        map.serialize_entry("shortfall", &standing.shortfall)?;
        map.serialize_entry("summary", &Summary::of(planned))?;
        map.serialize_entry("images", &planned.units)?;
        map.serialize_entry(
            "steps",
            &Each(|| planned.steps.iter().map(|step| StepRecord::new(graph, step))),
        )?;
        map.serialize_entry(
            "ifDropped",
            &Each(|| planned.if_dropped.iter().map(|step| StepRecord::new(graph, step))),
        )?;
        map.serialize_entry(
            "withheld",
            &Each(|| {
                planned
                    .withheld
                    .iter()
                    .map(|(step, why)| WithheldRecord::new(graph, step, *why))
            }),
        )?;
        map.serialize_entry("blocked", &standing.blocked)?;
        map.serialize_entry("held", &standing.held)?;
        map.serialize_entry("diagnostics", &standing.diagnostics)?;
        if let Some(refused) = &standing.refused {
            map.serialize_entry("refused", refused)?;
        }
        map.serialize_entry(
            "questions",
            &Each(|| {
                planned
                    .questions
                    .iter()
                    .map(|question| QuestionRecord::new(graph, question))
            }),
        )?;
        map.end()
    }
}

#[derive(serde::Serialize)]
struct WithheldRecord<'a> {
    #[serde(flatten)]
    step: StepRecord<'a>,
    withheld: Withheld,
}

impl<'a> WithheldRecord<'a> {
    fn new(graph: &'a Graph, step: &'a Step, withheld: Withheld) -> Self {
        Self {
            step: StepRecord::new(graph, step),
            withheld,
        }
    }
}

/// A sequence made one by one while it is written.
struct Each<F>(F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
