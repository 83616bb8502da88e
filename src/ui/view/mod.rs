//! What panes that show slices are made of: camera, gestures, and all that is drawn over the scan.

pub mod annotations;
pub mod box_edit;
mod camera;
mod gestures;
pub mod measurements;
mod paint_callback;
mod placed;
pub mod pointer;
pub(super) mod prompt_overlay;
pub mod region_overlay;
pub(super) mod scene;
mod tilted;
mod turned;

use egui::{Color32, Rect, Shape};

pub use camera::Camera;
pub use gestures::{ActiveDrag, GestureContext, GestureReader, ViewIntent};
pub use paint_callback::Canvas;
pub use placed::PlacedView;
pub use scene::{DrawnLabels, Shows};
pub use tilted::TiltedPicture;
pub use turned::Turned;

/// A large plain surface, drawn by whoever does it cheapest.
pub fn surface(canvas: Option<&Canvas>, rect: Rect, color: Color32) -> Shape {
    match canvas {
        Some(canvas) => Shape::Callback(canvas.surface(rect, color)),
        None => Shape::rect_filled(rect, 0.0, color),
    }
}
