//! What commands ask of a reconciler: look, converge, do just this.

use jiff::{SignedDuration, Timestamp};

use super::ReconcileError;
use super::pass::{Pass, Writes};
use super::reconciler::Reconciler;
use super::watch::Watch;
use crate::execute::{Clock, Stop, World};
use crate::facts::Bounds;
use crate::graph::Graph;
use crate::plan::{Planned, Scope, Step};
use crate::source::Source;

impl<W: World, S: Source> Reconciler<W, S> {
    /// Looks at everything and plans; writes nothing.
    ///
    /// # Errors
    /// Where landfall's own state cannot be read.
    pub async fn preview(&mut self, scope: &Scope, watch: &dyn Watch, stop: &Stop) -> Result<Pass, ReconcileError> {
        self.pass(scope, &Bounds::FRESH, Writes::None, watch, stop).await
    }

    /// Asks everything in scope anew, and does what is due until nothing is left that can be done.
    ///
    /// # Errors
    /// Where landfall's own state cannot be read or written.
    pub async fn converge(
        &mut self,
        scope: &Scope,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Vec<Pass>, ReconcileError> {
        let now = self.world.clock().now();
        self.converge_after(now, scope, watch, stop).await
    }

    /// As [`Self::converge`], and what a preview just answered is not asked again either.
    ///
    /// # Errors
    /// As [`Self::converge`].
    pub async fn converge_since(
        &mut self,
        preview: &Pass,
        scope: &Scope,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Vec<Pass>, ReconcileError> {
        self.converge_after(preview.began, scope, watch, stop).await
    }

    /// Runs these steps of a plan that was just made, and no others, once. What they changed is looked at afterwards: an
    /// image that was just copied has attachments and a place that nobody has asked about yet. `put_back` chooses from
    /// what is found due then, because a registry dropped what a tag left, and that is run as well.
    ///
    /// # Errors
    /// Where landfall's own state cannot be read or written.
    pub async fn run_steps(
        &mut self,
        preview: Pass,
        steps: Vec<Step>,
        put_back: impl FnOnce(&Graph, &Planned) -> Vec<Step>,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Pass, ReconcileError> {
        let now = self.world.clock().now();
        let mut pass = preview;
        if !steps.is_empty() {
            pass.ran = self.run(steps, now, watch, stop).await?;
        }
        self.look_again(&mut pass, watch, stop).await?;
        let dropped = put_back(&self.engine.graph, &self.engine.planned());
        if !dropped.is_empty() && !pass.interrupted {
            let now = self.world.clock().now();
            pass.ran.extend(self.run(dropped, now, watch, stop).await?);
            self.look_again(&mut pass, watch, stop).await?;
        }
        self.settle(now)?;
        Ok(pass)
    }

    async fn look_again(&mut self, pass: &mut Pass, watch: &dyn Watch, stop: &Stop) -> Result<(), ReconcileError> {
        let bounds = self.bounds_since(pass.began);
        let looked = self.pass(&Scope::default(), &bounds, Writes::None, watch, stop).await?;
        pass.requests += looked.requests;
        pass.interrupted = looked.interrupted;
        pass.last = looked.last;
        Ok(())
    }

    async fn converge_after(
        &mut self,
        started: Timestamp,
        scope: &Scope,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Vec<Pass>, ReconcileError> {
        let bounds = self.bounds_since(started);
        let pass = self.pass(scope, &bounds, Writes::Due, watch, stop).await?;
        Ok(vec![pass])
    }

    /// What was answered since then is not asked again.
    fn bounds_since(&self, started: Timestamp) -> Bounds {
        let since = self
            .world
            .clock()
            .now()
            .duration_since(started)
            .max(SignedDuration::ZERO);
        Bounds {
            tags: since,
            images: since,
            evidence: since,
        }
    }
}
