//! Opening and saving: ask for a path, ask about unsaved work, run the file job, take over the result.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Context;

use crate::io::OpenOptions;
use crate::session::recovery::Snapshot;
use crate::session::{OpenedLabels, OpenedScan, ScanCommand, ScanSource};
use crate::ui::Severity;
use crate::ui::model::Question;
use crate::volume::Modality;

use super::dialogs::{PathAnswer, PathPurpose, title};
use super::files::{self, FileOutcome};
use super::jobs::Owner;
use super::window::Window;
use super::worker::{WorkEvent, WorkId};

/// Something that would lose unsaved work, so that it may have to wait for an answer.
#[derive(Debug)]
pub enum Goal {
    /// Open a scan.
    Open {
        /// A file or a folder.
        path: PathBuf,
        /// Which series, frame and modality.
        options: OpenOptions,
    },
    /// Open the phantom.
    OpenSample,
    /// Show a scan that was read while the user went on working.
    Show(Box<OpenedScan>),
    /// Open a label map on the scan.
    OpenLabels(PathBuf),
    /// Take over a label map that was read while the user went on working.
    TakeLabels(Box<OpenedLabels>),
    /// Close the window.
    Quit,
}

impl Goal {
    /// Open a scan as it is.
    pub fn open(path: PathBuf) -> Self {
        let options = OpenOptions::default();
        Self::Open { path, options }
    }

    /// Open one series.
    pub fn open_series(path: PathBuf, uid: String) -> Self {
        let options = OpenOptions {
            series: Some(uid),
            ..OpenOptions::default()
        };
        Self::Open { path, options }
    }

    /// What is about to happen, in the question about unsaved work.
    fn words(&self) -> &'static str {
        match self {
            Self::Open { .. } | Self::OpenSample | Self::Show(_) => "opening another scan",
            Self::OpenLabels(_) | Self::TakeLabels(_) => "opening other labels",
            Self::Quit => "closing the window",
        }
    }
}

/// What is to be done with the result of a file job.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A new scan.
    Open,
    /// Another frame or modality of the scan that is open.
    Replace,
    /// The scan that recovered work belongs to.
    Recover(Box<Snapshot>),
    /// Nothing but to hear whether it went well.
    Other,
}

/// The state between the steps of opening and saving.
#[derive(Debug, Default)]
pub struct FileFlow {
    /// Waits for the answer about unsaved work, or for the save.
    goal: Option<Goal>,
    /// The revision whose loss the user has agreed to.
    given_up: Option<u64>,
    purposes: HashMap<WorkId, Purpose>,
    saving: Option<WorkId>,
    /// Label maps to open on the scan that is being opened.
    pub labels_to_open: Vec<PathBuf>,
    /// What the typed path is for.
    typed_for: Option<PathPurpose>,
}

impl FileFlow {
    /// Whether labels are being written.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// The user has changed their mind.
    pub fn forget_goal(&mut self) {
        self.goal = None;
    }
}

impl Window {
    /// Does it, after asking about unsaved work.
    pub(super) fn reach(&mut self, goal: Goal) {
        let revision = self.session.case().map(|c| c.revision());
        let given_up = revision.is_some() && self.flow.given_up == revision;
        if self.session.is_dirty() && !given_up {
            if self.flow.is_saving() {
                self.flow.goal = Some(goal);
                return;
            }
            self.state.question = Some(Question::Unsaved {
                before: goal.words().to_owned(),
            });
            self.flow.goal = Some(goal);
            return;
        }
        self.go(goal);
    }

    fn go(&mut self, goal: Goal) {
        match goal {
            Goal::Open { path, options } => self.open(path, options, Purpose::Open),
            Goal::OpenSample => {
                self.run("Making the phantom", Purpose::Open, true, |_| {
                    files::open_sample()
                });
            }
            Goal::Show(scan) => self.show_scan(*scan),
            Goal::OpenLabels(path) => {
                self.run("Opening labels", Purpose::Other, true, |ctx| {
                    files::open_labels(path, ctx)
                });
            }
            Goal::TakeLabels(labels) => self.apply(ScanCommand::OpenLabels(labels)),
            Goal::Quit => self.closing = true,
        }
    }

    /// The user wants the labels saved before what waits for it.
    pub(super) fn save_then_go_on(&mut self) {
        self.accept_proposal();
        self.save();
    }

    /// The user gives the unsaved labels up.
    pub(super) fn go_on_without_saving(&mut self) {
        self.flow.given_up = self.session.case().map(|c| c.revision());
        if let Some(goal) = self.flow.goal.take() {
            self.go(goal);
        }
    }

    pub(super) fn run(
        &mut self,
        title: &str,
        purpose: Purpose,
        cancellable: bool,
        work: impl FnOnce(&crate::util::JobContext) -> FileOutcome + Send + 'static,
    ) -> WorkId {
        let id = self.files.submit(work);
        self.flow.purposes.insert(id, purpose);
        self.jobs.add(Owner::File(id), title, cancellable);
        id
    }

    pub(super) fn open(&mut self, path: PathBuf, options: OpenOptions, purpose: Purpose) {
        self.run("Opening", purpose, true, move |ctx| {
            files::open_scan(path, options, ctx)
        });
    }

    /// Reads another frame of the scan that is open.
    pub(super) fn read_frame(&mut self, frame: usize) {
        let source = self.session.case().map(|c| c.source().clone());
        if let Some(ScanSource::File {
            path,
            series,
            modality,
            ..
        }) = source
        {
            let options = OpenOptions {
                series,
                frame: Some(frame),
                modality,
            };
            self.open(path, options, Purpose::Replace);
        }
    }

    /// Reads the scan that is open as another modality.
    pub(super) fn read_as(&mut self, modality: Modality) {
        let Some(case) = self.session.case() else {
            return;
        };
        let (image, info) = (Arc::clone(case.image()), case.info().clone());
        let source = case.source().clone();
        self.run(
            "Reading as another modality",
            Purpose::Replace,
            false,
            move |_| files::read_as(&image, info, source, modality),
        );
    }

    /// Saves to the file that the labels have, or asks for one.
    pub(super) fn save(&mut self) {
        let Some(case) = self.session.case() else {
            return;
        };
        if case.proposal().is_some() {
            let text = "The proposal is not accepted yet, so it is not saved";
            self.state.messages.push(Severity::Warning, text);
        }
        match case.labels_path().map(Path::to_path_buf) {
            Some(path) => self.save_to(path),
            None => self.ask_path(PathPurpose::SaveLabels),
        }
    }

    /// Saves the labels as they are now.
    pub(super) fn save_to(&mut self, path: PathBuf) {
        let Some(case) = self.session.case() else {
            return;
        };
        if let ScanSource::File { path: scan, .. } = case.source()
            && *scan == path
        {
            let text = "That is the scan itself: give the labels another name";
            self.state.messages.push(Severity::Error, text);
            self.flow.forget_goal();
            return;
        }
        let (labels, table) = (Arc::clone(case.labels()), case.table().clone());
        let revision = case.revision();
        let id = self.run("Saving", Purpose::Other, false, move |_| {
            files::save_labels(path, &labels, &table, revision)
        });
        self.flow.saving = Some(id);
    }

    /// Asks for a path with the desktop's dialog.
    pub(super) fn ask_path(&mut self, purpose: PathPurpose) {
        let name = self
            .session
            .case()
            .filter(|_| purpose == PathPurpose::SaveLabels)
            .map(|case| files::suggested_name(case.source()));
        let start = self.settings.last_folder.clone();
        self.dialogs.ask(purpose, start.as_deref(), name.as_deref());
    }

    /// Asks for a typed path.
    pub(super) fn ask_typed_path(&mut self, purpose: PathPurpose) {
        let folder = self.settings.last_folder.clone().unwrap_or_default();
        let text = match (purpose, self.session.case()) {
            (PathPurpose::SaveLabels, Some(case)) => folder
                .join(files::suggested_name(case.source()))
                .display()
                .to_string(),
            _ => String::new(),
        };
        self.flow.typed_for = Some(purpose);
        self.state.question = Some(Question::TypedPath {
            title: title(purpose),
            text,
        });
    }

    /// Takes over the answers of dialogs.
    pub(super) fn drain_dialogs(&mut self) {
        for answer in self.dialogs.answers() {
            match answer {
                PathAnswer::Chosen(purpose, path) => self.path_chosen(purpose, path),
                PathAnswer::NoDialog(purpose) => self.ask_typed_path(purpose),
                PathAnswer::Dismissed(_) => self.flow.forget_goal(),
            }
        }
    }

    /// The user typed a path.
    pub(super) fn path_typed(&mut self, path: PathBuf) {
        let Some(purpose) = self.flow.typed_for.take() else {
            return;
        };
        if purpose != PathPurpose::SaveLabels {
            self.path_chosen(purpose, path);
            return;
        }
        let path = files::with_extension(path);
        let known = self.session.case().and_then(|c| c.labels_path());
        if path.exists() && known != Some(&path) {
            // The desktop's dialog asks this itself.
            self.state.question = Some(Question::Overwrite { path });
        } else {
            self.save_to(path);
        }
    }

    fn path_chosen(&mut self, purpose: PathPurpose, path: PathBuf) {
        match purpose {
            PathPurpose::OpenScan | PathPurpose::OpenFolder => self.reach(Goal::open(path)),
            PathPurpose::OpenLabels => self.reach(Goal::OpenLabels(path)),
            PathPurpose::SaveLabels => self.save_to(files::with_extension(path)),
        }
    }

    /// Opens a file that was dropped on the window.
    pub(super) fn open_dropped(&mut self, ctx: &Context) {
        let dropped: Vec<PathBuf> = ctx.input(|i| {
            let files = i.raw.dropped_files.iter();
            files.map(|f| f.path().to_path_buf()).collect()
        });
        if let Some(path) = dropped.into_iter().next()
            && self.state.question.is_none()
        {
            self.reach(Goal::open(path));
        }
    }

    /// Takes over what the file thread has done.
    pub(super) fn drain_files(&mut self) {
        for event in self.files.drain() {
            match event {
                WorkEvent::Progress {
                    id,
                    fraction,
                    stage,
                } => self.jobs.progress(|o| o.is_file(id), fraction, stage),
                WorkEvent::Finished { id, outcome } => {
                    self.jobs.remove(|o| o.is_file(id));
                    let purpose = self.flow.purposes.remove(&id).unwrap_or(Purpose::Other);
                    let was_save = self.flow.saving == Some(id);
                    if was_save {
                        self.flow.saving = None;
                    }
                    self.take_over(purpose, outcome);
                    if was_save {
                        self.saved_or_not();
                    }
                }
            }
        }
    }

    /// After a save: goes on to what waited for it, if nothing is unsaved.
    fn saved_or_not(&mut self) {
        if let Some(goal) = self.flow.goal.take()
            && !self.session.is_dirty()
        {
            self.go(goal);
        }
    }

    fn take_over(&mut self, purpose: Purpose, outcome: Option<FileOutcome>) {
        match outcome {
            Some(FileOutcome::Opened(scan)) => self.scan_opened(purpose, scan),
            Some(FileOutcome::SeriesToChoose { path, info }) => {
                self.state.question = Some(Question::Series { path, info });
            }
            Some(FileOutcome::LabelsOpened { labels, warnings }) => {
                self.warn(&warnings);
                self.reach(Goal::TakeLabels(labels));
            }
            Some(FileOutcome::Saved { path, revision }) => self.labels_saved(path, revision),
            Some(FileOutcome::Refused(text)) => {
                self.flow.labels_to_open.clear();
                self.state.messages.push(Severity::Error, text);
                if matches!(purpose, Purpose::Recover(_)) {
                    self.keep_found_work();
                }
            }
            Some(FileOutcome::Done | FileOutcome::Cancelled) => {}
            None => {
                let text = "A defect in Prosector stopped this; what was open is unchanged";
                self.state.messages.push(Severity::Error, text);
            }
        }
    }

    fn scan_opened(&mut self, purpose: Purpose, scan: Box<OpenedScan>) {
        match purpose {
            Purpose::Replace => {
                self.warn(&scan.info.warnings.clone());
                self.apply(ScanCommand::ReplaceImage(scan));
            }
            Purpose::Recover(snapshot) => self.restore(scan, snapshot),
            Purpose::Open | Purpose::Other => self.reach(Goal::Show(scan)),
        }
    }

    fn show_scan(&mut self, scan: OpenedScan) {
        self.remove_recovery();
        self.take_scan(scan);
        for path in std::mem::take(&mut self.flow.labels_to_open) {
            self.reach(Goal::OpenLabels(path));
        }
    }

    /// Makes a scan the one that is open.
    pub(super) fn take_scan(&mut self, scan: OpenedScan) {
        if let ScanSource::File { path, .. } = &scan.source {
            self.settings.push_recent(path);
            self.save_settings();
        }
        let warnings = scan.info.warnings.clone();
        self.apply(ScanCommand::Open(Box::new(scan)));
        self.warn(&warnings);
        self.flow.given_up = None;
    }

    fn labels_saved(&mut self, path: PathBuf, revision: u64) {
        let text = format!("Saved and read back: {}", path.display());
        self.state.messages.push(Severity::Done, text);
        self.settings.last_folder = path.parent().map(Path::to_path_buf);
        self.apply(ScanCommand::MarkSaved { revision, path });
        if !self.session.is_dirty() {
            self.remove_recovery();
        }
    }
}
