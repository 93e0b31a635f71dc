//! Places in a manifest, for people.

pub(super) use crate::model::{LineIndex, Position};
