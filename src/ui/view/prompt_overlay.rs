//! Clicks, drawings and the 3D box, drawn over a view.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, vec2};

use crate::geometry::VoxelBox;
use crate::prompt::{Click, Drawing, Polarity};
use crate::ui::theme;

use super::PlacedView;
use super::box_edit::{handles, is_in_slice, outline};
use super::region_overlay::{self, Look};

/// Clicks up to this many slices away are hinted at.
const NEAR_SLICES: i64 = 3;
const CLICK_RADIUS: f32 = 6.0;
const HANDLE_SIZE: f32 = 7.0;

/// The clicks on this slice, and paler those on slices near it.
pub fn clicks(painter: &Painter, view: &PlacedView, clicks: &[Click]) {
    for click in clicks {
        let off = view.slices_off(click.voxel).abs();
        if off > NEAR_SLICES {
            continue;
        }
        let strength = if off == 0 { 1.0 } else { 0.35 };
        let pos = view.pos(click.voxel.center());
        click_mark(painter, pos, click.polarity, strength);
    }
}

/// What is drawn on this slice: the voxels that it covers.
pub fn drawings(painter: &Painter, view: &PlacedView, drawings: &[Drawing]) {
    for drawing in drawings {
        let color = color(drawing.polarity);
        region_overlay::paint(painter, view, &drawing.region, color, Look::Filled);
    }
}

fn color(polarity: Polarity) -> Color32 {
    match polarity {
        Polarity::Positive => theme::CLICK_POSITIVE,
        Polarity::Negative => theme::CLICK_NEGATIVE,
    }
}

/// A disc with a plus or a minus: told apart without colour, too.
fn click_mark(painter: &Painter, pos: Pos2, polarity: Polarity, strength: f32) {
    let color = color(polarity);
    let dark = Color32::from_black_alpha(210).gamma_multiply(strength);
    painter.circle(
        pos,
        CLICK_RADIUS,
        dark,
        Stroke::new(1.5, color.gamma_multiply(strength)),
    );
    let line = Stroke::new(1.5, color.gamma_multiply(strength));
    let arm = CLICK_RADIUS - 2.5;
    painter.line_segment([pos - vec2(arm, 0.0), pos + vec2(arm, 0.0)], line);
    if polarity == Polarity::Positive {
        painter.line_segment([pos - vec2(0.0, arm), pos + vec2(0.0, arm)], line);
    }
}

/// The box: solid with handles where the slice goes through it, dashed on the other slices.
pub fn target_box(painter: &Painter, view: &PlacedView, b: VoxelBox, editable: bool) {
    let corners = outline(view, b);
    let mut path = corners.to_vec();
    path.push(corners[0]);
    if !is_in_slice(view, b) {
        let faint = Stroke::new(1.0, theme::PROMPT_BOX.gamma_multiply(0.45));
        painter.extend(Shape::dashed_line(&path, faint, 5.0, 5.0));
        return;
    }
    let shadow = Stroke::new(3.0, Color32::from_black_alpha(140));
    painter.add(Shape::closed_line(corners.to_vec(), shadow));
    painter.add(Shape::closed_line(
        corners.to_vec(),
        Stroke::new(1.5, theme::PROMPT_BOX),
    ));
    if editable {
        for (_, pos) in handles(view, b) {
            let handle = Rect::from_center_size(pos, vec2(HANDLE_SIZE, HANDLE_SIZE));
            painter.rect_filled(handle.expand(1.0), 0.0, Color32::from_black_alpha(180));
            painter.rect_filled(handle, 0.0, theme::PROMPT_BOX);
        }
    }
}
