//! The `prosector` program: parses the command line and runs it.

use std::process::ExitCode;

use clap::Parser;
use prosector::app;
use prosector::cli::Cli;

fn main() -> ExitCode {
    app::run(Cli::parse())
}
