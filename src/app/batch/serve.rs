//! `prosector serve`: a model for colleagues, until it is stopped.

use std::sync::Arc;

use crate::app::signals;
use crate::cli::ServeArgs;
use crate::models::{DeviceChoice, open_model};
use crate::remote::{Lessons, Server, TOKEN_VARIABLE, Token};

use super::Refusal;
use super::console::Console;
use super::model_run::own_device;

pub(super) fn run(args: &ServeArgs) -> Result<(), Refusal> {
    let device = own_device(&args.device, "serving")?;
    let (listen, console) = (args.listen, Console::new(false));
    let is_open = !listen.ip().is_loopback();
    if is_open && !args.open_to_network {
        return Err(Refusal::Other(format!(
            "{listen} can be reached by other machines, and what goes over it is not encrypted: listen at 127.0.0.1:{port} and let others come by `ssh -L {port}:127.0.0.1:{port}`, or say --open-to-network",
            port = listen.port()
        )));
    }
    let token = Token::of_environment();
    let warnings = warnings(is_open, &token);
    let (id, same) = (args.model.clone(), args.model.clone());
    let server = Server::start(
        listen,
        token,
        Lessons {
            teach: Arc::new(crate::train::teach::run),
            device,
        },
        move || open_model(id.as_deref(), device),
        move || open_model(same.as_deref(), DeviceChoice::Cpu),
    )?;
    console.warnings(&warnings);
    let device = server.device();
    console.line(&format!(
        "listening at {}: the model '{}' on {} ({}); not for clinical use; Ctrl+C ends it",
        server.address(),
        server.card().id,
        device.kind,
        device.name
    ));
    let server = Arc::new(server);
    heed_signals(&server);
    server.run();
    Ok(())
}

/// From now on Ctrl+C stops what is computed before it ends the program.
fn heed_signals(server: &Arc<Server>) {
    let server = Arc::clone(server);
    let heeded = signals::heed(move |signal| {
        server.stop();
        #[allow(clippy::exit, reason = "the main thread listens for good")]
        std::process::exit(signals::exit_code(signal));
    });
    if let Err(error) = heeded {
        tracing::warn!(kind = ?error.kind(), "signals end the program at once");
    }
}

/// What whoever serves should know.
fn warnings(is_open: bool, token: &Token) -> Vec<String> {
    let mut warnings = Vec::new();
    if is_open {
        warnings.push(
            "the connection is not encrypted: whoever is on the way can read the voxels of scans; an SSH tunnel to 127.0.0.1 is safer"
                .to_owned(),
        );
        if token.is_empty() {
            warnings.push(format!(
                "whoever reaches this address can use the model: set {TOKEN_VARIABLE} to the same text here and there"
            ));
        }
    }
    warnings
}
