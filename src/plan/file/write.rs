//! Writing plan files.

use std::io::{self, Write};

use super::identity::plan_digest;
use super::lines::{BlockedRecord, End, Header, Line, SCHEMA_VERSION};
use crate::graph::Graph;
use crate::model::{CommitId, Digest};
use crate::plan::{Planned, QuestionRecord, StepRecord, explain};

/// Writes a plan for [`super::PlanFile::read`], and returns its digest. `configuration` is the digest of the runtime
/// configuration it was made under.
pub fn write(
    graph: &Graph,
    planned: &Planned,
    commit: CommitId,
    configuration: Digest,
    out: impl Write,
) -> io::Result<Digest> {
    let mut out = io::BufWriter::new(out);
    let digest = plan_digest(graph, &planned.steps);
    line(
        &mut out,
        &Header {
            schema_version: SCHEMA_VERSION,
            commit,
            configuration,
        },
    )?;
    for step in &planned.steps {
        line(&mut out, &Line::Step(StepRecord::new(graph, step)))?;
    }
    for blocked in &planned.blocked {
        let report = explain(graph, blocked);
        line(
            &mut out,
            &Line::Blocked(BlockedRecord {
                kind: report.kind.into(),
                cause: report.cause.into(),
                remedy: report.remedy.into(),
                nodes: report.nodes,
                example: report.example.into(),
            }),
        )?;
    }
    for question in &planned.questions {
        line(&mut out, &Line::Question(QuestionRecord::new(graph, question)))?;
    }
    line(&mut out, &Line::End(End { digest }))?;
    out.flush()?;
    Ok(digest)
}

fn line(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
