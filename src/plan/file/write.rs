//! Writing plan files.

use std::io::{self, Write};

use super::identity::plan_digest;
use super::lines::{BlockedRecord, End, Header, Line, SCHEMA_VERSION};
use crate::graph::Graph;
use crate::model::{Digest, Standing};
use crate::plan::{Planned, QuestionRecord, StepRecord};

/// Writes a plan for [`super::PlanFile::read`], and returns its digest. `standing` is what follows from it; `configuration` is the digest of the runtime
/// configuration it was made under.
pub fn write(
    graph: &Graph,
    planned: &Planned,
    standing: &Standing,
    configuration: Digest,
    out: impl Write,
) -> io::Result<Digest> {
    let mut out = io::BufWriter::new(out);
    let digest = plan_digest(graph, planned);
    line(
        &mut out,
        &Header {
            schema_version: SCHEMA_VERSION,
            commit: standing.commit,
            configuration,
        },
    )?;
    for step in &planned.steps {
        line(&mut out, &Line::Step(StepRecord::new(graph, step)))?;
    }
    for step in &planned.if_dropped {
        line(&mut out, &Line::IfDropped(StepRecord::new(graph, step)))?;
    }
    for report in &standing.blocked {
        line(
            &mut out,
            &Line::Blocked(BlockedRecord {
                kind: report.kind.into(),
                cause: report.cause.as_str().into(),
                remedy: report.remedy.as_str().into(),
                nodes: report.nodes,
                example: report.example.as_str().into(),
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
