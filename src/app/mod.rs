//! The application: what was typed becomes a command or a window.

pub mod batch;
pub mod desktop;
pub mod journal;
mod lesson;
mod logging;
mod ranking;
mod signals;
mod uptake;

use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::{Cli, Command, OpenArgs};
use crate::remote::{self, Processor, open_model};

use batch::AndThen;

/// Runs what was typed; the exit code is 0 for success, 1 for a refusal (2, bad usage, comes from parsing too).
pub fn run(cli: Cli) -> ExitCode {
    // A command's messages are the user's; a window has a log for those who look after it.
    let opens_window = matches!(cli.command, None | Some(Command::Open(_)));
    logging::init(if opens_window {
        "info,wgpu_core=warn,wgpu_hal=warn,naga=warn"
    } else {
        "off"
    });
    let and_then = match cli.command {
        Some(command) => batch::run(command),
        None => AndThen::OpenWindow(cli.open),
    };
    match and_then {
        AndThen::Exit(code) => code,
        AndThen::OpenWindow(args) => open_window(args),
    }
}

fn open_window(args: OpenArgs) -> ExitCode {
    let device = args.device.device;
    let teaching = device.clone();
    let options = desktop::WindowOptions {
        paths: args.paths,
        open_model: Arc::new(move |id, instead| match instead {
            Some(own) => open_model(id, &Processor::Here(own)),
            None => open_model(id, &device),
        }),
        teach: Arc::new(move |lesson, ctx| remote::teach(&teaching, lesson, ctx)),
        data_folder: desktop::data_folder(),
        connections_file: None,
        dialogs: None,
        open_sample: false,
    };
    match desktop::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => batch::refuse(&error),
    }
}
