//! Opening: ask about unsaved work, run the file job, take over the result.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::journal::FoundWork;
use crate::io::{LabelSource, OpenOptions, Warning};
use crate::session::{
    LabelCommand, OpenedLabels, OpenedScan, Regridded, ScanCommand, ScanSource, Session,
};
use crate::ui::model::Question;
use crate::ui::texts::tr;
use crate::ui::{Offers, Severity};
use crate::volume::{Grid, Modality};

use super::dialogs::PathPurpose;
use super::files::{self, FileOutcome};
use super::jobs::Owner;
use super::origins::Origins;
use super::recovery_flow::Restoring;
use super::window::Window;
use super::words;
use super::worker::{WorkEvent, WorkId};
use super::worklist::CaseRead;

/// Something that would lose unsaved work, so that it may have to wait for an answer.
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
    /// Show a case of the worklist that was read while the user went on working.
    ShowCase(Box<CaseRead>),
    /// Open a label map on the scan.
    OpenLabels(LabelSource),
    /// Take over a label map that was read while the user went on working.
    TakeLabels(Box<OpenedLabels>),
    /// Work on another grid that was made while the user went on working.
    WorkOn(Box<Regridded>),
    /// Put the work of an earlier session back.
    Recover(Box<FoundWork>),
    /// Put work back that was read while the user went on working.
    Restore(Box<Restoring>),
    /// Open a case of the worklist.
    OpenCase(String),
    /// Read the cases of the worklist under another name.
    ReadAs(String),
    /// Show no worklist any more.
    CloseProject,
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
            Self::Open { .. } | Self::OpenSample | Self::Show(_) => tr!("opening another scan"),
            Self::OpenLabels(_) | Self::TakeLabels(_) | Self::WorkOn(_) => {
                tr!("opening other labels")
            }
            Self::Recover(_) | Self::Restore(_) => tr!("going on with other work"),
            Self::OpenCase(_) | Self::ShowCase(_) => tr!("opening another case"),
            Self::ReadAs(_) => tr!("reading under another name"),
            Self::CloseProject => tr!("closing the worklist"),
            Self::Quit => tr!("closing the window"),
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
    /// A second image over the scan.
    Second,
    /// Another image for the model.
    Channel,
    /// The scan that recovered work belongs to.
    Recover(Box<FoundWork>),
    /// The recovered work itself.
    ReadWork,
    /// Nothing but to hear whether it went well.
    Other,
}

impl Purpose {
    fn is_recovery(&self) -> bool {
        matches!(self, Self::Recover(_) | Self::ReadWork)
    }
}

/// The state between the steps of opening and saving.
#[derive(Default)]
pub struct FileFlow {
    /// Waits for the answer about unsaved work, or for the save.
    goal: Option<Goal>,
    /// The revision whose loss the user has agreed to.
    given_up: Option<u64>,
    purposes: HashMap<WorkId, Purpose>,
    pub(super) saving: Option<WorkId>,
    /// Label maps to open on the scan that is being opened.
    pub labels_to_open: Vec<PathBuf>,
    /// Labels on a grid of their own, while the user is asked what to do with them.
    pub(super) on_own_grid: Option<Box<OpenedLabels>>,
    /// Labels that were found beside the scan and opened: the first save over them is asked about.
    pub(super) spared: Option<PathBuf>,
    /// Whether the series that is being chosen is for the second image.
    pub(super) chooses_second: bool,
    /// What the typed path is for.
    pub(super) typed_for: Option<PathPurpose>,
    /// The path that was typed last, until it did what it was for.
    pub(super) typed: Option<(PathPurpose, PathBuf)>,
}

impl FileFlow {
    /// Whether labels are being written.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Whether something waits for a save, or for the scan of recovered work.
    pub fn is_waiting(&self) -> bool {
        let recovers = |p: &Purpose| p.is_recovery();
        self.goal.is_some() || self.is_saving() || self.purposes.values().any(recovers)
    }

    /// Whether the user has agreed to lose what is unsaved.
    pub fn has_given_up(&self, session: &Session) -> bool {
        let revision = session.case().map(|c| c.revision());
        revision.is_some() && self.given_up == revision
    }

    /// Nothing that is unsaved is given up: what was to replace it is not opened.
    pub fn keep_all(&mut self) {
        self.given_up = None;
    }

    /// The user has changed their mind. Whether recovered work was to be put back, which stays in its file.
    pub fn forget_goal(&mut self) -> bool {
        let goal = self.goal.take();
        matches!(goal, Some(Goal::Recover(_) | Goal::Restore(_)))
    }
}

impl Window {
    /// Does it, after asking about unsaved work.
    pub(super) fn reach(&mut self, goal: Goal) {
        if self.session.is_dirty() && !self.flow.has_given_up(&self.session) {
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
                self.run(tr!("Making the phantom"), Purpose::Open, true, |_| {
                    files::open_sample()
                });
            }
            Goal::Show(scan) => self.show_scan(*scan),
            Goal::ShowCase(read) => self.take_case(*read),
            Goal::OpenLabels(labels) => {
                let Some(case) = self.session.case() else {
                    return;
                };
                let (grid, source) = (*case.scan_image().grid(), case.info().provenance.clone());
                self.run(tr!("Opening labels"), Purpose::Other, true, move |ctx| {
                    files::open_labels(&labels, grid, source.as_deref(), ctx)
                });
            }
            Goal::TakeLabels(labels) => {
                self.apply(ScanCommand::OpenLabels(labels));
                // They may be refused: the labels that are still there then are not given up.
                self.flow.keep_all();
            }
            Goal::WorkOn(regridded) => {
                self.apply(ScanCommand::WorkOn(regridded));
                self.flow.keep_all();
            }
            Goal::Recover(found) => self.open_for(found),
            Goal::Restore(restoring) => self.restore(*restoring),
            Goal::OpenCase(id) => self.open_case(id),
            Goal::ReadAs(name) => self.read_as_reader(name),
            Goal::CloseProject => self.close_project(),
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
        let id = if cancellable {
            self.files.submit(work)
        } else {
            self.files.submit_to_the_end(work)
        };
        self.flow.purposes.insert(id, purpose);
        self.jobs.add(Owner::File(id), title, cancellable);
        id
    }

    pub(super) fn open(&mut self, path: PathBuf, options: OpenOptions, purpose: Purpose) {
        self.run(tr!("Opening"), purpose, true, move |ctx| {
            files::open_scan(path, options, ctx)
        });
    }

    /// Asks which series of the file or folder that is open to show instead.
    pub(super) fn choose_series(&mut self) {
        if let Some(case) = self.session.case()
            && let ScanSource::File { path, .. } = case.source()
            && case.info().series.len() > 1
        {
            self.state.question = Some(Question::Series {
                path: path.clone(),
                info: Box::new(case.info().clone()),
            });
        }
    }

    /// Reads another frame of the scan that is open.
    pub(super) fn read_frame(&mut self, frame: usize) {
        if let Some((path, options)) = self.open_file() {
            let frame = Some(frame);
            let options = OpenOptions { frame, ..options };
            self.open(path, options, Purpose::Replace);
        }
    }

    /// Opens all frames of a slice of the scan that is open as 2D+time, or its first frame as a volume again.
    pub(super) fn show_frames_of(&mut self, slice: Option<usize>) {
        if let Some((path, options)) = self.open_file() {
            let options = OpenOptions {
                frame: slice.is_none().then_some(0),
                frames_of_slice: slice,
                ..options
            };
            self.reach(Goal::Open { path, options });
        }
    }

    /// The file that is open, with what was chosen of it but for frames.
    fn open_file(&self) -> Option<(PathBuf, OpenOptions)> {
        match self.session.case()?.source().clone() {
            ScanSource::Sample => None,
            ScanSource::File {
                path,
                series,
                modality,
                ..
            } => {
                let options = OpenOptions {
                    series,
                    modality,
                    ..OpenOptions::default()
                };
                Some((path, options))
            }
        }
    }

    /// Reads the scan that is open as another modality.
    pub(super) fn read_as(&mut self, modality: Modality) {
        let Some(case) = self.session.case() else {
            return;
        };
        let (image, info) = (Arc::clone(case.scan_image()), case.info().clone());
        let source = case.source().clone();
        self.run(
            tr!("Reading as another modality"),
            Purpose::Replace,
            false,
            move |_| files::read_as(&image, info, source, modality),
        );
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
                    let is_saved = matches!(
                        outcome,
                        Some(FileOutcome::Saved { .. } | FileOutcome::CaseSaved(_))
                    );
                    self.take_over(purpose, outcome);
                    if was_save {
                        self.saved_or_not(is_saved);
                    }
                }
            }
        }
    }

    /// After a save: goes on to what waited for it, if nothing is unsaved. A typed path that did not do is there to be
    /// corrected.
    fn saved_or_not(&mut self, is_saved: bool) {
        if !is_saved && self.correct_typed_path() {
            return;
        }
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
                self.flow.chooses_second = matches!(purpose, Purpose::Second);
                if purpose.is_recovery() {
                    self.say_that_work_is_kept();
                }
                self.state.question = Some(Question::Series { path, info });
            }
            Some(FileOutcome::LabelsOpened {
                labels,
                details,
                warnings,
            }) => {
                self.warn_of(&warnings);
                self.origins.opened(&labels.table, details);
                self.labels_read(labels);
            }
            Some(FileOutcome::Compared(compared)) => self.take_compared(*compared),
            Some(FileOutcome::Regridded(regridded)) => self.take_regridded(regridded),
            Some(FileOutcome::Saved {
                path,
                revision,
                is_whole,
                warnings,
            }) => {
                let (flattened, told): (Vec<Warning>, Vec<Warning>) = warnings
                    .into_iter()
                    .partition(|w| matches!(w, Warning::LayersFlattened { .. }));
                let lost = flattened.into_iter().next().map(|w| w.to_string());
                let lost = lost.or_else(|| (!is_whole).then(|| ON_SCAN_GRID.to_owned()));
                self.labels_saved(path, revision, lost);
                self.warn_of(&told);
            }
            Some(FileOutcome::LabelTableRead(entries)) => {
                let step = "names and colours";
                self.apply(LabelCommand::Take { step, entries });
            }
            Some(FileOutcome::LabelTableWritten(path, told)) => {
                self.warn_of(Vec::from_iter(told).as_slice());
                let text = tr!("Names and colours written: {path}", path = path.display());
                self.state.messages.push_on_scan(Severity::Info, text);
            }
            Some(FileOutcome::Refused(text)) => {
                self.flow.labels_to_open.clear();
                self.state.messages.push(Severity::Error, text);
                self.not_opened(&purpose);
            }
            Some(FileOutcome::WorkRead(restoring)) => self.reach(Goal::Restore(restoring)),
            Some(FileOutcome::NotRemembered(text)) => {
                self.state.messages.push(Severity::Warning, text);
            }
            Some(FileOutcome::Registered { key, registered }) => {
                self.take_registered(key, registered);
            }
            Some(FileOutcome::TransformRead {
                key,
                first_from_second,
            }) => self.take_transform(key, first_from_second),
            Some(FileOutcome::TransformSaved(path)) => {
                let text = tr!("Saved and read back: {path}", path = path.display());
                self.state.messages.push_on_scan(Severity::Info, text);
            }
            Some(FileOutcome::ChannelRead {
                scan,
                place,
                file,
                image,
            }) => self.take_channel(scan, place, file, image),
            Some(FileOutcome::ModelImported(card)) => self.take_model(&card),
            Some(FileOutcome::LicenceToAccept { folder, licence }) => {
                self.ask_licence(folder, licence);
            }
            Some(FileOutcome::LessonCasesRead(cases, empty)) => {
                self.take_finished_cases(cases, empty);
            }
            Some(FileOutcome::LessonReportSaved(path)) => self.lesson_report_saved(path),
            Some(FileOutcome::ProjectRead(read)) => self.take_project(*read),
            Some(FileOutcome::CasesListed(entries)) => self.take_list(entries),
            // The user may have gone on working on what was open.
            Some(FileOutcome::CaseRead(read)) => self.reach(Goal::ShowCase(read)),
            Some(FileOutcome::CaseSaved(saved)) => self.case_saved(*saved),
            Some(FileOutcome::Cancelled) => self.not_opened(&purpose),
            Some(FileOutcome::Done) => {}
            None => {
                let text = tr!("A defect in Prosector stopped this; what was open is unchanged");
                self.state.messages.push(Severity::Error, text);
                self.not_opened(&purpose);
            }
        }
    }

    pub(super) fn warn_of(&mut self, warnings: &[Warning]) {
        let told: Vec<String> = warnings.iter().filter_map(words::of_warning).collect();
        self.warn(&told);
    }

    /// What was to replace the unsaved work is not there: nothing is given up any more.
    fn not_opened(&mut self, purpose: &Purpose) {
        self.flow.keep_all();
        if purpose.is_recovery() {
            self.say_that_work_is_kept();
        }
    }

    fn scan_opened(&mut self, purpose: Purpose, scan: Box<OpenedScan>) {
        match purpose {
            Purpose::Replace => {
                let known = self.session.case().map(|case| words::of_scan(case.info()));
                let mut told = words::of_scan(&scan.info);
                told.retain(|text| !known.iter().flatten().any(|k| k == text));
                self.apply(ScanCommand::ReplaceImage(scan));
                self.warn(&told);
            }
            Purpose::Second => self.take_second(scan),
            Purpose::Recover(found) => self.read_work(scan, found),
            Purpose::Open | Purpose::Channel | Purpose::ReadWork | Purpose::Other => {
                self.reach(Goal::Show(scan));
            }
        }
    }

    fn show_scan(&mut self, scan: OpenedScan) {
        self.take_scan(scan);
        let given = std::mem::take(&mut self.flow.labels_to_open);
        if !given.is_empty() {
            self.state.offers.close();
        }
        for path in given {
            self.reach(Goal::OpenLabels(path.into()));
        }
    }

    /// Makes a scan the one that is open.
    pub(super) fn take_scan(&mut self, scan: OpenedScan) {
        if let ScanSource::File { path, .. } = &scan.source {
            self.settings.push_recent(path);
            self.save_settings();
        }
        self.worklist.leave_case();
        self.origins = Origins::default();
        self.state.offers = Offers::default();
        let warnings = words::of_scan(&scan.info);
        self.apply(ScanCommand::Open(Box::new(scan)));
        self.warn(&warnings);
        self.flow.keep_all();
    }

    fn labels_saved(&mut self, path: PathBuf, revision: u64, lost: Option<String>) {
        let text = tr!("Saved and read back: {path}", path = path.display());
        self.state.messages.push_on_scan(Severity::Info, text);
        self.flow.typed = None;
        self.settings.last_folder = path.parent().map(Path::to_path_buf);
        match lost {
            None => self.apply(ScanCommand::MarkSaved { revision, path }),
            // What the file does not have is not to be lost, so the work counts as unsaved.
            Some(lost) => {
                let text = tr!("{lost}. What is worked on is not saved yet", lost);
                self.warn(&[text]);
            }
        }
        let doubts = self.session.case().map(|case| export_doubts(case.grid()));
        self.warn(&doubts.unwrap_or_default());
    }
}

/// What a file on the scan's grid does not have, while another is worked on.
const ON_SCAN_GRID: &str =
    "The file has the labels on the scan's grid, resampled from the one that is worked on";

/// What to know of labels that were saved on this grid.
fn export_doubts(grid: &Grid) -> Vec<String> {
    let sides =
        tr!("Nothing says left from right in this scan: in the saved labels they are assumed too");
    let sheared = tr!(
        "The scan's axes are not at right angles: ITK (3D Slicer) will refuse the saved labels; \
        `prosector convert --right-angles` gives a scan that it takes"
    );
    [(grid.sides_assumed, sides), (grid.is_sheared(), sheared)]
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, text)| text.to_owned())
        .collect()
}
