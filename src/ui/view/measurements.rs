//! What is drawn to be measured, over the slices that it lies in.

use egui::{Align2, Color32, Painter, Pos2, Stroke, vec2};

use crate::geometry::WorldPoint;
use crate::ui::theme;
use crate::volume::measurement::{Measurement, Reading};

use super::PlacedView;
use super::annotations::grounded_text;

/// How far off the slice a place may lie to be shown on it, in slices.
const HALF_A_SLICE: f64 = 0.5;
/// Height of a line of text, in points.
const LINE_HEIGHT: f32 = 15.0;
/// Radius of the mark at a place, and of one that can be taken hold of.
const MARKS: [f32; 2] = [2.0, 4.0];

/// Where a place in the patient is on the screen, brought onto the slice.
pub fn pos(view: &PlacedView, place: WorldPoint) -> Pos2 {
    view.pos(view.slice.grid().voxel_from_world(place))
}

/// Whether all of it lies on the slice that the view shows.
pub fn is_on(view: &PlacedView, drawn: &Measurement) -> bool {
    if view.slice.is_tilted() {
        let most_mm = HALF_A_SLICE * view.slice.grid().spacing_mm()[view.slice.normal_axis()];
        let is_near = |&place: &WorldPoint| view.slice.distance_mm(place).abs() <= most_mm;
        return drawn.points().iter().all(is_near);
    }
    let axis = view.slice.normal_axis();
    drawn.points().iter().all(|&place| {
        let voxel = view.slice.grid().voxel_from_world(place).0;
        (voxel[axis] - view.slice.slice() as f64).abs() <= HALF_A_SLICE
    })
}

/// Draws it with what is measured of it, if it lies on the slice; `can_grab` where its places can be pulled.
pub fn paint(
    painter: &Painter,
    view: &PlacedView,
    drawn: &Measurement,
    reading: &Reading,
    can_grab: bool,
) {
    if !is_on(view, drawn) {
        return;
    }
    let line: Vec<Pos2> = drawn.line().into_iter().map(|p| pos(view, p)).collect();
    let places: Vec<Pos2> = drawn.points().iter().map(|&p| pos(view, p)).collect();
    let shadow = Color32::from_black_alpha(150);
    painter.line(line.clone(), Stroke::new(3.0, shadow));
    painter.line(line.clone(), Stroke::new(1.3, theme::MEASURE));
    for &place in &places {
        let radius = MARKS[usize::from(can_grab)];
        painter.circle(place, radius, shadow, Stroke::new(1.2, theme::MEASURE));
    }
    let mut texts = reading.texts();
    if let Some(first) = texts.first_mut().filter(|_| drawn.number > 0) {
        *first = format!("{}: {first}", drawn.number);
    }
    write_beside(painter, view, &line, &texts);
}

/// Writes texts at the right of a line, or at its left where there is no room; inside the view.
fn write_beside(painter: &Painter, view: &PlacedView, line: &[Pos2], texts: &[String]) {
    const AWAY: f32 = 8.0;
    let font = theme::view_font();
    let width = |text: &String| {
        let laid = painter.layout_no_wrap(text.clone(), font.clone(), theme::MEASURE);
        laid.size().x
    };
    let widest = texts.iter().map(width).fold(0.0, f32::max);
    let by_x = |a: &&Pos2, b: &&Pos2| a.x.total_cmp(&b.x);
    let (Some(left), Some(right)) = (line.iter().min_by(by_x), line.iter().max_by(by_x)) else {
        return;
    };
    let fits = right.x + AWAY + widest <= view.rect.right();
    let (beside, align) = match fits {
        true => (*right + vec2(AWAY, 0.0), Align2::LEFT_TOP),
        false => (*left - vec2(AWAY, 0.0), Align2::RIGHT_TOP),
    };
    let height = LINE_HEIGHT * texts.len() as f32;
    let lowest = (view.rect.bottom() - height).max(view.rect.top());
    let top = (beside.y - height / 2.0).clamp(view.rect.top(), lowest);
    for (n, text) in texts.iter().enumerate() {
        let at = Pos2::new(beside.x, top + LINE_HEIGHT * n as f32);
        grounded_text(painter, at, align, text, font.clone(), theme::MEASURE);
    }
}
