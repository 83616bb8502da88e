//! Moves the cross-hair.

use egui::{CursorIcon, Key, Painter, Pos2};

use crate::session::{ToolId, Tools};
use crate::ui::model::UiModel;
use crate::ui::theme;
use crate::ui::view::{PlacedView, ViewIntent, annotations};

use super::{Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId::CROSS_HAIR,
    title: "Cross-hair",
    hint: "Move the cross-hair; the other views follow",
    keys: &[key(Key::Num1), key(Key::X)],
    kind: &CrossHair,
};

#[derive(Debug)]
struct CrossHair;

impl Kind for CrossHair {
    fn works_tilted(&self, _tools: &Tools) -> bool {
        true
    }

    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        if let Some(turning) = Turning::begin(pointer) {
            return Box::new(turning);
        }
        CrossHair.moved(pointer);
        Box::new(CrossHair)
    }

    fn at_pointer(&self, painter: &Painter, view: &PlacedView, pos: Pos2, model: &UiModel<'_>) {
        let case = model.session.case();
        let can_turn = case.is_some_and(|case| case.info().time.is_none());
        // Over the scan they would hide what is looked at.
        if can_turn && view.rect.contains(pos) {
            annotations::handles(painter, view);
        }
    }

    fn double_press(&self, pointer: &mut Pointer<'_>) {
        pointer.means(ViewIntent::ToggleMaximised);
    }
}

impl Drag for CrossHair {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let place = pointer.view.clamped_place(pointer.pos);
        pointer.means(ViewIntent::Meet(place));
    }
}

/// A line of the cross-hair is pulled round: the other two planes turn about the normal of this one.
#[derive(Debug)]
struct Turning {
    /// Where the pointer was last, as an angle on the screen in radians.
    angle_rad: f64,
}

impl Turning {
    fn begin(pointer: &Pointer<'_>) -> Option<Self> {
        let is_possible = pointer.shows_cross_hair && pointer.case.info().time.is_none();
        let handles = annotations::turn_handles(pointer.view);
        let is_near = |handle: &Pos2| handle.distance(pointer.pos) <= theme::GRAB_RADIUS;
        let angle_rad = angle_at(pointer);
        (is_possible && handles.iter().any(is_near)).then_some(Self { angle_rad })
    }
}

/// The angle of the pointer about the cross-hair, from right to down.
fn angle_at(pointer: &Pointer<'_>) -> f64 {
    let center = pointer.view.pos(pointer.view.cross_hair);
    f64::from((pointer.pos - center).angle())
}

impl Drag for Turning {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let angle_rad = angle_at(pointer);
        let by_rad = angle_rad - self.angle_rad;
        self.angle_rad = angle_rad;
        let axis = pointer.view.slice.normal_mm();
        pointer.means(ViewIntent::Turn(axis, by_rad));
    }

    fn cursor(&self) -> Option<CursorIcon> {
        Some(CursorIcon::Grabbing)
    }
}
