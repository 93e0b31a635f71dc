//! The `landfall` program.

use std::io::Write as _;

use landfall::cli::{Cli, ErrorOutput, ExitCode, Terminal, logging};

fn main() -> std::process::ExitCode {
    let cli = match Cli::from_arguments(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code.into(),
    };
    let terminal = Terminal::detect(&cli.common);
    terminal.show_errors_accordingly();
    let result = logging::start(&cli, &terminal).and_then(|()| cli.command.run(&cli.common, &terminal));
    match result {
        Ok(code) => code.into(),
        Err(report) => {
            // Writing there never fails.
            let _ = writeln!(ErrorOutput::for_errors(&terminal), "{report:?}");
            ExitCode::of(&report).into()
        }
    }
}
