//! What the engine runs on: the real world in production, a simulated one in tests.

use jiff::Timestamp;

use super::journal::Journal;
use crate::registry::WritableRegistry;
use crate::signing::Signers;

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Registries, signers, memory and time.
pub trait World: Send + Sync + 'static {
    /// A handle: clones share what is behind it.
    type Registry: WritableRegistry + Clone;
    type Signers: Signers;
    type Journal: Journal;
    type Clock: Clock;

    fn registry(&self) -> &Self::Registry;
    fn signers(&self) -> &Self::Signers;
    fn journal(&self) -> &Self::Journal;
    fn clock(&self) -> &Self::Clock;
}

/// A world made of parts.
#[derive(Debug)]
pub struct AssembledWorld<R, S, J, C> {
    pub registry: R,
    pub signers: S,
    pub journal: J,
    pub clock: C,
}

impl<R: WritableRegistry + Clone, S: Signers, J: Journal, C: Clock> World for AssembledWorld<R, S, J, C> {
    type Registry = R;
    type Signers = S;
    type Journal = J;
    type Clock = C;

    fn registry(&self) -> &R {
        &self.registry
    }

    fn signers(&self) -> &S {
        &self.signers
    }

    fn journal(&self) -> &J {
        &self.journal
    }

    fn clock(&self) -> &C {
        &self.clock
    }
}
