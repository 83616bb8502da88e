//! Keeping unsaved work against a crash, and giving it back.

use std::time::Instant;

use crate::io::OpenOptions;
use crate::session::recovery::Snapshot;
use crate::session::{OpenedScan, ScanCommand, ScanSource};
use crate::ui::Severity;

use super::file_flow::Purpose;
use super::files::{self, FileOutcome};
use super::window::Window;

impl Window {
    /// Writes a recovery file in the background.
    pub(super) fn write_recovery(&mut self, snapshot: Snapshot, revision: u64, at: Instant) {
        let Some(file) = self.recovery.as_ref().map(|slot| slot.file().to_path_buf()) else {
            return;
        };
        self.apply(ScanCommand::RecoveryTaken { revision, at });
        self.files.submit(move |_| match snapshot.save(&file) {
            Ok(()) => FileOutcome::Done,
            Err(error) => FileOutcome::Refused(format!(
                "Unsaved work could not be kept against a crash: {error}"
            )),
        });
    }

    /// Removes the recovery file: the work was saved or given up.
    pub(super) fn remove_recovery(&mut self) {
        if let Some(file) = self.recovery.as_ref().map(|slot| slot.file().to_path_buf()) {
            // On the file thread, so that it comes after a snapshot that is being written.
            self.files.submit(move |_| {
                if file.exists()
                    && let Err(error) = std::fs::remove_file(&file)
                {
                    tracing::warn!(%error, "the recovery file could not be removed");
                }
                FileOutcome::Done
            });
        }
    }

    /// Opens the scan that the found work belongs to.
    pub(super) fn recover(&mut self) {
        let Some(work) = &self.found_work else {
            return;
        };
        let snapshot = Box::new(work.snapshot.clone());
        match snapshot.source.clone() {
            ScanSource::Sample => {
                self.run(
                    "Making the phantom",
                    Purpose::Recover(snapshot),
                    false,
                    |_| files::open_sample(),
                );
            }
            ScanSource::File {
                path,
                series,
                frame,
                frames_of_slice,
                modality,
            } => {
                let options = OpenOptions {
                    series,
                    frame,
                    frames_of_slice,
                    modality,
                };
                self.open(path, options, Purpose::Recover(snapshot));
            }
        }
    }

    /// The scan is there: puts the work back on it.
    pub(super) fn restore(&mut self, scan: Box<OpenedScan>, snapshot: Box<Snapshot>) {
        self.take_scan(*scan);
        self.apply(ScanCommand::Restore(snapshot));
        let restored = self.session.is_dirty();
        if !restored {
            self.keep_found_work();
            return;
        }
        let text = "The work of the last session is back; it is not saved yet";
        self.state.messages.push(Severity::Done, text);
        // The file of this window is written anew from now on; one that had been put aside is done with.
        let own = self.recovery.as_ref().map(|slot| slot.file().to_path_buf());
        if let Some(found) = self.found_work.take()
            && own.as_ref() != Some(&found.file)
            && let Err(error) = std::fs::remove_file(&found.file)
        {
            tracing::warn!(%error, "an old recovery file could not be removed");
        }
    }

    /// Keeps the found work for the next start.
    pub(super) fn keep_found_work(&mut self) {
        if let (Some(slot), Some(found)) = (&self.recovery, self.found_work.take())
            && let Err(error) = slot.keep_for_later(&found)
        {
            let text = format!("The unsaved work could not be put aside: {error}");
            self.state.messages.push(Severity::Error, text);
        }
    }

    /// The user does not want the found work.
    pub(super) fn forget_found_work(&mut self) {
        if let Some(found) = self.found_work.take()
            && let Err(error) = std::fs::remove_file(&found.file)
        {
            let text = format!("The recovery file could not be removed: {error}");
            self.state.messages.push(Severity::Warning, text);
        }
    }

    /// Writes the preferences in the background.
    pub(super) fn save_settings(&mut self) {
        if let Some(file) = self.settings_file.clone() {
            let settings = self.settings.clone();
            self.files.submit(move |_| match settings.save(&file) {
                Ok(()) => FileOutcome::Done,
                Err(error) => FileOutcome::Refused(error.to_string()),
            });
        }
    }
}
