//! From pointer events over a view to what the user means by them.
//!
//! Events are read one by one, not as egui's summary of a frame: a stroke keeps every point the mouse gave,
//! and a click shorter than a slow frame is still a click.

use egui::{CursorIcon, Event, MouseWheelUnit, PointerButton, Pos2, Vec2};

use crate::geometry::{Plane, VoxelBox, VoxelIndex, VoxelPoint};
use crate::prompt::Polarity;
use crate::session::Tool;
use crate::ui::input::{DragIntent, MouseProfile, WheelIntent};
use crate::volume::Window;

use super::PlacedView;
use super::box_edit::BoxDrag;

/// What the user means by a gesture over a view.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewIntent {
    /// Put the cross-hair here.
    Crosshair(VoxelIndex),
    /// Go this many slices towards head, front or right.
    Step(Plane, i64),
    /// A click prompt.
    Click(VoxelIndex, Polarity),
    /// The finished 3D box.
    SetBox(VoxelBox),
    /// A click beside the scan, where there is nothing to segment.
    MissedScan,
    /// A stroke begins, erasing or painting.
    StrokeBegin {
        /// The view's plane, for a 2D brush.
        plane: Plane,
        /// Middle of the brush, in voxels.
        at: VoxelPoint,
        /// Erase instead of paint.
        erase: bool,
    },
    /// The stroke goes on to here.
    StrokeTo(VoxelPoint),
    /// The stroke is finished.
    StrokeEnd,
    /// Show these values.
    Window(Window),
    /// The brush grows or shrinks by this factor.
    ScaleBrush(f64),
    /// Move the picture by this much, in points.
    Pan(Plane, Vec2),
    /// Magnify by this factor at this point of the screen.
    Zoom(Plane, f64, Pos2),
    /// This view alone, and back.
    ToggleMaximised(Plane),
}

/// What gestures depend on, besides the view.
#[derive(Debug, Clone, Copy)]
pub struct GestureContext {
    /// What the left button does.
    pub tool: Tool,
    /// What a plain click means.
    pub polarity: Polarity,
    /// The box there is.
    pub target_box: Option<VoxelBox>,
    /// What is shown now.
    pub window: Window,
    /// What the right button does.
    pub profile: MouseProfile,
}

/// A drag under way, over one view.
#[derive(Debug, Clone, Copy)]
pub struct ActiveDrag {
    plane: Plane,
    button: PointerButton,
    last: Pos2,
    kind: DragKind,
}

#[derive(Debug, Clone, Copy)]
enum DragKind {
    Pan,
    Zoom {
        at: Pos2,
    },
    Window {
        window: Window,
    },
    Crosshair,
    Box {
        drag: BoxDrag,
        current: VoxelBox,
    },
    Stroke,
    /// The press did all there was to do.
    Done,
}

impl ActiveDrag {
    /// Whether the drag is of this view.
    pub fn is_of(&self, plane: Plane) -> bool {
        self.plane == plane
    }

    /// The pointer's shape while dragging; `None`: the tool's own.
    pub fn cursor(&self) -> Option<CursorIcon> {
        match self.kind {
            DragKind::Pan => Some(CursorIcon::Grabbing),
            DragKind::Zoom { .. } => Some(CursorIcon::ZoomIn),
            DragKind::Window { .. } => Some(CursorIcon::AllScroll),
            DragKind::Box {
                drag: BoxDrag::Move { .. },
                ..
            } => Some(CursorIcon::Grabbing),
            _ => None,
        }
    }

    /// The box as it is being drawn.
    pub fn drawn_box(&self) -> Option<VoxelBox> {
        match self.kind {
            DragKind::Box { current, .. } => Some(current),
            _ => None,
        }
    }
}

/// Points of wheel movement that make one notch, for touch pads and smooth wheels.
const POINTS_PER_NOTCH: f32 = 40.0;
/// Magnification per notch of the wheel.
const ZOOM_PER_NOTCH: f64 = 1.15;
/// Change of the brush per notch of the wheel, as in 3D Slicer.
const BRUSH_PER_NOTCH: f64 = 1.2;
/// Vertical drag in points that doubles the magnification.
const ZOOM_DOUBLING: f64 = 120.0;
/// Share of the window's width that a drag of one point changes it by.
const WINDOW_PER_POINT: f64 = 1.0 / 250.0;

/// Windows from this width on are set in whole numbers; narrower ones are of scans such as PET in SUV.
pub const WIDTH_OF_WHOLE_NUMBERS: f64 = 20.0;

/// Reads events over one view. `is_over(pos)` says whether a press there is for this view.
pub struct GestureReader<'a> {
    /// The view.
    pub view: &'a PlacedView,
    /// What gestures depend on.
    pub context: GestureContext,
    /// The drag under way, over this or another view.
    pub drag: &'a mut Option<ActiveDrag>,
    /// Where the pointer hovers.
    pub pointer_pos: Option<Pos2>,
    /// Wheel movement that is not a whole notch yet.
    pub wheel: &'a mut f32,
    /// What was meant so far.
    pub intents: Vec<ViewIntent>,
}

impl GestureReader<'_> {
    fn plane(&self) -> Plane {
        self.view.slice.plane()
    }

    /// Reads the events of one frame in their order.
    pub fn read(&mut self, events: &[Event], is_over: &dyn Fn(Pos2) -> bool, hovered: bool) {
        for event in events {
            match *event {
                Event::PointerButton {
                    pos,
                    button,
                    pressed: true,
                    modifiers,
                } if self.drag.is_none() && is_over(pos) => self.press(pos, button, modifiers),
                Event::PointerMoved(pos) => self.moved(pos),
                Event::PointerButton {
                    pos,
                    button,
                    pressed: false,
                    ..
                } => self.release(pos, button),
                Event::MouseWheel {
                    unit,
                    delta,
                    modifiers,
                    ..
                } if hovered => self.wheel(unit, delta, modifiers),
                Event::Zoom(factor) if hovered => {
                    let at = self.view.rect.center();
                    self.intents
                        .push(ViewIntent::Zoom(self.plane(), f64::from(factor), at));
                }
                _ => {}
            }
        }
    }

    fn press(&mut self, pos: Pos2, button: PointerButton, modifiers: egui::Modifiers) {
        let kind = match self.context.profile.drag(button, modifiers) {
            Some(DragIntent::Pan) => DragKind::Pan,
            Some(DragIntent::Zoom) => DragKind::Zoom { at: pos },
            Some(DragIntent::WindowLevel) => DragKind::Window {
                window: self.context.window,
            },
            Some(DragIntent::Tool) => self.press_with_tool(pos, modifiers),
            None => return,
        };
        *self.drag = Some(ActiveDrag {
            plane: self.plane(),
            button,
            last: pos,
            kind,
        });
    }

    fn press_with_tool(&mut self, pos: Pos2, modifiers: egui::Modifiers) -> DragKind {
        match self.context.tool {
            Tool::CrossHair => {
                self.intents
                    .push(ViewIntent::Crosshair(self.view.clamped_voxel(pos)));
                DragKind::Crosshair
            }
            Tool::Window => DragKind::Window {
                window: self.context.window,
            },
            Tool::Click => {
                if let Some(voxel) = self.view.voxel(pos) {
                    let polarity = match (self.context.polarity, modifiers.shift) {
                        (polarity, false) => polarity,
                        (Polarity::Positive, true) => Polarity::Negative,
                        (Polarity::Negative, true) => Polarity::Positive,
                    };
                    self.intents.push(ViewIntent::Crosshair(voxel));
                    self.intents.push(ViewIntent::Click(voxel, polarity));
                } else {
                    self.intents.push(ViewIntent::MissedScan);
                }
                DragKind::Done
            }
            Tool::Box => {
                let drag = BoxDrag::begin(self.view, pos, self.context.target_box);
                DragKind::Box {
                    drag,
                    current: drag.dragged(self.view, pos),
                }
            }
            Tool::Brush | Tool::Eraser => {
                let erase = (self.context.tool == Tool::Eraser) != modifiers.shift;
                self.intents.push(ViewIntent::StrokeBegin {
                    plane: self.plane(),
                    at: self.view.voxel_point(pos),
                    erase,
                });
                DragKind::Stroke
            }
        }
    }

    fn moved(&mut self, pos: Pos2) {
        let plane = self.plane();
        let Some(mut drag) = self.drag.filter(|d| d.plane == plane) else {
            return;
        };
        let by = pos - drag.last;
        drag.last = pos;
        match &mut drag.kind {
            DragKind::Pan => self.intents.push(ViewIntent::Pan(plane, by)),
            DragKind::Zoom { at } => {
                let factor = 2f64.powf(-f64::from(by.y) / ZOOM_DOUBLING);
                self.intents.push(ViewIntent::Zoom(plane, factor, *at));
            }
            DragKind::Window { window } => {
                *window = dragged_window(*window, by);
                self.intents.push(ViewIntent::Window(readable(*window)));
            }
            DragKind::Crosshair => self
                .intents
                .push(ViewIntent::Crosshair(self.view.clamped_voxel(pos))),
            DragKind::Box { drag, current } => *current = drag.dragged(self.view, pos),
            DragKind::Stroke => self
                .intents
                .push(ViewIntent::StrokeTo(self.view.voxel_point(pos))),
            DragKind::Done => {}
        }
        *self.drag = Some(drag);
    }

    fn release(&mut self, pos: Pos2, button: PointerButton) {
        let plane = self.plane();
        let ours = |d: &ActiveDrag| d.plane == plane && d.button == button;
        if self.drag.as_ref().is_none_or(|d| !ours(d)) {
            return;
        }
        if self.drag.as_ref().is_some_and(|d| d.last != pos) {
            self.moved(pos);
        }
        match self.drag.take().map(|d| d.kind) {
            Some(DragKind::Box { drag, current }) if drag.is_deliberate(current) => {
                if matches!(drag, BoxDrag::New { .. }) {
                    // So that the other views go through the box and its depth can be seen.
                    let middle = std::array::from_fn(|d| (current.min[d] + current.max[d]) / 2);
                    self.intents.push(ViewIntent::Crosshair(VoxelIndex(middle)));
                }
                self.intents.push(ViewIntent::SetBox(current));
            }
            Some(DragKind::Stroke) => self.intents.push(ViewIntent::StrokeEnd),
            _ => {}
        }
    }

    fn wheel(&mut self, unit: MouseWheelUnit, delta: Vec2, modifiers: egui::Modifiers) {
        // Some systems turn the wheel sideways while Shift is held.
        let amount = if modifiers.shift && delta.y == 0.0 {
            delta.x
        } else {
            delta.y
        };
        let notches = match unit {
            MouseWheelUnit::Point => amount / POINTS_PER_NOTCH,
            MouseWheelUnit::Line | MouseWheelUnit::Page => amount,
        };
        match self.context.profile.wheel(modifiers) {
            WheelIntent::Slice => {
                *self.wheel += notches;
                let steps = self.wheel.trunc();
                *self.wheel -= steps;
                if steps != 0.0 {
                    self.intents
                        .push(ViewIntent::Step(self.plane(), steps as i64));
                }
            }
            WheelIntent::Zoom => {
                let factor = ZOOM_PER_NOTCH.powf(f64::from(notches));
                self.intents
                    .push(ViewIntent::Zoom(self.plane(), factor, self.pointer()));
            }
            WheelIntent::BrushSize => self.intents.push(ViewIntent::ScaleBrush(
                BRUSH_PER_NOTCH.powf(f64::from(notches)),
            )),
        }
    }

    fn pointer(&self) -> Pos2 {
        self.pointer_pos.unwrap_or_else(|| self.view.rect.center())
    }
}

/// Whole numbers, as they are said and written, where the width leaves a choice.
fn readable(window: Window) -> Window {
    if window.width < WIDTH_OF_WHOLE_NUMBERS {
        return window;
    }
    Window {
        width: window.width.round(),
        level: window.level.round(),
    }
}

/// Right is wider, up is brighter (a lower level), in proportion to the width.
fn dragged_window(window: Window, by: Vec2) -> Window {
    let widening = f64::from(by.x) * WINDOW_PER_POINT;
    Window {
        width: (window.width * (1.0 + widening)).max(1e-6),
        level: window.level + f64::from(by.y) * window.width * WINDOW_PER_POINT,
    }
}
