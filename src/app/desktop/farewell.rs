//! Endings that the user did not choose in the window: signals (Ctrl+C, `kill`, logout), and a display that is gone.

use std::cell::RefCell;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_signal::Signal;

use crate::app::journal::Writer;
use crate::app::signals;

use super::waker::Waker;

/// How long the last steps may take to reach the disk.
const WRITING_PATIENCE: Duration = Duration::from_secs(5);
/// How long the window may take to close after a signal.
const CLOSING_PATIENCE: Duration = Duration::from_secs(3);

/// Asks the window to close without a question.
#[derive(Debug, Clone, Default)]
pub struct EndRequest(Arc<AtomicBool>);

impl EndRequest {
    /// Whether the window is to close.
    pub fn is_made(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// From now on a signal that means the end waits for the last steps to be on the disk and then closes the window.
///
/// # Errors
/// What the system says when it gives no thread or no handler.
pub fn heed_signals(
    journal: Option<Arc<Writer>>,
    end: EndRequest,
    waker: Waker,
) -> std::io::Result<()> {
    signals::heed(move |signal| {
        tracing::info!(?signal, "asked to end");
        if let Some(journal) = &journal {
            write(journal);
        }
        end.0.store(true, Ordering::Relaxed);
        waker.wake();
        end_at_last(signal);
    })
}

/// Ends the process where the window cannot: its display may be gone, or the driver stuck.
fn end_at_last(signal: Signal) {
    // The process ends with the main thread: when the window closes in time, nothing here comes to an end.
    let thread = std::thread::Builder::new().name("last-resort".to_owned());
    let ending = thread.spawn(move || {
        std::thread::sleep(CLOSING_PATIENCE);
        #[allow(clippy::exit, reason = "nobody is left who could end the program")]
        process::exit(signals::exit_code(signal));
    });
    if let Err(error) = ending {
        tracing::warn!(kind = ?error.kind(), "no thread for the last resort");
    }
}

/// From now on the last steps reach the disk when the main thread ends without closing the window, as Xlib does when the
/// display is gone. To be called on the main thread.
pub fn heed_exit(journal: Arc<Writer>) {
    AT_EXIT.with(|held| *held.borrow_mut() = Some(AtExit(journal)));
}

thread_local! {
    static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

struct AtExit(Arc<Writer>);

impl Drop for AtExit {
    fn drop(&mut self) {
        // Nobody is left to tell; the diagnostics may be gone too.
        let _ = self.0.flush(WRITING_PATIENCE);
    }
}

fn write(journal: &Writer) {
    if let Err(error) = journal.flush(WRITING_PATIENCE) {
        tracing::error!(error = ?error, "unsaved work could not be written");
    }
}
