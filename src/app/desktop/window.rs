//! The application as eframe sees it: drain what happened, draw, act on what was asked.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use eframe::egui_wgpu::RenderState;
use egui::{Context, ViewportCommand};

use crate::engine::Engine;
use crate::geometry::Grid;
use crate::models::{ModelCard, installed_models};
use crate::session::Session;
use crate::session::settings::Settings;
use crate::ui::model::{EngineStatus, Question, UiModel};
use crate::ui::view::Canvas;
use crate::ui::{self, Preferences, Severity, UiState};

use super::file_flow::{FileFlow, Goal};
use super::files::FileOutcome;
use super::jobs::Jobs;
use super::model_choice::start_engine;
use super::recovery::{FoundWork, RecoverySlot};
use super::worker::Worker;
use super::{FileDialogs, ModelOpener, NativeDialogs, WindowOptions};

/// The least time until unsaved work is looked at again.
const RECOVERY_CHECK: Duration = Duration::from_secs(1);
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
    pub(super) context: Context,
    pub(super) engine_status: EngineStatus,
    pub(super) files: Worker<FileOutcome>,
    pub(super) flow: FileFlow,
    pub(super) dialogs: Box<dyn FileDialogs>,
    pub(super) jobs: Jobs,
    pub(super) settings: Settings,
    pub(super) settings_file: Option<PathBuf>,
    pub(super) recovery: Option<RecoverySlot>,
    pub(super) found_work: Option<FoundWork>,
    /// The grid that the views show; cameras stay as long as it does.
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
        let ctx = &cc.egui_ctx;
        ui::theme::apply(ctx);
        let preferences = cc
            .storage
            .and_then(|storage| eframe::get_value::<Preferences>(storage, Preferences::KEY))
            .unwrap_or_default();
        let waker = |ctx: &Context| {
            let ctx = ctx.clone();
            move || wake(&ctx)
        };
        let dialogs = match options.dialogs {
            Some(dialogs) => dialogs,
            None => Box::new(NativeDialogs::new(waker(ctx))?),
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
            state: preferences.state(),
            canvas: cc.wgpu_render_state.as_ref().map(canvas),
            engine: start_engine(&options.open_model, settings.model.clone(), ctx),
            open_model: options.open_model,
            models: installed_models(),
            context: ctx.clone(),
            engine_status: EngineStatus::default(),
            files: Worker::start("files", waker(ctx))?,
            flow: FileFlow::default(),
            dialogs,
            jobs: Jobs::default(),
            settings,
            settings_file,
            recovery: None,
            found_work: None,
            shown_grid: None,
            closing: false,
            title: String::new(),
            pace: ui::pace::Pace::default(),
        };
        if window.draws_in_software() {
            ui::pace::calm(ctx);
        }
        if let Some(text) = unusable {
            window.state.messages.push(Severity::Warning, text);
        }
        window.take_recovery_slot(options.data_folder);
        window.ask_at_start();
        window.open_at_start(options.paths, options.open_sample);
        Ok(window)
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
        !self.jobs.shown().is_empty() || matches!(self.engine_status, EngineStatus::Opening)
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

    fn take_recovery_slot(&mut self, folder: Option<PathBuf>) {
        let Some(folder) = folder else {
            return;
        };
        match RecoverySlot::take(&folder) {
            Ok(slot) => {
                match slot.found() {
                    Ok(found) => self.found_work = found,
                    Err(text) => self.state.messages.push(Severity::Warning, text),
                }
                self.recovery = Some(slot);
            }
            Err(error) => {
                let text = format!("unsaved work cannot be kept against a crash: {error}");
                self.state.messages.push(Severity::Warning, text);
            }
        }
    }

    /// The questions of the start, one after the other.
    pub(super) fn ask_at_start(&mut self) {
        self.state.question = if !self.settings.notice_accepted {
            Some(Question::Notice)
        } else {
            self.found_work.as_ref().map(|work| Question::Recovery {
                description: work.description(),
            })
        };
    }

    fn open_at_start(&mut self, paths: Vec<PathBuf>, sample: bool) {
        let mut paths = paths.into_iter();
        if let Some(scan) = paths.next() {
            self.flow.labels_to_open = paths.collect();
            self.reach(Goal::open(scan));
        } else if sample {
            self.reach(Goal::OpenSample);
        }
    }

    /// Takes a recovery snapshot when one is due.
    fn keep_recovery(&mut self, ctx: &Context) {
        let Some(case) = self.session.case() else {
            return;
        };
        let now = Instant::now();
        if case.recovery_due(now) && self.recovery.is_some() {
            let (snapshot, revision) = (case.recovery_snapshot(), case.revision());
            self.write_recovery(snapshot, revision, now);
        }
        self.wake_for_recovery(ctx);
    }

    /// Wakes the window when a recovery snapshot is due, and not before.
    fn wake_for_recovery(&self, ctx: &Context) {
        let case = self.session.case().filter(|_| self.recovery.is_some());
        if let Some(left) = case.and_then(|c| c.recovery_due_in(Instant::now())) {
            ctx.request_repaint_after(left.max(RECOVERY_CHECK));
        }
    }

    fn show_title(&mut self, ctx: &Context) {
        let title = match self.session.case() {
            Some(case) => {
                let star = if case.is_dirty() { "*" } else { "" };
                format!("{star}{} - Prosector", case.source().title())
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

/// Lets the window take over what another thread has done. One frame is enough for that; a repaint without delay means
/// three.
pub(super) fn wake(ctx: &Context) {
    ctx.request_repaint_after(Duration::from_millis(1));
}

fn canvas(state: &RenderState) -> Canvas {
    Canvas::new(state)
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.drain_engine();
        self.drain_files();
        self.drain_dialogs();
        self.keep_recovery(ctx);
        self.heed_close_button(ctx);
        if self.closing {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let model = UiModel {
            session: &self.session,
            engine: &self.engine_status,
            models: &self.models,
            jobs: self.jobs.shown(),
            recent: &self.settings.recent_files,
            drawing_on: self.canvas.as_ref().map(Canvas::adapter),
        };
        let requests = ui::show(ui, &model, self.canvas.as_ref(), &mut self.state);
        let asked = !requests.is_empty();
        for request in requests {
            self.act(request);
        }
        self.open_dropped(ui.ctx());
        self.look_for_models(ui.ctx());
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

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        eframe::set_value(storage, Preferences::KEY, &Preferences::of(&self.state));
        self.settings.remember(&self.session);
        self.save_settings();
    }

    fn on_exit(&mut self) {
        self.files.finish(WRITING_PATIENCE);
        if let Some(slot) = &self.recovery
            && slot.file().exists()
            && let Err(error) = std::fs::remove_file(slot.file())
        {
            tracing::warn!(%error, "the recovery file could not be removed");
        }
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        ui::theme::VIEW_BACKGROUND.to_normalized_gamma_f32()
    }
}
