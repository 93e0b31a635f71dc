//! The verdicts, for programs.

use std::io::{self, Write};

use serde_json::json;

use super::Judged;
use crate::trust::judging::Wanted;

pub(super) fn write(judged: &[Judged], wanted: &Wanted, output: &mut dyn Write) -> io::Result<()> {
    let images: Vec<_> = judged
        .iter()
        .map(|one| {
            let proofs = one
                .proofs
                .iter()
                .map(|(form, digest, proof)| json!({ "form": form, "digest": digest, "proof": proof }));
            let refused = one
                .refused
                .iter()
                .map(|(form, digest, why)| json!({ "form": form, "digest": digest, "reason": why }));
            json!({
                "repository": one.repository,
                "digest": one.image.digest,
                "platform": one.image.platform,
                "verified": one.is_verified(),
                "proofs": proofs.collect::<Vec<_>>(),
                "refused": refused.collect::<Vec<_>>(),
            })
        })
        .collect();
    let document = json!({ "schemaVersion": 1, "predicateType": wanted.predicate_type(), "images": images });
    writeln!(output, "{document:#}")
}
