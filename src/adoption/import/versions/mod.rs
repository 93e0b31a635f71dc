//! Ranges of versions, as the tools whose configuration is read understand them. They do not agree.

pub mod masterminds;
pub mod regclient;
