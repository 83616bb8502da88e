//! Paints the active label; with Shift it erases. The eraser is the same the other way round.

use egui::{Key, Painter, Pos2, Slider, SliderClamping, Ui};

use crate::prompt::Polarity;
use crate::session::{BrushShape, Receiver, ToolCommand, ToolId, Tools};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::ui::view::{PlacedView, ViewIntent, annotations};

use super::{Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("brush"),
    title: "Brush",
    hint: "Paint the active label; Shift erases",
    keys: &[key(Key::Num4)],
    kind: &Brush {
        erases: false,
        receives: "The brush paints",
    },
};

/// Sizes on the slider; larger ones by key.
const SLIDER_MM: std::ops::RangeInclusive<f64> = 1.0..=60.0;

pub(super) struct Brush {
    pub erases: bool,
    pub receives: &'static str,
}

impl Kind for Brush {
    /// A disc lies on a voxel slice; a ball is the same in every plane.
    fn works_tilted(&self, tools: &Tools) -> bool {
        tools.brush.shape == BrushShape::Sphere
    }

    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let intent = ViewIntent::StrokeBegin {
            plane: pointer.view.slice.plane(),
            at: pointer.view.voxel_point(pointer.pos),
            erase: self.erases != pointer.modifiers.shift,
        };
        pointer.means(intent);
        Box::new(Stroke)
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, inverse: bool) -> Option<String> {
        Some(words(receiver, self.erases != inverse))
    }

    fn receives(&self) -> &'static str {
        self.receives
    }

    fn heeds_limits(&self) -> bool {
        true
    }

    fn settings(
        &self,
        ui: &mut Ui,
        model: &UiModel<'_>,
        _state: &mut UiState,
        out: &mut Vec<UiRequest>,
    ) {
        let brush = model.session.tools().brush;
        let mut changed = brush;
        ui.horizontal(|ui| {
            let label = ui.label(tr!("Size"));
            ui.spacing_mut().slider_width = 44.0;
            ui.add(
                Slider::new(&mut changed.diameter_mm, SLIDER_MM)
                    .logarithmic(true)
                    .clamping(SliderClamping::Edits)
                    .max_decimals(1)
                    .suffix(" mm"),
            )
            .labelled_by(label.id);
            ui.selectable_value(&mut changed.shape, BrushShape::Disc, "2D")
                .on_hover_text(tr!("A disc on the slice you draw on"));
            ui.selectable_value(&mut changed.shape, BrushShape::Sphere, "3D")
                .on_hover_text(tr!("A ball through the slices"));
        });
        if changed != brush {
            out.push(UiRequest::command(ToolCommand::Brush(changed)));
        }
    }

    fn at_pointer(&self, painter: &Painter, view: &PlacedView, pos: Pos2, model: &UiModel<'_>) {
        let diameter_mm = model.session.tools().brush.diameter_mm;
        // Held, Shift turns brush and eraser into each other.
        let inverse = painter.ctx().input(|i| i.modifiers.shift);
        let color = match self.erases != inverse {
            true => theme::ERASER,
            false => theme::BRUSH,
        };
        annotations::brush_circle(painter, view, pos, diameter_mm, color);
    }
}

/// What drawing or erasing by hand does to the label that receives.
pub(super) fn words(receiver: &Receiver, erases: bool) -> String {
    match (receiver.is_locked, erases, receiver.is_new) {
        (false, true, true) => tr!("no label chosen").to_owned(),
        (false, true, false) => tr!("erase {receiver}", receiver = receiver.text()),
        _ => receiver.text(),
    }
}

#[derive(Debug)]
struct Stroke;

impl Drag for Stroke {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let at = pointer.view.voxel_point(pointer.pos);
        pointer.means(ViewIntent::StrokeTo(at));
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        pointer.means(ViewIntent::StrokeEnd);
    }
}
