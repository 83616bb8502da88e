//! The `prosector` program: parses the command line and runs it.

use std::process::ExitCode;

use clap::Parser;
use prosector::app;
use prosector::cli::Cli;

fn main() -> ExitCode {
    quiet_device_selection();
    app::run(Cli::parse())
}

/// Without a desktop session, Mesa's layer for choosing among GPUs asks Wayland, which complains on standard
/// error, where our one-line refusals go. There is nothing to choose then, so the layer is left out.
#[allow(
    unsafe_code,
    reason = "the environment is changed before any other thread exists"
)]
fn quiet_device_selection() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first thing that the program does; no other thread reads the environment yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
