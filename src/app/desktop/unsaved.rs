//! Unsaved work within reach of other threads, so that it can be written when no frame follows any more: on a signal,
//! or when the display is gone.
//!
//! Between two frames it lies here; during a frame the window alone has it, because a second holder of the voxels would
//! make every change copy them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::io::IoError;
use crate::session::recovery::Snapshot;

use super::recovery::{RecoveryFile, Turn};

/// What the window would lose if it ended now.
#[derive(Debug, Default)]
pub struct Unsaved {
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Held {
    /// Nothing is unsaved.
    #[default]
    Nothing,
    /// A frame is under way.
    InFrame,
    Work(Arc<RecoveryFile>, Turn, Snapshot),
}

impl Unsaved {
    /// A frame begins: the window alone has the work.
    pub fn begin_frame(&self) {
        *self.lock() = Held::InFrame;
    }

    /// A frame is over; with what is unsaved, and where to keep it.
    pub fn end_frame(&self, work: Option<(Arc<RecoveryFile>, Snapshot)>) {
        *self.lock() = match work {
            Some((file, snapshot)) => {
                let turn = file.turn();
                Held::Work(file, turn, snapshot)
            }
            None => Held::Nothing,
        };
        self.changed.notify_all();
    }

    /// Writes what is unsaved, if anything is. Waits for a frame to end, at most `patience`.
    ///
    /// # Errors
    /// [`IoError::Output`] with what is in the way.
    pub fn write(&self, patience: Duration) -> Result<(), IoError> {
        let (held, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |held| matches!(held, Held::InFrame))
            .unwrap_or_else(PoisonError::into_inner);
        let Held::Work(file, turn, snapshot) = &*held else {
            return Ok(());
        };
        let (file, turn, snapshot) = (Arc::clone(file), *turn, snapshot.clone());
        // The next frame must not wait for the disk.
        drop(held);
        file.write(turn, &snapshot)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
