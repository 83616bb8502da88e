//! Where diagnostics go: to stderr, as much as `PROSECTOR_LOG` says.

use std::thread;

use tracing_subscriber::EnvFilter;

/// The environment variable with the filter, such as `debug` or `prosector=trace`.
const FILTER_VARIABLE: &str = "PROSECTOR_LOG";

/// Sends diagnostics to stderr; `default_filter` holds unless the user chose another.
///
/// A panic on the engine's thread is reported to the user as a failed job, so it goes to the diagnostics only.
pub fn init(default_filter: &str) {
    let chosen = EnvFilter::try_from_env(FILTER_VARIABLE);
    let filter = chosen.unwrap_or_else(|_| EnvFilter::new(default_filter));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .compact();
    if subscriber.try_init().is_err() {
        // Somebody who uses the library has set up another; theirs stays.
        return;
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name() == Some("engine") {
            tracing::error!("{panic}");
        } else {
            usual(panic);
        }
    }));
}
