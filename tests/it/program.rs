//! The built program, run beside registries that this process serves.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

/// Runs landfall in a folder, which is its home too, with nothing else of the environment but `PATH`.
pub async fn landfall(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.output().await.unwrap()
}
