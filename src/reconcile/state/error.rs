//! What can go wrong with the state.

use thiserror::Error;

/// Every message names the file and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StateError {
    #[error(
        "another landfall holds the state {file}, and one at a time does; where that is `landfall run`, `landfall status` \
         says how things stand and `landfall reconcile` has it look now; for anything else stop it, do this, and start it \
         again"
    )]
    InUse { file: String },
    #[error(
        "the state {file} is damaged: {reason}; move it away and start again: landfall then knows only what Git and \
         the registries say, and writes nothing until `landfall accept` names a commit"
    )]
    Corrupt { file: String, reason: String },
    #[error(
        "the state {file} was written by another version of landfall: it has schema {found}, this version reads {known}"
    )]
    Schema { file: String, found: String, known: u32 },
    #[error("the state {file}: cannot {doing}: {reason}")]
    Io {
        file: String,
        doing: &'static str,
        reason: String,
    },
    #[error("the state {file} cannot keep `{text}`: it contains a control character")]
    Key { file: String, text: String },
}
