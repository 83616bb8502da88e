//! Which model computes.

use std::sync::Arc;

use egui::Context;

use crate::engine::Engine;
use crate::models::{DeviceChoice, installed_models};
use crate::session::AiCommand;
use crate::ui::model::EngineStatus;

use super::ModelOpener;
use super::jobs::Owner;
use super::waker::Waker;
use super::window::Window;

/// An engine on the model of this id that wakes the window.
pub(super) fn start_engine(opener: &ModelOpener, id: Option<String>, waker: &Waker) -> Engine {
    let (opener, waker) = (Arc::clone(opener), waker.clone());
    let (on_cpu, same) = (Arc::clone(&opener), id.clone());
    Engine::start_falling_back(
        move || opener(id.as_deref(), None),
        move || on_cpu(same.as_deref(), Some(DeviceChoice::Cpu)),
        move || waker.wake(),
    )
}

impl Window {
    /// Computes with another model from now on; what the old one was doing is cancelled.
    pub(super) fn choose_model(&mut self, id: String) {
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
            self.lesson_ended(Some("another model was chosen".to_owned()));
        }
        let fresh = start_engine(&self.open_model, Some(id.clone()), &self.waker);
        let old = std::mem::replace(&mut self.engine, fresh);
        // Stopping waits for the job that runs, which no frame may.
        let ending = std::thread::Builder::new().name("engine-end".to_owned());
        if let Err(error) = ending.spawn(move || drop(old)) {
            tracing::warn!(%error, "the old engine was stopped in the window's thread");
        }
        self.engine_status = EngineStatus::Opening;
        self.settings.model = Some(id);
        self.save_settings();
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
