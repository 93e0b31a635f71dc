//! The verdicts, for people.

use std::io::{self, Write};

use super::Judged;
use crate::trust::judging::{Proof, Stated, Wanted};

pub(super) fn write(judged: &[Judged], wanted: &Wanted, output: &mut dyn Write) -> io::Result<()> {
    for one in judged {
        let platform = one.image.platform.as_deref().map(|platform| format!(" ({platform})"));
        let verdict = if one.is_verified() { "verified" } else { "NOT VERIFIED" };
        writeln!(
            output,
            "{}@{}{}: {verdict}",
            one.repository,
            one.image.digest,
            platform.unwrap_or_default()
        )?;
        for (form, digest, proof) in &one.proofs {
            writeln!(output, "  {form} {}: {}", digest.short(), sentence(proof))?;
        }
        for (form, digest, why) in &one.refused {
            writeln!(output, "  {form} {} does not count: {why}", digest.short())?;
        }
        if one.proofs.is_empty() && one.refused.is_empty() {
            writeln!(output, "  {wanted} was looked for, and there is none")?;
        }
    }
    Ok(())
}

fn sentence(proof: &Proof) -> String {
    let mut sentence = format!("by {}", proof.signer);
    if let Some(first) = proof.times.iter().min() {
        sentence.push_str(&format!(", at {first}"));
    }
    if proof.logged {
        sentence.push_str(", logged");
    }
    if let Stated::Reference { docker_reference } = &proof.stated {
        let name: String = docker_reference
            .chars()
            .filter(char::is_ascii_graphic)
            .take(300)
            .collect();
        sentence.push_str(&format!(", as {name}"));
    }
    sentence
}
