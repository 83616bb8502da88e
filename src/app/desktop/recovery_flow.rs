//! Keeping every step on the disk, and giving work back that an earlier window left behind.

use std::sync::Arc;
use std::time::Duration;

use crate::app::journal::{Event, FoundWork, LeftOver, Work, Writer};
use crate::io::OpenOptions;
use crate::session::{OpenedScan, Regridded, ScanCommand, ScanSource, StrokeCommand};
use crate::ui::Severity;
use crate::ui::model::Question;
use crate::ui::texts::tr;
use crate::util::short_debug;
use crate::volume::{Grid, Reordering};

use super::file_flow::{Goal, Purpose};
use super::files::{self, FileOutcome};
use super::waker::Waker;
use super::window::Window;

/// How long the end of a window waits for the last steps to reach the disk.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);

/// Work of an earlier window that was read, and the scan to put it on.
pub struct Restoring {
    scan: Box<OpenedScan>,
    found: Box<FoundWork>,
    work: Work,
    /// What is needed to work on its grid, where that is not the scan's.
    own_grid: Option<Box<Regridded>>,
}

short_debug! {
    Restoring: |_| "work of an earlier window";
}

fn grid_of(work: &Work) -> Grid {
    match work {
        Work::Steps(replay) => *replay.layers.grid(),
        Work::Labels(snapshot) => snapshot.labels.grid,
    }
}

/// What is needed to go on with work that was done on a grid of its own.
fn own_grid_of(work: &Work, scan: &OpenedScan) -> Option<Regridded> {
    let grid = grid_of(work);
    if Reordering::between(&grid, scan.image.grid()).is_some() {
        return None;
    }
    Regridded::without_labels(&scan.image, &grid).ok()
}

/// The journal of a window that keeps its data in this folder. Without one, the reason.
pub fn start_journal(folder: &std::path::Path, waker: &Waker) -> Result<Arc<Writer>, String> {
    let waker = waker.clone();
    let writer = Writer::start(folder, move || waker.wake());
    writer.map(Arc::new).map_err(|error| {
        tr!(
            "unsaved work cannot be kept against a crash: {error}",
            error
        )
    })
}

impl Window {
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
            match left_over.look() {
                Ok(found) => self.found_work = found.map(Box::new),
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
        self.waker.context().memory_mut(|memory| {
            if let Some(focused) = memory.focused() {
                memory.surrender_focus(focused);
            }
        });
    }

    /// Says when steps do not reach the disk, and when they do again.
    pub(super) fn drain_journal(&mut self) {
        let events = self.journal.as_ref().map(|journal| journal.events());
        for event in events.into_iter().flatten() {
            let (severity, text) = match event {
                Event::Fails(reason) => (
                    Severity::Error,
                    tr!(
                        "Unsaved work is not kept against a crash, only in memory: {reason}. It is tried again; \
                         save the labels elsewhere to be safe",
                        reason
                    ),
                ),
                Event::WorksAgain => (
                    Severity::Info,
                    tr!("Unsaved work is kept against a crash again").to_owned(),
                ),
            };
            self.state.messages.push(severity, text);
        }
    }

    /// The end of a window, whatever the reason: unsaved work stays on the disk, unless the user gave it up.
    pub(super) fn settle_journal(&mut self) {
        if self.session.case().is_some_and(|c| c.is_stroke_active()) {
            self.apply(StrokeCommand::End);
        }
        let Some(journal) = self.journal.take() else {
            return;
        };
        if !self.session.is_dirty() || self.flow.has_given_up(&self.session) {
            journal.discard();
        }
        if let Err(error) = journal.close(FLUSH_PATIENCE) {
            tracing::error!(error, "the journal is not as it should be");
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
        match found.source.clone() {
            ScanSource::Sample => {
                self.run(
                    tr!("Making the phantom"),
                    Purpose::Recover(found),
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
                self.open(path, options, Purpose::Recover(found));
            }
        }
    }

    /// The scan is there: reads the work.
    pub(super) fn read_work(&mut self, scan: Box<OpenedScan>, found: Box<FoundWork>) {
        let budget_bytes = self.session.history_budget_bytes();
        self.run(
            tr!("Reading the steps"),
            Purpose::ReadWork,
            false,
            move |_| match found.read(budget_bytes) {
                Ok(work) => {
                    let own_grid = own_grid_of(&work, &scan).map(Box::new);
                    FileOutcome::WorkRead(Box::new(Restoring {
                        scan,
                        found,
                        work,
                        own_grid,
                    }))
                }
                Err(reason) => {
                    FileOutcome::Refused(tr!("The unsaved work cannot be read: {reason}", reason))
                }
            },
        );
    }

    /// Puts the work on its scan.
    pub(super) fn restore(&mut self, restoring: Restoring) {
        let Restoring {
            scan,
            found,
            work,
            own_grid,
        } = restoring;
        let labels = grid_of(&work);
        let grid = own_grid.as_ref().map_or(*scan.image.grid(), |_| labels);
        if Reordering::between(&labels, &grid).is_none() {
            let text = tr!("The scan lies elsewhere than when the unsaved work was drawn on it");
            self.state.messages.push(Severity::Error, text);
            self.say_that_work_is_kept();
            return;
        }
        self.take_scan(*scan);
        if let Some(own_grid) = own_grid {
            self.apply(ScanCommand::WorkOn(own_grid));
        }
        match work {
            Work::Steps(replay) if replay.fits(&grid) => {
                let (whole_bytes, is_damaged) = (replay.whole_bytes, replay.is_damaged);
                if let (Some(journal), Some(claim)) = (&self.journal, found.into_claim()) {
                    journal.go_on(claim, replay.index.clone(), whole_bytes, is_damaged);
                }
                self.apply(ScanCommand::Resume(replay));
                if is_damaged {
                    let text = tr!(
                        "A part of the unsaved work cannot be read: it is back as before that. The file is kept, \
                                with .damaged at its end"
                    );
                    self.state.messages.push(Severity::Warning, text);
                }
            }
            Work::Steps(replay) => {
                self.apply(ScanCommand::Resume(replay));
                self.forget_when_kept(found);
            }
            Work::Labels(snapshot) => {
                self.apply(ScanCommand::Restore(snapshot));
                self.forget_when_kept(found);
            }
        }
        self.is_on_case();
        let text = tr!("The work of an earlier session is back; it is not saved yet");
        self.state.messages.push(Severity::Info, text);
    }

    /// Deletes the file of work that a new journal holds, as soon as that is on the disk.
    fn forget_when_kept(&mut self, found: Box<FoundWork>) {
        let Some(journal) = self.journal.clone() else {
            return;
        };
        self.files.submit_to_the_end(move |_| {
            if journal.flush(FLUSH_PATIENCE).is_ok()
                && let Err(error) = found.delete()
            {
                tracing::warn!(kind = ?error.kind(), "an old recovery file could not be removed");
            }
            FileOutcome::Done
        });
    }

    /// The work could not be put back: its file stays where it is.
    pub(super) fn say_that_work_is_kept(&mut self) {
        let text = tr!("The unsaved work is kept, and offered again at the next start");
        self.state.messages.push(Severity::Warning, text);
    }

    /// The user does not want the found work.
    pub(super) fn forget_found_work(&mut self) {
        if let Some(found) = self.found_work.take()
            && let Err(error) = found.delete()
        {
            let text = tr!("The recovery file could not be removed: {error}", error);
            self.state.messages.push(Severity::Warning, text);
        }
    }

    /// Finds what earlier windows left behind.
    pub(super) fn find_left_over(&mut self, folder: &std::path::Path) {
        self.left_over = LeftOver::all(folder).into();
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Nothing is left to do after a window was closed; a panic comes here without that.
        self.settle_journal();
    }
}
