//! Keeping unsaved work against a crash, and giving it back.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::io::OpenOptions;
use crate::session::recovery::Snapshot;
use crate::session::{OpenedScan, ScanCommand, ScanSource};
use crate::ui::Severity;
use crate::ui::model::Question;

use super::file_flow::{Goal, Purpose};
use super::files::{self, FileOutcome};
use super::recovery::{FoundWork, LeftOver, RecoveryFile};
use super::window::Window;

impl Window {
    /// Finds what earlier windows left behind, and a file for the work of this one.
    pub(super) fn start_recovery(&mut self, folder: &Path) {
        self.left_over = LeftOver::all(folder).into();
        match RecoveryFile::take(folder) {
            Ok(file) => self.recovery = Some(Arc::new(file)),
            Err(error) => {
                let text = format!("unsaved work cannot be kept against a crash: {error}");
                self.state.messages.push(Severity::Warning, text);
            }
        }
    }

    /// The questions of the start, one after the other: the notice, then every left-over.
    pub(super) fn ask_next_question(&mut self) {
        if self.state.question.is_some() || self.flow.is_waiting() {
            return;
        }
        if !self.settings.notice_accepted {
            self.state.question = Some(Question::Notice);
            return;
        }
        while self.found_work.is_none()
            && let Some(left_over) = self.left_over.pop_front()
        {
            match left_over.read() {
                Ok(found) => self.found_work = Some(Box::new(found)),
                Err(text) => self.state.messages.push(Severity::Warning, text),
            }
        }
        let Some(work) = &self.found_work else {
            return;
        };
        self.state.question = Some(Question::Recovery {
            description: work.description(),
        });
        // The button that answered the question before has the focus still, and this one looks the same.
        self.context.memory_mut(|memory| {
            if let Some(focused) = memory.focused() {
                memory.surrender_focus(focused);
            }
        });
    }

    /// Takes a recovery snapshot when one is due.
    pub(super) fn keep_recovery(&mut self) {
        let now = Instant::now();
        if let Some(case) = self.session.case().filter(|c| c.recovery_due(now)) {
            let (snapshot, revision) = (case.recovery_snapshot(), case.revision());
            self.write_recovery(snapshot, revision, now, None);
        }
    }

    /// Writes the recovery file in the background; then deletes the file of the work that it came from.
    fn write_recovery(
        &mut self,
        snapshot: Snapshot,
        revision: u64,
        at: Instant,
        origin: Option<Box<FoundWork>>,
    ) {
        let Some(file) = self.recovery.clone() else {
            return;
        };
        self.apply(ScanCommand::RecoveryTaken { revision, at });
        let turn = file.turn();
        self.files
            .submit_to_the_end(move |_| match file.write(turn, &snapshot) {
                Ok(()) => {
                    if let Some(origin) = origin {
                        delete(*origin);
                    }
                    FileOutcome::Done
                }
                Err(error) => FileOutcome::RecoveryFailed(format!(
                    "Unsaved work could not be kept against a crash: {error}"
                )),
            });
    }

    /// Removes the recovery file: the work was saved or given up.
    pub(super) fn remove_recovery(&mut self) {
        if let Some(file) = self.recovery.clone() {
            let turn = file.turn();
            // On the file thread, because a snapshot may be being written.
            self.files.submit_to_the_end(move |_| {
                if let Err(error) = file.remove(turn) {
                    tracing::warn!(kind = ?error.kind(), "the recovery file could not be removed");
                }
                FileOutcome::Done
            });
        }
    }

    /// What would be lost if the window ended now.
    pub(super) fn unsaved_work(&self) -> Option<(Arc<RecoveryFile>, Snapshot)> {
        let case = self.session.case().filter(|c| c.is_dirty())?;
        Some((self.recovery.clone()?, case.recovery_snapshot()))
    }

    /// The end of the window, whatever the reason: unsaved work is written, unless the user gave it up.
    pub(super) fn settle_recovery(&mut self) {
        let unsaved = self.unsaved_work();
        self.unsaved.end_frame(None);
        let Some(file) = self.recovery.take() else {
            return;
        };
        let outcome = match unsaved {
            Some((_, snapshot)) if !self.flow.has_given_up(&self.session) => file
                .write(file.turn(), &snapshot)
                .map_err(|error| format!("{error:?}")),
            _ => file
                .remove(file.turn())
                .map_err(|error| error.kind().to_string()),
        };
        if let Err(error) = outcome {
            tracing::error!(error, "the recovery file is not as it should be");
        }
    }

    /// The user wants the found work back.
    pub(super) fn recover(&mut self) {
        if let Some(found) = self.found_work.take() {
            self.reach(Goal::Recover(found));
        }
    }

    /// Opens the scan that the found work belongs to.
    pub(super) fn open_for(&mut self, found: Box<FoundWork>) {
        match found.snapshot.source.clone() {
            ScanSource::Sample => {
                self.run("Making the phantom", Purpose::Recover(found), false, |_| {
                    files::open_sample()
                });
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
                self.open(path, options, Purpose::Recover(found));
            }
        }
    }

    /// The scan is there: puts the work back on it.
    pub(super) fn restore(&mut self, scan: Box<OpenedScan>, found: Box<FoundWork>) {
        self.take_scan(*scan);
        self.apply(ScanCommand::Restore(Box::new(found.snapshot.clone())));
        let Some(case) = self.session.case().filter(|c| c.is_dirty()) else {
            self.say_that_work_is_kept();
            return;
        };
        let (snapshot, revision) = (case.recovery_snapshot(), case.revision());
        let text = "The work of an earlier session is back; it is not saved yet";
        self.state.messages.push(Severity::Done, text);
        self.write_recovery(snapshot, revision, Instant::now(), Some(found));
    }

    /// The work could not be put back: its file stays where it is.
    pub(super) fn say_that_work_is_kept(&mut self) {
        let text = "The unsaved work is kept, and offered again at the next start";
        self.state.messages.push(Severity::Warning, text);
    }

    /// The user does not want the found work.
    pub(super) fn forget_found_work(&mut self) {
        if let Some(found) = self.found_work.take()
            && let Err(error) = found.delete()
        {
            let text = format!("The recovery file could not be removed: {error}");
            self.state.messages.push(Severity::Warning, text);
        }
    }
}

fn delete(found: FoundWork) {
    if let Err(error) = found.delete() {
        tracing::warn!(kind = ?error.kind(), "an old recovery file could not be removed");
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Nothing is left to do after a window was closed; a panic comes here without that.
        self.settle_recovery();
    }
}
