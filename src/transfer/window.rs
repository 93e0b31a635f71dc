//! How many blobs of one image are looked for and read at once.

use std::sync::Arc;

use tokio::sync::SemaphorePermit;

/// A blob's place among those. It is given back when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Slot<'a> {
    _permit: Arc<SemaphorePermit<'a>>,
}

impl<'a> Slot<'a> {
    pub fn new(permit: SemaphorePermit<'a>) -> Self {
        Self {
            _permit: Arc::new(permit),
        }
    }
}
