//! Which model computes.

use std::sync::Arc;

use egui::Context;

use crate::engine::Engine;
use crate::models::{DeviceChoice, installed_models};
use crate::session::AiCommand;
use crate::session::settings::Settings;
use crate::ui::model::EngineStatus;

use super::ModelOpener;
use super::jobs::Owner;
use super::waker::Waker;
use super::window::Window;

/// What is known of a model before it is open.
pub(super) fn status_at_first(settings: &Settings) -> EngineStatus {
    match settings.review_only {
        true => EngineStatus::Off,
        false => EngineStatus::Opening,
    }
}

/// An engine on the model that the user wants, if one is wanted, that wakes the window.
pub(super) fn start_engine(opener: &ModelOpener, settings: &Settings, waker: &Waker) -> Engine {
    let (opener, waker, id) = (Arc::clone(opener), waker.clone(), settings.model.clone());
    if settings.review_only {
        return Engine::without_model(move || waker.wake());
    }
    let (on_cpu, same) = (Arc::clone(&opener), id.clone());
    Engine::start_falling_back(
        move || opener(id.as_deref(), None),
        move || on_cpu(same.as_deref(), Some(DeviceChoice::Cpu)),
        move || waker.wake(),
    )
}

impl Window {
    /// Computes with another model from now on.
    pub(super) fn choose_model(&mut self, id: String) {
        self.settings.model = Some(id);
        self.settings.review_only = false;
        self.change_engine();
    }

    /// Closes the model, or opens it again.
    pub(super) fn review_only(&mut self, is_on: bool) {
        self.settings.review_only = is_on;
        self.change_engine();
    }

    /// Computes as the settings say from now on; what the old model was doing is cancelled.
    fn change_engine(&mut self) {
        self.save_settings();
        while let Some(Owner::Engine(_, ticket)) =
            self.jobs.remove(|o| matches!(o, Owner::Engine(..)))
        {
            self.apply(AiCommand::JobEnded {
                ticket,
                failure: None,
            });
        }
        self.ask_ahead_anew();
        if self
            .jobs
            .remove(|o| matches!(o, Owner::Lesson(_)))
            .is_some()
        {
            self.lesson_gave_way();
        }
        let fresh = start_engine(&self.open_model, &self.settings, &self.waker);
        let old = std::mem::replace(&mut self.engine, fresh);
        // Stopping waits for the job that runs, which no frame may.
        let ending = std::thread::Builder::new().name("engine-end".to_owned());
        if let Err(error) = ending.spawn(move || drop(old)) {
            tracing::warn!(%error, "the old engine was stopped in the window's thread");
        }
        self.engine_status = status_at_first(&self.settings);
    }

    /// Models are imported at the command line, so the list is read again when the user comes back.
    pub(super) fn look_for_models(&mut self, ctx: &Context) {
        let came_back = |i: &egui::InputState| {
            let events = i.events.iter();
            events
                .into_iter()
                .any(|e| matches!(e, egui::Event::WindowFocused(true)))
        };
        if ctx.input(came_back) {
            self.models = installed_models();
        }
    }
}
