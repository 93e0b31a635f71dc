//! Programs of this project around registries that are libraries: each prints the address that it listens on.

use std::process::{Child, Command, Stdio};

use super::server::{Access, Running, listening};
use crate::tools;

pub(super) fn start(program: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new(tools::find(program));
    command.args(arguments).stdout(Stdio::piped());
    let output = |process: &mut Child| Box::new(process.stdout.take().unwrap()) as _;
    let (process, address) = listening(&mut command, output, |line| Some(line.to_owned()));
    Running {
        process,
        address,
        access: Access::Everybody,
    }
}
