//! What a click would give where the pointer rests: asked of the engine behind everything else, shown in the views, and
//! never told to the session.

use std::sync::Arc;
use std::time::Duration;

use egui::Context;

use crate::engine::{JobId, Request};
use crate::prompt::Click;
use crate::ui::tools::Tool;
use crate::volume::morphology::Crop;

use super::window::Window;

/// How long the pointer rests before the model is asked.
const REST: Duration = Duration::from_millis(150);

/// The preview that is shown or awaited.
#[derive(Debug, Default)]
pub struct Preview {
    awaited: Option<(JobId, Click)>,
    found: Option<(Click, Option<Crop>)>,
}

impl Preview {
    /// The voxels that a click would give.
    pub fn shown(&self) -> Option<&Crop> {
        self.found.as_ref()?.1.as_ref()
    }

    /// Whether the engine has not answered yet.
    pub fn is_awaited(&self) -> bool {
        self.awaited.is_some()
    }

    /// The engine has answered: nothing, where it cannot tell.
    pub fn finished(&mut self, id: JobId, region: Option<Crop>) {
        if let Some((_, click)) = self.awaited.take_if(|(awaited, _)| *awaited == id) {
            self.found = Some((click, region));
        }
    }

    /// The engine was told to stop.
    pub fn cancelled(&mut self, id: JobId) {
        self.awaited.take_if(|(awaited, _)| *awaited == id);
    }

    /// Whether it is of this click.
    fn is_of(&self, click: Click) -> bool {
        let awaited = self.awaited.iter().map(|(_, of)| of);
        let found = self.found.iter().map(|(of, _)| of);
        awaited.chain(found).any(|of| *of == click)
    }
}

impl Window {
    /// What was asked means nothing any more.
    pub(super) fn forget_preview(&mut self) {
        self.preview.found = None;
        if let Some((id, _)) = self.preview.awaited.take() {
            self.engine.cancel(id);
        }
    }

    /// Asks what a click would give, once the pointer rests.
    pub(super) fn preview_click(&mut self, ctx: &Context) {
        let was_shown = self.preview.shown().is_some();
        self.follow_pointer(ctx);
        if was_shown && self.preview.shown().is_none() {
            // This frame has it still.
            ctx.request_repaint();
        }
    }

    fn follow_pointer(&mut self, ctx: &Context) {
        let Some(click) = self.click_at_pointer(ctx) else {
            return self.forget_preview();
        };
        if self.preview.is_of(click) {
            return;
        }
        self.forget_preview();
        let rested = ctx.input(|i| Duration::from_secs_f32(i.pointer.time_since_last_movement()));
        if rested < REST {
            return ctx.request_repaint_after(REST - rested);
        }
        let tools = *self.session.tools();
        let Some(case) = self.session.case() else {
            return;
        };
        let Some(asked) = case.asked_by_click(click, &tools) else {
            return;
        };
        let (scan, image) = (case.key(), Arc::clone(case.image()));
        let id = self.engine.submit(Request::Preview { scan, image, asked });
        self.preview.awaited = Some((id, click));
    }

    /// The click that a press would make now, where it is to be previewed.
    fn click_at_pointer(&self, ctx: &Context) -> Option<Click> {
        let (state, case) = (&self.state, self.session.case()?);
        let tool = Tool::of(self.session.tools().tool);
        let is_free = state.drag.is_none() && state.question.is_none() && state.palette.is_none();
        let model_takes = self.engine_status.card().is_some_and(|card| card.clicks);
        let is_wanted = state.previews_clicks() && tool.kind.previews() && model_takes;
        if !is_free || !is_wanted || case.is_prompt_running() {
            return None;
        }
        let shift = ctx.input(|i| i.modifiers.shift);
        let polarity = state.polarity().turned(shift);
        let voxel = state.hovered?;
        Some(Click { voxel, polarity })
    }
}
