//! Effects of the session become requests to the engine; events of the engine become commands.

use std::sync::Arc;

use crate::engine::{Event, JobId, Request};
use crate::models::{AutoResult, PromptedResult};
use crate::session::{AiCommand, Command, Effect, Proposed, ScanCommand, Ticket};
use crate::ui::Severity;
use crate::ui::model::EngineStatus;
use crate::ui::texts::tr;
use crate::ui::view::Turned;
use crate::util::sentence;

use super::jobs::Owner;
use super::origins::Before;
use super::window::Window;

impl Window {
    /// Applies a command and does what follows from it.
    pub(super) fn apply(&mut self, command: impl Into<Command>) {
        let command = command.into();
        tracing::debug!(?command, "apply");
        if !matches!(command, Command::View(_)) {
            // What a click would give may be another mask now.
            self.forget_preview();
            self.forget_rehearsal(ends_preview(&command));
        }
        let before = Before::of(self.session.case());
        let effects = self.session.apply(command);
        if let (Some(before), Some(case), Some(card)) =
            (before, self.session.case(), self.engine_status.card())
        {
            self.origins.accepted(&before, case, &card.id);
        }
        for effect in effects {
            self.follow(effect);
        }
    }

    fn follow(&mut self, effect: Effect) {
        match effect {
            Effect::ScanChanged => self.scan_changed(),
            Effect::RunPrompt { ticket, asked } => {
                self.worklist.asked_prompted();
                self.submit(ticket, tr!("Outline the target"), |scan, image| {
                    Request::Prompt { scan, image, asked }
                });
            }
            Effect::RunAuto { ticket, structures } => {
                self.worklist.asked_automatic();
                let Some(case) = self.session.case() else {
                    return;
                };
                let key = case.key();
                let mut others = self.images_for_model(key, case.image());
                if let Some(result) = self.take_found(key, structures.as_deref()) {
                    return self.apply(AiCommand::AutoResult { ticket, result });
                }
                let first = others.remove(0);
                self.submit(ticket, tr!("Segment organs"), |scan, _| Request::Auto {
                    scan,
                    image: first,
                    others,
                    structures,
                });
            }
            Effect::CancelJob(ticket) => {
                if let Some(Owner::Engine(id, _)) = self.jobs.find(|o| o.is_for(ticket)) {
                    self.engine.cancel(id);
                }
            }
            Effect::LabelsChanged(changed) => {
                self.measuring.changed(changed);
                if let Some(canvas) = &self.canvas {
                    canvas.labels_changed(changed);
                }
            }
            Effect::SecondChanged => {
                if let Some(canvas) = &self.canvas {
                    canvas.second_changed();
                }
            }
            Effect::ProposalChanged => self.proposal_changed(),
            Effect::TableChanged => {
                // The values that proposed structures are drawn with depend on the table.
                let proposal = self.session.case().and_then(|c| c.proposal());
                if proposal.is_some_and(|p| matches!(p.content, Proposed::Structures { .. })) {
                    self.proposal_changed();
                }
            }
            Effect::Notice { severity, text } => {
                self.state.messages.push_on_scan(severity, sentence(&text));
            }
            Effect::PromptsChanged | Effect::ViewChanged => {}
        }
    }

    pub(super) fn proposal_changed(&self) {
        if let Some(canvas) = &self.canvas {
            canvas.proposal_changed();
        }
    }

    fn scan_changed(&mut self) {
        self.measuring.forget();
        if let Some(canvas) = &self.canvas {
            canvas.image_changed();
        }
        self.state.messages.scan_changed();
        let grid = self.session.case().map(|c| *c.grid());
        if grid != self.shown_grid {
            self.state.workspace.fit();
            self.state.turned = Turned::default();
            self.state.renaming = None;
            self.shown_grid = grid;
        }
        self.state.drag = None;
        self.state.outline = None;
        self.engine.submit(Request::DropCaches);
    }

    fn submit(
        &mut self,
        ticket: Ticket,
        title: &str,
        request: impl FnOnce(crate::models::ScanKey, Arc<crate::volume::ImageVolume>) -> Request,
    ) {
        let Some(case) = self.session.case() else {
            return;
        };
        let request = request(case.key(), Arc::clone(case.image()));
        let id = self.engine.submit(request);
        self.jobs.add(Owner::Engine(id, ticket), title, true);
    }

    /// Takes over what the engine has done since the last frame.
    pub(super) fn drain_engine(&mut self) {
        while let Ok(event) = self.engine.events().try_recv() {
            self.heed(event);
        }
    }

    fn heed(&mut self, event: Event) {
        match event {
            Event::ModelReady { card, device } => {
                tracing::info!(model = %card.id, device = %device.name, "model ready");
                self.state.has_gpu = device.is_gpu();
                self.engine_status = EngineStatus::Ready { card, device };
            }
            Event::ModelFailed { message } => {
                let text = tr!("No model: {message}", message);
                self.state.messages.push(Severity::Warning, text);
                self.engine_status = EngineStatus::Failed { message };
            }
            Event::Started { .. } => {}
            Event::Progress {
                id,
                fraction,
                stage,
            } => {
                self.lesson_goes_on(id, fraction);
                self.jobs.progress(|o| o.is_engine(id), fraction, stage);
            }
            Event::FinishedAuto {
                id,
                result,
                seconds,
            } => self.auto_finished(id, result, seconds),
            Event::FinishedPrompt {
                id,
                result,
                seconds,
            } => self.prompt_finished(id, result, seconds),
            Event::FinishedPreview { id, region } => self.preview.finished(id, region),
            Event::Failed { id, message } => {
                self.preview.finished(id, None);
                self.job_ended(id, Some(message));
            }
            Event::Cancelled { id } | Event::FinishedTask { id, .. } => {
                self.preview.cancelled(id);
                self.job_ended(id, None);
            }
        }
    }

    fn ticket_of(&mut self, id: JobId) -> Option<Ticket> {
        match self.jobs.remove(|o| o.is_engine(id))? {
            Owner::Engine(_, ticket) => Some(ticket),
            Owner::File(_) | Owner::Network(_) | Owner::Lesson(_) => None,
        }
    }

    fn auto_finished(&mut self, id: JobId, result: AutoResult, seconds: f64) {
        tracing::info!(seconds, "automatic segmentation finished");
        let Some(ticket) = self.ticket_of(id) else {
            return;
        };
        self.apply(AiCommand::AutoResult { ticket, result });
    }

    fn prompt_finished(&mut self, id: JobId, result: PromptedResult, seconds: f64) {
        tracing::info!(seconds, "prompted segmentation finished");
        let Some(ticket) = self.ticket_of(id) else {
            return;
        };
        self.apply(AiCommand::PromptResult { ticket, result });
    }

    fn job_ended(&mut self, id: JobId, failure: Option<String>) {
        self.looked_ahead(id);
        self.judged(id);
        if self.jobs.find(|o| o == Owner::Lesson(id)).is_some() {
            self.jobs.remove(|o| o.is_engine(id));
            return self.lesson_ended(failure);
        }
        if let Some(ticket) = self.ticket_of(id) {
            self.apply(AiCommand::JobEnded { ticket, failure });
        }
    }

    pub(super) fn warn(&mut self, warnings: &[String]) {
        for text in warnings {
            let (severity, text) = (Severity::Warning, sentence(text));
            self.state.messages.push_on_scan(severity, text);
        }
    }
}

/// Whether what an operation would give is not shown any more after a command, until something else is asked.
fn ends_preview(command: &Command) -> bool {
    match command {
        Command::Edit(_) | Command::History(_) => true,
        Command::Scan(c) => !matches!(c, ScanCommand::MarkSaved { .. }),
        _ => false,
    }
}
