//! The application: what was typed becomes a command or a window.

pub mod batch;

use std::process::ExitCode;

use crate::cli::Cli;

use batch::AndThen;

/// Runs what was typed; the exit code is 0 for success, 1 for a refusal (2, bad usage, comes from parsing too).
pub fn run(cli: Cli) -> ExitCode {
    let and_then = match cli.command {
        Some(command) => batch::run(command),
        None => AndThen::OpenWindow(cli.open),
    };
    match and_then {
        AndThen::Exit(code) => code,
        AndThen::OpenWindow(_) => ExitCode::FAILURE,
    }
}
