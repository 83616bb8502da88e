//! What the user asks for in the window.

use crate::io::OpenOptions;
use crate::project::State;
use crate::session::{AiCommand, SecondCommand};
use crate::ui::actions::{apply_to_window, command_of_action};
use crate::ui::input::Action;
use crate::ui::model::{Answer, Question, UiRequest};
use crate::ui::teach::TeachForm;

use super::dialogs::PathPurpose;
use super::file_flow::{Goal, Purpose};
use super::jobs::Owner;
use super::window::Window;

impl Window {
    pub(super) fn act(&mut self, request: UiRequest) {
        match request {
            UiRequest::Command(command) => self.apply(*command),
            UiRequest::Action(action) => self.act_on(action),
            UiRequest::OpenOffered(n) => self.open_offered(n),
            UiRequest::OpenRecent(path) => self.reach(Goal::open(path)),
            UiRequest::ChooseFrame(frame) => self.read_frame(frame),
            UiRequest::FramesOfSlice(slice) => self.show_frames_of(slice),
            UiRequest::ChooseModality(modality) => self.read_as(modality),
            UiRequest::ChooseModel(id) => self.choose_model(id),
            UiRequest::ReviewOnly(is_on) => self.review_only(is_on),
            UiRequest::KeepOlderCopies(most) => {
                self.settings.older_copies = most;
                self.save_settings();
            }
            UiRequest::Worklist(request) => self.act_on_worklist(request),
            UiRequest::CancelJob(number) => match self.jobs.owner(number) {
                Some(Owner::File(id)) => self.files.cancel(id),
                Some(Owner::Network(id)) => self.archives.cancel(id),
                Some(Owner::Engine(id, _) | Owner::Lesson(id)) => self.engine.cancel(id),
                None => {}
            },
            UiRequest::Archive(request) => self.ask_archive(*request),
            UiRequest::Teach(request) => self.act_on_teaching(request),
            UiRequest::Answer(answer) => self.heed_answer(answer),
            UiRequest::ToggleMaximised(pane) => self.state.workspace.toggle_maximised(pane),
        }
    }

    fn act_on(&mut self, action: Action) {
        let has_scan = self.session.case().is_some();
        match action {
            Action::OpenFile => self.ask_path(PathPurpose::OpenScan),
            Action::OpenFolder => self.ask_path(PathPurpose::OpenFolder),
            Action::ShowArchives => self.show_archives(),
            Action::ShowTeaching => self.state.teach = Some(TeachForm::default()),
            Action::OpenByPath => self.ask_typed_path(PathPurpose::OpenScan),
            Action::CompareReaders => self.compare_readers(),
            Action::CompareLabels if has_scan => self.ask_path(PathPurpose::CompareLabels),
            Action::OpenLabels if has_scan => self.ask_path(PathPurpose::OpenLabels),
            Action::ReadLabelTable if has_scan => self.ask_path(PathPurpose::ReadLabelTable),
            Action::WriteLabelTable if has_scan => self.ask_path(PathPurpose::WriteLabelTable),
            Action::ChooseSeries => self.choose_series(),
            Action::OpenProject => self.ask_path(PathPurpose::OpenProject),
            Action::ImportModel => self.ask_path(PathPurpose::ImportModel),
            Action::NextCase => self.next_case(),
            Action::CaseDone => self.finish_case(State::Done),
            Action::CaseFlagged => self.finish_case(State::Flagged),
            Action::OpenSample => self.reach(Goal::OpenSample),
            Action::Save => self.save(),
            Action::SaveAs if has_scan => self.ask_path(PathPurpose::SaveLabels),
            Action::SaveOnScanGrid if has_scan => self.ask_path(PathPurpose::SaveOnScanGrid),
            Action::EditOnFinerGrid if has_scan => self.ask_finer_grid(),
            Action::EditOnScanGrid if has_scan => self.work_on_scan_grid(),
            Action::OpenSecond if has_scan => self.ask_path(PathPurpose::OpenSecond),
            Action::OpenTransform if self.has_second() => self.ask_path(PathPurpose::OpenTransform),
            Action::SaveTransform if self.has_second() => self.ask_path(PathPurpose::SaveTransform),
            Action::RegisterSecond => self.register_second(),
            Action::CloseSecond => self.apply(SecondCommand::Close),
            Action::Quit => self.reach(Goal::Quit),
            Action::SegmentOrgans if !self.can_run_auto() => {}
            Action::SegmentOrgans => self.segment_organs(),
            other => {
                if apply_to_window(other, &mut self.state) {
                    return;
                }
                if let Some(command) = command_of_action(other, &self.session, &mut self.state) {
                    self.apply(command);
                }
            }
        }
    }

    /// Opens labels that were found beside the scan.
    fn open_offered(&mut self, n: usize) {
        let offered = self.session.case().and_then(|c| c.info().labels.get(n));
        if let Some(labels) = offered.cloned() {
            self.flow.spared = Some(labels.path.clone());
            self.reach(Goal::OpenLabels(labels));
        }
    }

    fn has_second(&self) -> bool {
        self.session.case().is_some_and(|c| c.second().is_some())
    }

    fn can_run_auto(&self) -> bool {
        let automatic = self.engine_status.card().is_some_and(|card| card.automatic);
        let idle = self.session.case().is_some_and(|c| !c.is_auto_running());
        automatic && idle
    }

    fn heed_answer(&mut self, answer: Answer) {
        let Some(question) = self.state.question.take() else {
            return;
        };
        match (question, answer) {
            (Question::Notice, Answer::NoticeRead) => {
                self.settings.notice_accepted = true;
                self.save_settings();
            }
            (Question::Unsaved { .. }, Answer::SaveFirst) => self.save_then_go_on(),
            (Question::Unsaved { .. }, Answer::Discard) => self.go_on_without_saving(),
            (Question::Unsaved { .. }, _) => self.stay(),
            (Question::Series { path, .. }, Answer::Series(uid)) if self.flow.chooses_second => {
                let options = OpenOptions {
                    series: Some(uid),
                    ..OpenOptions::default()
                };
                self.open(path, options, Purpose::Second);
            }
            (Question::Series { path, .. }, Answer::Series(uid)) => {
                self.reach(Goal::open_series(path, uid));
            }
            (Question::Recovery { .. }, Answer::Recover) => self.recover(),
            (Question::Recovery { .. }, Answer::ForgetRecovery) => self.forget_found_work(),
            // Let go of, the file stays for the next start.
            (Question::Recovery { .. }, _) => self.found_work = None,
            (Question::Overwrite { path }, Answer::Overwrite) => self.overwrite(path),
            (Question::Dropped { path }, Answer::AsScan) => self.reach(Goal::open(path)),
            (Question::Dropped { path }, Answer::AsSecond) => self.open_second(path),
            (Question::Dropped { path }, Answer::AsLabels) => {
                self.reach(Goal::OpenLabels(path.into()));
            }
            (Question::Dropped { .. }, _) => {}
            (Question::OwnGrid { .. }, answer) => self.place_labels(&answer),
            (Question::FinerGrid { .. }, Answer::VoxelMm(mm)) => self.work_on_finer_grid(mm),
            (Question::FinerGrid { .. }, _) => {}
            (Question::TypedPath { .. }, Answer::Path(path)) => self.path_typed(path),
            (Question::Overwrite { .. }, _) => {
                if !self.correct_typed_path() {
                    self.stay();
                }
            }
            (Question::Channels { .. }, Answer::ScanIsChannel(place)) => {
                self.scan_is_channel(place);
            }
            (Question::Channels { .. }, Answer::ChooseChannel(place)) => {
                self.choose_channel(place);
            }
            (Question::Channels { .. }, Answer::ChannelsGiven) => self.segment_with_channels(),
            (Question::Licence { folder, .. }, Answer::LicenceAccepted) => {
                self.import_folder(folder, true);
            }
            (Question::Channels { .. } | Question::Licence { .. }, _) => {}
            (Question::TypedPath { .. }, _) => self.stay(),
            (Question::Series { .. }, _) => self.flow.keep_all(),
            (Question::Notice, _) => {}
        }
    }

    /// The user has changed their mind about what was to come.
    pub(super) fn stay(&mut self) {
        self.keep_channels();
        if self.flow.forget_goal() {
            self.say_that_work_is_kept();
        }
    }

    /// Accepts a proposal before its labels are saved.
    pub(super) fn accept_proposal(&mut self) {
        if self.session.case().is_some_and(|c| c.proposal().is_some()) {
            self.apply(AiCommand::Accept);
        }
    }
}
