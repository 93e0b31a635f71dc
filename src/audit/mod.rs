//! What an auditor asks: what was promoted, by whom and when, and whether it is still so. Reads; writes nothing.

pub mod compare;
pub mod log;
pub mod look;
