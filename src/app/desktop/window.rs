//! The application as eframe sees it: drain what happened, draw, act on what was asked.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egui::{Context, ViewportCommand};

use crate::app::journal::{FoundWork, LeftOver, Writer};
use crate::engine::Engine;
use crate::geometry::Grid;
use crate::models::{ModelCard, installed_models};
use crate::session::journal::Archive;
use crate::session::settings::Settings;
use crate::session::{Rehearsed, Session};
use crate::ui::model::{EngineStatus, UiModel};
use crate::ui::texts::tr;
use crate::ui::view::Canvas;
use crate::ui::{self, Severity, UiState};
use crate::volume::morphology::Crop;

use super::archive_flow::Archives;
use super::channel_flow::Channels;
use super::farewell::EndRequest;
use super::file_flow::{FileFlow, Goal};
use super::files::FileOutcome;
use super::jobs::Jobs;
use super::measuring::Measuring;
use super::memory::WindowMemory;
use super::model_choice::{start_engine, status_at_first};
use super::origins::Origins;
use super::path_flow::is_project;
use super::preview::Preview;
use super::recovery_flow::start_journal;
use super::rehearsing::Rehearsing;
use super::teach_flow::Teaching;
use super::waker::Waker;
use super::worker::Worker;
use super::worklist::Worklist;
use super::{FileDialogs, ModelOpener, NativeDialogs, WindowOptions};

/// How long closing waits for a file that is being written.
const WRITING_PATIENCE: Duration = Duration::from_secs(30);

/// The window and everything behind it.
pub struct Window {
    pub(super) session: Session,
    pub(super) state: UiState,
    pub(super) canvas: Option<Canvas>,
    pub(super) engine: Engine,
    pub(super) open_model: ModelOpener,
    /// The models that can be chosen.
    pub(super) models: Vec<ModelCard>,
    /// For whoever must wake the window from another thread.
    pub(super) waker: Waker,
    pub(super) engine_status: EngineStatus,
    /// What a model of several images is shown beside the scan.
    pub(super) channels: Channels,
    pub(super) files: Worker<FileOutcome>,
    pub(super) archives: Archives,
    pub(super) flow: FileFlow,
    pub(super) teaching: Teaching,
    pub(super) dialogs: Box<dyn FileDialogs>,
    pub(super) jobs: Jobs,
    /// What a click would give where the pointer rests.
    pub(super) preview: Preview,
    /// What the operation of the open form would give.
    pub(super) rehearsing: Rehearsing,
    pub(super) measuring: Measuring,
    pub(super) worklist: Worklist,
    pub(super) origins: Origins,
    pub(super) settings: Settings,
    pub(super) settings_file: Option<PathBuf>,
    pub(super) memory: WindowMemory,
    /// Brings every step to the disk; `None` where nothing is kept.
    pub(super) journal: Option<Arc<Writer>>,
    /// What earlier windows left behind, still to be asked about.
    pub(super) left_over: VecDeque<LeftOver>,
    /// What the user is being asked about.
    pub(super) found_work: Option<Box<FoundWork>>,
    end: EndRequest,
    /// The grid that the panes show; what of it they show stays as long as it does.
    pub(super) shown_grid: Option<Grid>,
    /// The user has decided: close now.
    pub(super) closing: bool,
    title: String,
    pace: ui::pace::Pace,
}

impl Window {
    /// The application, drawing on the device that eframe made.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(cc: &eframe::CreationContext<'_>, options: WindowOptions) -> std::io::Result<Self> {
        let memory = WindowMemory::read(options.data_folder.as_deref());
        let waker = Waker::new(&cc.egui_ctx);
        let waking = || {
            let waker = waker.clone();
            move || waker.wake()
        };
        let dialogs = match options.dialogs {
            Some(dialogs) => dialogs,
            None => Box::new(NativeDialogs::new(waking())?),
        };
        let settings_file = options
            .data_folder
            .as_ref()
            .map(|f| f.join("settings.toml"));
        let (settings, unusable) = match &settings_file {
            Some(file) => Settings::load(file),
            None => (Settings::default(), None),
        };
        let mut window = Self {
            session: Session::new(&settings),
            state: memory.state(),
            canvas: None,
            engine: start_engine(&options.open_model, &settings, &waker),
            open_model: options.open_model,
            models: installed_models(),
            engine_status: status_at_first(&settings),
            channels: Channels::default(),
            files: Worker::start("files", waking())?,
            archives: Archives::new(
                options.connections_file,
                options.data_folder.as_deref(),
                waking(),
            )?,
            flow: FileFlow::default(),
            teaching: Teaching::new(options.data_folder.as_deref(), options.teach),
            dialogs,
            jobs: Jobs::default(),
            preview: Preview::default(),
            rehearsing: Rehearsing::new(waking())?,
            measuring: Measuring::new(waking())?,
            worklist: Worklist::new(waking())?,
            origins: Origins::default(),
            settings,
            settings_file,
            memory,
            journal: None,
            left_over: VecDeque::new(),
            found_work: None,
            end: EndRequest::default(),
            shown_grid: None,
            closing: false,
            title: String::new(),
            pace: ui::pace::Pace::default(),
            waker,
        };
        window.draw_with(cc);
        if let Some(text) = unusable {
            window.state.messages.push(Severity::Warning, text);
        }
        if let Some(folder) = &options.data_folder {
            window.find_left_over(folder);
            match start_journal(folder, &window.waker) {
                Ok(journal) => window.keep_in(journal),
                Err(text) => window.state.messages.push(Severity::Warning, text),
            }
        }
        window.ask_next_question();
        window.open_at_start(options.paths, options.open_sample);
        Ok(window)
    }

    /// Draws on the device that eframe made, and in its context, from now on; everything else stays as it is.
    pub(super) fn draw_with(&mut self, cc: &eframe::CreationContext<'_>) {
        let ctx = &cc.egui_ctx;
        ui::theme::apply(ctx);
        ui::texts::speak(self.state.spoken());
        ctx.set_zoom_factor(self.state.scale);
        self.canvas = cc.wgpu_render_state.as_ref().map(Canvas::new);
        if self.draws_in_software() {
            ui::pace::calm(ctx);
        }
        self.title.clear();
        self.waker.renew(ctx);
    }

    /// What was drawn on is gone; another window is about to be made in the same place.
    pub(super) fn device_was_lost(&mut self) {
        self.canvas = None;
        self.remember_at_the_end();
        let text = tr!(
            "the graphics device was lost: the picture is drawn anew, and nothing else changed"
        );
        self.state.messages.push(Severity::Warning, text);
    }

    /// Speaks the language of this locale, such as `zh_CN.UTF-8`, unless the user has chosen one.
    pub fn speak_as(&mut self, locale: &str) {
        self.state.system_language = ui::texts::LanguageId::of_locale(locale);
        ui::texts::speak(self.state.spoken());
    }

    /// The state of the application, for tests and scripts.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The messages that are shown, the oldest first.
    pub fn messages(&self) -> Vec<String> {
        let shown = self.state.messages.shown();
        shown.iter().map(|m| m.text.clone()).collect()
    }

    /// Whether anything is still under way.
    pub fn is_busy(&self) -> bool {
        !self.jobs.shown().is_empty()
            || self.measuring.is_running()
            || self.preview.is_awaited()
            || self.rehearsing.is_running()
            || self.worklist.is_reading()
            || matches!(self.engine_status, EngineStatus::Opening)
    }

    /// What a click would give where the pointer rests, as it is shown.
    pub fn preview(&self) -> Option<&Crop> {
        self.preview.shown()
    }

    /// What the operation of the open form would give, as it is shown.
    pub fn operation_preview(&self) -> Option<&Rehearsed> {
        self.rehearsing.shown()
    }

    /// How many slices were drawn so far; those that were shown again do not count.
    pub fn slices_drawn(&self) -> u64 {
        self.canvas.as_ref().map_or(0, Canvas::slices_drawn)
    }

    fn draws_in_software(&self) -> bool {
        self.canvas.as_ref().is_some_and(Canvas::is_software)
    }

    /// Whether the user has decided to close the window.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// From now on every step goes to this journal.
    fn keep_in(&mut self, journal: Arc<Writer>) {
        let session = std::mem::take(&mut self.session);
        self.session = session.with_archive(Arc::clone(&journal) as Arc<dyn Archive>);
        self.journal = Some(journal);
    }

    /// What must be on the disk when the window ends without being closed, and how to make it close.
    pub(super) fn farewell(&self) -> (Option<Arc<Writer>>, EndRequest, Waker) {
        (self.journal.clone(), self.end.clone(), self.waker.clone())
    }

    fn open_at_start(&mut self, paths: Vec<PathBuf>, sample: bool) {
        let (projects, scans): (Vec<_>, Vec<_>) = paths.into_iter().partition(|p| is_project(p));
        if let Some(project) = projects.into_iter().next() {
            self.open_project(project);
        }
        let mut paths = scans.into_iter();
        if let Some(scan) = paths.next() {
            self.flow.labels_to_open = paths.collect();
            self.reach(Goal::open(scan));
        } else if sample {
            self.reach(Goal::OpenSample);
        }
    }

    fn show_title(&mut self, ctx: &Context) {
        let title = match self.session.case() {
            Some(case) => {
                let star = if case.is_dirty() { "*" } else { "" };
                format!("{star}{} - Prosector", case.title())
            }
            None => "Prosector".to_owned(),
        };
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    /// Closing with unsaved work asks first.
    fn heed_close_button(&mut self, ctx: &Context) {
        if !ctx.input(|i| i.viewport().close_requested()) || self.closing {
            return;
        }
        if self.session.is_dirty() || self.flow.is_saving() {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.reach(Goal::Quit);
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        self.memory.follow(ctx, frame.winit_window());
        self.drain_engine();
        self.watch_lesson();
        self.drain_files();
        self.drain_ahead();
        self.drain_thumbnails();
        self.drain_ranking();
        self.drain_archives();
        self.drain_dialogs();
        self.drain_journal();
        self.ask_next_question();
        self.closing |= self.end.is_made();
        self.heed_close_button(ctx);
        if self.closing {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        if self.closing {
            // Drawing would hold the end up.
            return;
        }
        if ui.input(|i| !i.events.is_empty()) {
            self.worklist.active();
        }
        let model = UiModel {
            session: &self.session,
            engine: &self.engine_status,
            models: &self.models,
            jobs: self.jobs.shown(),
            preview: self.preview.shown(),
            rehearsed: self.rehearsing.shown(),
            is_rehearsing: self.rehearsing.is_running(),
            statistics: self.measuring.statistics(),
            worklist: self.worklist.shown(),
            archive: self.archives.view(),
            teaching: self.teaching.view(),
            recent: &self.settings.recent_files,
            older_copies: self.settings.older_copies,
            drawing_on: self.canvas.as_ref().map(Canvas::adapter),
        };
        let requests = ui::show(ui, &model, self.canvas.as_ref(), &mut self.state);
        let asked = !requests.is_empty();
        for request in requests {
            self.act(request);
        }
        self.open_dropped(ui.ctx());
        self.look_for_models(ui.ctx());
        self.measure(ui.ctx());
        self.preview_click(ui.ctx());
        self.rehearse(ui.ctx());
        self.make_thumbnail();
        self.rank_cases();
        let uploading = self.canvas.as_ref().is_some_and(Canvas::is_uploading);
        if asked || uploading {
            ui.ctx().request_repaint();
        }
        self.show_title(ui.ctx());
    }

    fn raw_input_hook(&mut self, _ctx: &Context, input: &mut egui::RawInput) {
        if self.draws_in_software() {
            self.pace.wait(self.is_busy());
            ui::pace::without_smooth_wheel(input);
        }
    }

    /// Every half minute. eframe reads its file at the start, and would not write it whole or not at all: we do.
    fn save(&mut self, _storage: &mut dyn eframe::Storage) {
        if !self.closing {
            self.remember_in_background();
        }
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }

    fn on_exit(&mut self) {
        self.engine.stop();
        self.files.finish(WRITING_PATIENCE);
        self.settle_journal();
        self.remember_at_the_end();
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        ui::theme::VIEW_BACKGROUND.to_normalized_gamma_f32()
    }
}
