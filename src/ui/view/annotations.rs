//! What is written over every view: anatomical letters, slice number, scale bar, cross-hair.

use std::sync::Arc;

use egui::text::{LayoutJob, TextWrapping};
use egui::{Align2, Galley, Painter, Pos2, Rect, Stroke, pos2, vec2};

use crate::geometry::{Plane, SliceView, VoxelIndex, VoxelPoint};
use crate::io::TimeAxis;
use crate::render::Slab;
use crate::session::Case;
use crate::ui::texts::{self, tr};
use crate::ui::tools::WIDTH_OF_WHOLE_NUMBERS;

use super::PlacedView;
use crate::ui::theme;

/// Space between a letter and the border of the view, in points.
const MARGIN: f32 = 8.0;
/// The scale bar is at most this share of the view's width.
const LARGEST_SCALE_BAR: f32 = 0.25;
/// The cross-hair leaves this much free around the voxel, in points.
const CROSSHAIR_GAP: f32 = 9.0;

/// Writes text on a dark ground that lets the scan through, so that it can be read on bone, fat and air.
pub fn grounded_text(
    painter: &Painter,
    pos: Pos2,
    anchor: Align2,
    text: &str,
    font: egui::FontId,
    color: egui::Color32,
) {
    let galley = painter.layout_no_wrap(text.to_owned(), font, color);
    let at = anchor.anchor_size(pos, galley.size()).min;
    grounded_galley(painter, at, galley, color);
}

fn grounded_galley(painter: &Painter, at: Pos2, text: Arc<Galley>, color: egui::Color32) {
    let ground = Rect::from_min_size(at, text.size()).expand2(vec2(3.0, 0.0));
    painter.rect_filled(ground, 3.0, theme::VIEW_TEXT_GROUND);
    painter.galley(at, text, color);
}

/// The letters at the four borders, in doubt where no file says them; none along time, and none where the place in the
/// patient is not known.
pub fn letters(painter: &Painter, view: &PlacedView, time: Option<TimeAxis>) {
    let rect = view.rect.shrink(MARGIN);
    let [left, right, top, bottom] = view.slice.border_texts();
    let [across, down] = view.slice.in_plane_axes();
    let places = [
        (across, left, rect.left_center(), Align2::LEFT_CENTER),
        (across, right, rect.right_center(), Align2::RIGHT_CENTER),
        (down, top, rect.center_top(), Align2::CENTER_TOP),
        (down, bottom, rect.center_bottom(), Align2::CENTER_BOTTOM),
    ];
    for (voxel_axis, letter, pos, anchor) in places {
        let is_space = time.is_none_or(|t| t.has_position && voxel_axis != TIME_AXIS);
        if !is_space {
            continue;
        }
        let font = theme::letter_font();
        grounded_text(painter, pos, anchor, &letter, font, theme::VIEW_TEXT);
    }
}

/// The voxel axis that may be time.
const TIME_AXIS: usize = 2;

/// What slices across this voxel axis are: a plane, or with time as an axis a frame or a line over time.
pub fn plane_text(plane: Plane, normal_axis: usize, time: Option<TimeAxis>) -> &'static str {
    match (time, normal_axis) {
        (None, _) => texts::of(plane.name()),
        (Some(_), TIME_AXIS) => tr!("Frames"),
        (Some(_), 1) => tr!("Row over time"),
        (Some(_), _) => tr!("Column over time"),
    }
}

/// What a view shows.
pub fn plane_text_of(view: &PlacedView, time: Option<TimeAxis>) -> &'static str {
    plane_text(view.slice.plane(), view.slice.normal_axis(), time)
}

/// The slice number, as it is also told to screen readers. Counted from 1.
pub fn slice_text(view: &PlacedView, time: Option<TimeAxis>) -> String {
    if view.slice.is_tilted() {
        let degrees = format!("{:.0}", view.slice.tilt_deg());
        return tr!("turned by {degrees}\u{b0}", degrees);
    }
    let what = match (time, view.slice.normal_axis()) {
        (None, _) => tr!("slice"),
        (Some(_), TIME_AXIS) => tr!("frame"),
        (Some(_), 1) => tr!("row"),
        (Some(_), _) => tr!("column"),
    };
    tr!(
        "{what} {slice} of {slice_count}",
        what,
        slice = view.slice.slice() + 1,
        slice_count = view.slice.slice_count()
    )
}

/// Name and slice number at the top left; one below the other where a line would run into the letter at the top.
pub fn title(painter: &Painter, view: &PlacedView, time: Option<TimeAxis>, slab: Option<Slab>) {
    /// Right of the pane's handle, and below it, in points.
    const LEFT: f32 = theme::PANE_HANDLE + 6.0;
    /// Half of what the letter takes, in points.
    const LETTER_ROOM: f32 = 20.0;
    let (plane, mut slice) = (plane_text_of(view, time), slice_text(view, time));
    if let Some(slab) = slab {
        slice = format!("{slice}   {}", slab.text());
    }
    let line = format!("{plane}   {slice}");
    let width = painter
        .layout_no_wrap(line.clone(), theme::view_font(), theme::VIEW_TEXT)
        .size()
        .x;
    let fits = LEFT + width < view.rect.width() / 2.0 - LETTER_ROOM;
    let write = |text: &str, offset| {
        grounded_text(
            painter,
            view.rect.left_top() + offset,
            Align2::LEFT_TOP,
            text,
            theme::view_font(),
            theme::VIEW_TEXT,
        );
    };
    if fits {
        write(&line, vec2(LEFT, MARGIN));
    } else {
        write(plane, vec2(LEFT, MARGIN));
        write(&slice, vec2(MARGIN, LEFT));
    }
}

/// Window and level, and how large the picture is beside one that shows the whole slice.
pub fn window_and_zoom_texts(view: &PlacedView, case: &Case) -> [String; 2] {
    let window = case.window();
    let decimals = if window.width < WIDTH_OF_WHOLE_NUMBERS {
        2
    } else {
        0
    };
    let inverted = if case.is_inverted() {
        tr!(" inverted")
    } else {
        ""
    };
    let (width, level) = (window.width, window.level);
    let slice = &view.slice;
    let [wide, high] = slice.size();
    let cross_hair = case.cross_hair();
    let (plane, convention) = (slice.plane(), slice.convention());
    let whole = SliceView::fit(slice.grid(), plane, convention, cross_hair, wide, high);
    let zoom = whole.mm_per_pixel() / slice.mm_per_pixel();
    [
        format!("W {width:.decimals$}  L {level:.decimals$}{inverted}"),
        tr!("Zoom {zoom}", zoom = format_args!("{zoom:.2}")),
    ]
}

/// The narrowest view with texts on its right side, in points.
const ROOM_FOR_TEXTS: f32 = 240.0;

/// The same, at the bottom right.
pub fn window_and_zoom(painter: &Painter, view: &PlacedView, case: &Case) {
    /// From line to line, in points.
    const LINE: f32 = 16.0;
    if view.rect.width() < ROOM_FOR_TEXTS {
        return;
    }
    let corner = view.rect.right_bottom() - vec2(MARGIN, MARGIN);
    let texts = window_and_zoom_texts(view, case);
    for (n, text) in texts.iter().enumerate() {
        let up = LINE * (1 - n) as f32;
        let (font, color) = (theme::view_font(), theme::VIEW_TEXT);
        grounded_text(
            painter,
            corner - vec2(0.0, up),
            Align2::RIGHT_BOTTOM,
            text,
            font,
            color,
        );
    }
}

/// What the scan is called, at the top right, shortened to what room there is.
pub fn series(painter: &Painter, view: &PlacedView, title: &str) {
    /// What the letter at the top takes of the right half, in points.
    const LETTER_ROOM: f32 = 24.0;
    let room = view.rect.width() / 2.0 - LETTER_ROOM - MARGIN;
    if view.rect.width() < ROOM_FOR_TEXTS {
        return;
    }
    let mut job =
        LayoutJob::simple_singleline(title.to_owned(), theme::view_font(), theme::VIEW_TEXT);
    job.wrap = TextWrapping::truncate_at_width(room);
    let text = painter.layout_job(job);
    let at = view.rect.right_top() + vec2(-MARGIN - text.size().x, MARGIN);
    grounded_galley(painter, at, text, theme::VIEW_TEXT);
}

/// The largest of 1, 2, 5, 10, 20, 50 ... mm that is at most `most_mm` long.
pub fn scale_bar_mm(most_mm: f64) -> f64 {
    let power = 10f64.powf(most_mm.max(1e-9).log10().floor());
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|step| step * power)
        .find(|&length| length <= most_mm)
        .unwrap_or(power)
}

/// The scale bar at the bottom left, a round number of millimetres; none where a direction is no length.
pub fn scale_bar(painter: &Painter, view: &PlacedView, time: Option<TimeAxis>) {
    if time.is_some_and(|t| !t.has_scale || view.slice.normal_axis() != TIME_AXIS) {
        return;
    }
    let mm_per_point = view.mm_per_point();
    let most_mm = f64::from(view.rect.width() * LARGEST_SCALE_BAR) * mm_per_point;
    let length_mm = scale_bar_mm(most_mm);
    let length = (length_mm / mm_per_point) as f32;
    let start = view.sharp(view.rect.left_bottom() + vec2(MARGIN, -MARGIN - 2.0));
    let end = start + vec2(length, 0.0);
    let shadow = Stroke::new(3.0, egui::Color32::from_black_alpha(200));
    for stroke in [shadow, Stroke::new(1.0, theme::VIEW_TEXT)] {
        painter.line_segment([start, end], stroke);
        for x in [start, end] {
            painter.line_segment([x, x - vec2(0.0, 5.0)], stroke);
        }
    }
    let text = if length_mm >= 10.0 {
        format!("{} cm", length_mm / 10.0)
    } else {
        format!("{length_mm} mm")
    };
    grounded_text(
        painter,
        start + vec2(length / 2.0, -6.0),
        Align2::CENTER_BOTTOM,
        &text,
        theme::view_font(),
        theme::VIEW_TEXT,
    );
}

/// Two lines through the cross-hair voxel with a gap around it: where the other planes are.
pub fn crosshair(painter: &Painter, view: &PlacedView) {
    if !view.slice.tilt().is_none() {
        return turned_crosshair(painter, view);
    }
    let center = view.sharp(view.pos(view.cross_hair));
    let rect = view.rect;
    let stroke = Stroke::new(1.0, theme::CROSSHAIR);
    let lines = [
        (
            pos2(rect.left(), center.y),
            center - vec2(CROSSHAIR_GAP, 0.0),
        ),
        (
            center + vec2(CROSSHAIR_GAP, 0.0),
            pos2(rect.right(), center.y),
        ),
        (
            pos2(center.x, rect.top()),
            center - vec2(0.0, CROSSHAIR_GAP),
        ),
        (
            center + vec2(0.0, CROSSHAIR_GAP),
            pos2(center.x, rect.bottom()),
        ),
    ];
    for (from, to) in lines {
        painter.line_segment([from, to], stroke);
    }
}

fn turned_crosshair(painter: &Painter, view: &PlacedView) {
    let center = view.pos(view.cross_hair);
    let stroke = Stroke::new(1.0, theme::CROSSHAIR);
    let reach = view.rect.size().length();
    let painter = painter.with_clip_rect(view.rect);
    for along in ends(view) {
        painter.line_segment(
            [center + along * CROSSHAIR_GAP, center + along * reach],
            stroke,
        );
    }
}

/// The four directions of the cross-hair's lines on the screen.
fn ends(view: &PlacedView) -> [egui::Vec2; 4] {
    let [a, b] = view.slice.traces().map(|t| vec2(t.x as f32, t.y as f32));
    [a, -a, b, -b]
}

/// Where the cross-hair's lines can be taken hold of to turn the other planes: near their ends.
pub fn turn_handles(view: &PlacedView) -> Vec<Pos2> {
    /// How far inside of the view they are, in points.
    const INSIDE: f32 = 30.0;
    let (center, rect) = (view.pos(view.cross_hair), view.rect.shrink(INSIDE));
    let to_border = |along: egui::Vec2| {
        let until = |from: f32, step: f32, low: f32, high: f32| match step {
            s if s > 1e-6 => (high - from) / s,
            s if s < -1e-6 => (low - from) / s,
            _ => f32::INFINITY,
        };
        let x = until(center.x, along.x, rect.left(), rect.right());
        x.min(until(center.y, along.y, rect.top(), rect.bottom()))
    };
    let handles = ends(view)
        .into_iter()
        .map(|along| (along, to_border(along)));
    // Near the middle a little movement would be a large turn.
    let far = handles.filter(|(_, away)| *away >= INSIDE && away.is_finite());
    far.map(|(along, away)| center + along * away).collect()
}

/// Draws the handles.
pub fn handles(painter: &Painter, view: &PlacedView) {
    for pos in turn_handles(view) {
        let shadow = egui::Color32::from_black_alpha(160);
        painter.circle(
            pos,
            5.0,
            shadow,
            Stroke::new(1.5, theme::DARK.accent_bright),
        );
    }
}

/// The brush's outline: a circle of `diameter_mm` around the pointer.
pub fn brush_circle(
    painter: &Painter,
    view: &PlacedView,
    pos: Pos2,
    diameter_mm: f64,
    color: egui::Color32,
) {
    let radius = (diameter_mm / 2.0 / view.mm_per_point()) as f32;
    painter.circle_stroke(
        pos,
        radius,
        Stroke::new(2.0, egui::Color32::from_black_alpha(120)),
    );
    painter.circle_stroke(pos, radius, Stroke::new(1.0, color));
    if radius > 12.0 {
        painter.circle_filled(pos, 1.0, color);
    }
}

/// The corner of voxel `v` towards `signs` (each -1 or 1) on the screen.
pub fn voxel_corner(view: &PlacedView, v: VoxelIndex, signs: [f64; 3]) -> Pos2 {
    let center = v.center().0;
    view.pos(VoxelPoint(center + glam::DVec3::from_array(signs) * 0.5))
}
