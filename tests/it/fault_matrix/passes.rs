//! Cells that passes play.

use landfall::http::Timeouts;

use super::client::impatient;
use super::stage::Stage;
use crate::faults::{Action, Fault};

/// Plays one cell: the fault lasts, then strikes now and then, then is gone; and strikes once more where all stands.
/// Gives how many requests met it.
pub async fn play(fault: Fault, action: Action, client: reqwest::Client) -> Result<usize, String> {
    let stage = Stage::set(client).await;
    let mut struck = 0;
    for count in [usize::MAX, 2] {
        stage.strike(fault, action, count);
        stage.apply(impatient()).await?;
        struck += stage.calm();
        stage.check()?;
    }
    settle(&stage).await?;
    for count in [usize::MAX, 2] {
        stage.strike(fault, action, count);
        stage.apply(impatient()).await?;
        struck += stage.calm();
        stage.check()?;
    }
    settle(&stage)
        .await
        .map_err(|what| format!("struck where all stood: {what}"))?;
    Ok(struck)
}

/// All is done now that the fault has gone, and then nothing is left to do.
async fn settle(stage: &Stage) -> Result<(), String> {
    let pass = stage.apply(Timeouts::default()).await?;
    stage.check()?;
    if !pass.is_settled() {
        let blocked = pass.last.blocked.iter().map(|blocked| format!("{:?}", blocked.cause));
        let blocked: Vec<String> = blocked.collect();
        return Err(format!("not converged once the fault is gone: {blocked:?}"));
    }
    stage.check_end()?;
    let mark = stage.store.now();
    stage.apply(Timeouts::default()).await?;
    let writes = stage.store.client_writes_since(mark);
    if !writes.is_empty() {
        return Err(format!("a pass after that writes {writes:?}"));
    }
    Ok(())
}
