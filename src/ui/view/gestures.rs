//! From pointer events over a view to what the user means by them.
//!
//! Events are read one by one, not as egui's summary of a frame: a stroke keeps every point the mouse gave,
//! and a click shorter than a slow frame is still a click.

use egui::{CursorIcon, Event, Modifiers, MouseWheelUnit, PointerButton, Pos2, Vec2};

use crate::geometry::{Plane, VoxelBox, VoxelIndex, VoxelPoint};
use crate::prompt::Polarity;
use crate::session::{Case, Command, Tools};
use crate::ui::input::{DragIntent, MouseProfile, WheelIntent};
use crate::ui::panes::PaneId;
use crate::ui::tools::{self, Done, Drag, OpenOutline, Pointer, Tool, WindowDrag};
use crate::volume::Window;
use crate::volume::measurement::Measurement;
use crate::volume::morphology::Crop;

use super::PlacedView;

/// What the user means by a gesture over a view.
#[derive(Debug, Clone)]
pub enum ViewIntent {
    /// Put the cross-hair here.
    Crosshair(VoxelIndex),
    /// Put the cross-hair on the voxel of this place, where turned planes then meet: finer than a voxel.
    Meet(VoxelPoint),
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
    /// An outline is closed.
    Outline(OpenOutline),
    /// A change that a tool makes by itself.
    Command(Box<Command>),
    /// Show these values.
    Window(Window),
    /// The brush grows or shrinks by this factor.
    ScaleBrush(f64),
    /// Move the picture by this much, in points.
    Pan(Vec2),
    /// Magnify by this factor at this point of the screen.
    Zoom(f64, Pos2),
    /// This view alone, and back.
    ToggleMaximised,
    /// Turn the planes about this axis in the world, by the right-hand rule, in radians.
    Turn(glam::DVec3, f64),
    /// The tool works on voxel slices only, and the view is tilted.
    NeedsStraightPlane,
}

/// What gestures depend on, besides the view.
#[derive(Debug, Clone, Copy)]
pub struct GestureContext<'a> {
    /// What the left button does, and how it is set.
    pub tools: &'a Tools,
    /// The scan and what is drawn on it.
    pub case: &'a Case,
    /// What a plain click means.
    pub polarity: Polarity,
    /// What the right button does.
    pub profile: MouseProfile,
    /// The cross-hair is drawn, so that its lines can be taken hold of.
    pub shows_cross_hair: bool,
}

/// A drag under way, over one pane.
#[derive(Debug)]
pub struct ActiveDrag {
    pane: PaneId,
    button: PointerButton,
    last: Pos2,
    drag: Box<dyn Drag>,
}

impl ActiveDrag {
    /// Whether the drag is of this pane.
    pub fn is_of(&self, pane: PaneId) -> bool {
        self.pane == pane
    }

    /// The pointer's shape while dragging; `None`: the tool's own.
    pub fn cursor(&self) -> Option<CursorIcon> {
        self.drag.cursor()
    }

    /// What letting go would draw.
    pub fn region(&self) -> Option<&Crop> {
        self.drag.region()
    }

    /// What is drawn to be measured, as it is now.
    pub fn measurement(&self) -> Option<&Measurement> {
        self.drag.measurement()
    }

    /// What to say beside the pointer.
    pub fn words(&self) -> Option<String> {
        self.drag.words()
    }

    /// The box as it is being drawn.
    pub fn drawn_box(&self) -> Option<VoxelBox> {
        self.drag.drawn_box()
    }

    /// Whether what letting go would do shows already, and is not done yet.
    pub fn is_shown(&self) -> bool {
        self.region().is_some() || self.measurement().is_some() || self.drawn_box().is_some()
    }
}

/// Moves the picture.
#[derive(Debug)]
struct Pan;

impl Drag for Pan {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let by = pointer.by;
        pointer.means(ViewIntent::Pan(by));
    }

    fn cursor(&self) -> Option<CursorIcon> {
        Some(CursorIcon::Grabbing)
    }
}

/// Magnifies around where the drag began.
#[derive(Debug)]
struct Zoom {
    at: Pos2,
}

impl Drag for Zoom {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let factor = 2f64.powf(-f64::from(pointer.by.y) / ZOOM_DOUBLING);
        pointer.means(ViewIntent::Zoom(factor, self.at));
    }

    fn cursor(&self) -> Option<CursorIcon> {
        Some(CursorIcon::ZoomIn)
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
/// Reads events over one view. `is_over(pos)` says whether a press there is for this view.
pub struct GestureReader<'a> {
    /// The pane.
    pub pane: PaneId,
    /// The view in it.
    pub view: &'a PlacedView,
    /// What gestures depend on.
    pub context: GestureContext<'a>,
    /// The drag under way, over this or another pane.
    pub drag: &'a mut Option<ActiveDrag>,
    /// What is being drawn in several presses.
    pub outline: &'a mut Option<OpenOutline>,
    /// Where the pointer hovers.
    pub pointer_pos: Option<Pos2>,
    /// Wheel movement that is not a whole notch yet.
    pub wheel: &'a mut f32,
    /// What was meant so far.
    pub intents: Vec<ViewIntent>,
}

impl GestureReader<'_> {
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
                    self.intents.push(ViewIntent::Zoom(f64::from(factor), at));
                }
                _ => {}
            }
        }
    }

    fn press(&mut self, pos: Pos2, button: PointerButton, modifiers: Modifiers) {
        let Some(intent) = self.context.profile.drag(button, modifiers) else {
            return;
        };
        let picks = modifiers.command;
        let tool = if picks { tools::PICK } else { self.tool() };
        let mut pointer = self.pointer_at(pos, Vec2::ZERO, modifiers);
        let drag: Box<dyn Drag> = match intent {
            DragIntent::Pan => Box::new(Pan),
            DragIntent::Zoom => Box::new(Zoom { at: pos }),
            DragIntent::WindowLevel => Box::new(WindowDrag(pointer.case.window())),
            DragIntent::Tool if !tool.works_in(pointer.view, pointer.tools) => {
                pointer.means(ViewIntent::NeedsStraightPlane);
                Box::new(Done)
            }
            DragIntent::Tool => tool.kind.press(&mut pointer),
        };
        *self.drag = Some(ActiveDrag {
            pane: self.pane,
            button,
            last: pos,
            drag,
        });
    }

    fn moved(&mut self, pos: Pos2) {
        let pane = self.pane;
        let Some(mut active) = self.drag.take_if(|d| d.is_of(pane)) else {
            return self.hover(pos);
        };
        let by = pos - active.last;
        active.last = pos;
        let mut pointer = self.pointer_at(pos, by, Modifiers::NONE);
        active.drag.moved(&mut pointer);
        *self.drag = Some(active);
    }

    fn hover(&mut self, pos: Pos2) {
        if self.drag.is_none() && self.view.rect.contains(pos) {
            let tool = self.tool();
            let mut pointer = self.pointer_at(pos, Vec2::ZERO, Modifiers::NONE);
            if tool.works_in(pointer.view, pointer.tools) {
                tool.kind.hover(&mut pointer);
            }
        }
    }

    fn tool(&self) -> &'static Tool {
        Tool::of(self.context.tools.tool)
    }

    fn release(&mut self, pos: Pos2, button: PointerButton) {
        let ours = |d: &ActiveDrag| d.is_of(self.pane) && d.button == button;
        if !self.drag.as_ref().is_some_and(ours) {
            return;
        }
        if self.drag.as_ref().is_some_and(|d| d.last != pos) {
            self.moved(pos);
        }
        if let Some(active) = self.drag.take() {
            let mut pointer = self.pointer_at(pos, Vec2::ZERO, Modifiers::NONE);
            active.drag.released(&mut pointer);
        }
    }

    /// The button of the tool was pressed twice in quick succession.
    pub fn double_press(&mut self, pos: Pos2) {
        let tool = self.tool();
        let mut pointer = self.pointer_at(pos, Vec2::ZERO, Modifiers::NONE);
        if tool.works_in(pointer.view, pointer.tools) {
            tool.kind.double_press(&mut pointer);
        }
    }

    fn pointer_at(&mut self, pos: Pos2, by: Vec2, modifiers: Modifiers) -> Pointer<'_> {
        Pointer {
            view: self.view,
            pos,
            by,
            modifiers,
            polarity: self.context.polarity,
            case: self.context.case,
            tools: self.context.tools,
            shows_cross_hair: self.context.shows_cross_hair,
            outline: self.outline,
            intents: &mut self.intents,
        }
    }

    fn wheel(&mut self, unit: MouseWheelUnit, delta: Vec2, modifiers: Modifiers) {
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
                    let plane = self.view.slice.plane();
                    self.intents.push(ViewIntent::Step(plane, steps as i64));
                }
            }
            WheelIntent::Zoom => {
                let factor = ZOOM_PER_NOTCH.powf(f64::from(notches));
                self.intents.push(ViewIntent::Zoom(factor, self.pointer()));
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
