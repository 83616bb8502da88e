//! What the operation of the open form would give: computed beside the window's work, shown in the views, and never told
//! to the session.

use egui::Context;

use crate::session::{Case, EditCommand, Rehearsed};

use super::window::Window;
use super::worker::{WorkEvent, WorkId, Worker};

/// What is shown or awaited.
pub struct Rehearsing {
    worker: Worker<Option<Rehearsed>>,
    awaited: Option<(WorkId, EditCommand)>,
    found: Option<(EditCommand, Rehearsed)>,
    /// Not to be tried until something else is asked: it was applied or undone, or could not be tried.
    settled: Option<EditCommand>,
}

impl Rehearsing {
    /// Nothing is asked yet; `waker` is called when something was found.
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        Ok(Self {
            worker: Worker::start("previews", waker)?,
            awaited: None,
            found: None,
            settled: None,
        })
    }

    /// What the operation would give.
    pub fn shown(&self) -> Option<&Rehearsed> {
        self.found.as_ref().map(|(_, rehearsed)| rehearsed)
    }

    /// Whether it is being found out.
    pub fn is_running(&self) -> bool {
        self.awaited.is_some()
    }

    /// Whether this is shown, awaited or settled.
    fn knows(&self, command: &EditCommand) -> bool {
        let awaited = self.awaited.as_ref().map(|(_, of)| of);
        let found = self.found.as_ref().map(|(of, _)| of);
        awaited.or(found) == Some(command) || self.settled.as_ref() == Some(command)
    }

    /// Takes over what was found; whether there was anything.
    fn take_over(&mut self) -> bool {
        let mut is_new = false;
        for event in self.worker.drain() {
            let WorkEvent::Finished { id, outcome } = event else {
                continue;
            };
            let Some((_, command)) = self.awaited.take_if(|(awaited, _)| *awaited == id) else {
                continue;
            };
            is_new = true;
            match outcome.flatten() {
                Some(rehearsed) => self.found = Some((command, rehearsed)),
                // After a defect of ours nothing is tried again by itself.
                None => (self.found, self.settled) = (None, Some(command)),
            }
        }
        is_new
    }

    /// What is being found out is not wanted any more.
    fn cancel(&mut self) -> Option<EditCommand> {
        let (id, command) = self.awaited.take()?;
        self.worker.cancel(id);
        Some(command)
    }
}

impl Window {
    /// What was found means nothing any more; where it `is_done` with, it is not tried again until something else is asked.
    pub(super) fn forget_rehearsal(&mut self, is_done: bool) {
        let awaited = self.rehearsing.cancel();
        let found = self.rehearsing.found.take().map(|(command, _)| command);
        if found.is_some() {
            self.proposal_changed();
        }
        if let Some(command) = awaited.or(found).filter(|_| is_done) {
            self.rehearsing.settled = Some(command);
        }
    }

    /// Tries what the open form asks for. What was found before stays until there is something else, so that nothing
    /// flickers while a value is dragged.
    pub(super) fn rehearse(&mut self, ctx: &Context) {
        if self.rehearsing.take_over() {
            self.proposal_changed();
            ctx.request_repaint();
        }
        let Some(command) = self.asked_by_form() else {
            self.rehearsing.settled = None;
            if self.rehearsing.shown().is_some() {
                // This frame has it still.
                ctx.request_repaint();
            }
            return self.forget_rehearsal(false);
        };
        let is_busy = |case: &Case| {
            // Strokes would have to copy the labels, and the model's answer is waited for.
            case.is_stroke_active() || case.is_prompt_running()
        };
        if self.rehearsing.knows(&command) || self.session.case().is_none_or(is_busy) {
            return;
        }
        self.rehearsing.cancel();
        self.rehearsing.settled = None;
        if let Some(rehearsal) = self.session.rehearsal(command.clone()) {
            let worker = &mut self.rehearsing.worker;
            let id = worker.submit(move |ctx| ctx.check().is_ok().then(|| rehearsal.run()));
            self.rehearsing.awaited = Some((id, command));
            ctx.request_repaint();
        }
    }

    /// What the open form asks to be shown; nothing while a proposal stands, which applying would accept first.
    fn asked_by_form(&self) -> Option<EditCommand> {
        let case = self.session.case().filter(|c| c.proposal().is_none())?;
        self.state.form.as_ref()?.previewed(case)
    }
}
