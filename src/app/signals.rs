//! Signals that mean the end: Ctrl+C, `kill`, logout.

use std::io;

use async_signal::{Signal, Signals};
use futures_lite::{StreamExt, future};

#[cfg(unix)]
const ENDING: [Signal; 3] = [Signal::Term, Signal::Hup, Signal::Int];
#[cfg(not(unix))]
const ENDING: [Signal; 1] = [Signal::Int];

/// From now on such a signal ends nothing by itself, but is told on a thread of its own.
///
/// # Errors
/// What the system says when it gives no thread or no handler.
pub fn heed(heard: impl Fn(Signal) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(ENDING)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            // `None` or an error: no signal will come any more.
            while let Some(Ok(signal)) = future::block_on(signals.next()) {
                heard(signal);
            }
        })?;
    Ok(())
}

/// The exit code of a program that such a signal ended.
pub fn exit_code(signal: Signal) -> i32 {
    128 + signal as i32
}
