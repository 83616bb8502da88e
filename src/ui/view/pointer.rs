//! The pointer over a view: its shape tells what a press will do, the words beside it to which label.

use egui::{Align2, CursorIcon, Painter, Pos2, Rect, vec2};

use crate::geometry::VoxelBox;
use crate::prompt::Polarity;
use crate::session::{Receiver, Tool};
use crate::ui::theme;

use super::annotations::shadowed_text;
use super::box_edit::{grabbed_sides, is_in_slice, outline};
use super::{ActiveDrag, PlacedView};

/// The pointer's shape.
pub fn cursor(
    view: &PlacedView,
    pos: Pos2,
    tool: Tool,
    target_box: Option<VoxelBox>,
    drag: Option<&ActiveDrag>,
) -> CursorIcon {
    if let Some(dragging) = drag.and_then(ActiveDrag::cursor) {
        return dragging;
    }
    match tool {
        Tool::CrossHair | Tool::Click | Tool::Brush | Tool::Eraser => CursorIcon::Crosshair,
        Tool::Window => CursorIcon::AllScroll,
        Tool::Box => over_box(view, pos, target_box).unwrap_or(CursorIcon::Crosshair),
    }
}

/// The shape over a box: along which way a side or a corner is pulled, or a hand that takes the whole.
fn over_box(view: &PlacedView, pos: Pos2, target_box: Option<VoxelBox>) -> Option<CursorIcon> {
    let b = target_box.filter(|b| is_in_slice(view, *b))?;
    let rect = Rect::from_points(&outline(view, b));
    let Some(sides) = grabbed_sides(view, b, pos) else {
        return rect.contains(pos).then_some(CursorIcon::Grab);
    };
    let [across, down] = view.slice.in_plane_axes().map(|axis| sides[axis] != 0);
    let away = pos - rect.center();
    Some(match (across, down) {
        (true, false) => CursorIcon::ResizeHorizontal,
        (false, _) => CursorIcon::ResizeVertical,
        (true, true) if away.x * away.y > 0.0 => CursorIcon::ResizeNwSe,
        (true, true) => CursorIcon::ResizeNeSw,
    })
}

/// What a press will do and to which label, in words; `None` for tools that touch no label.
pub fn words(tool: Tool, polarity: Polarity, shift: bool, receiver: &Receiver) -> Option<String> {
    let title = &receiver.title;
    let new = if receiver.is_new { " (new)" } else { "" };
    let text = match tool {
        Tool::CrossHair | Tool::Window => return None,
        _ if receiver.is_locked => format!("{title} is locked"),
        Tool::Click if (polarity == Polarity::Negative) != shift => format!("not {title}{new}"),
        Tool::Eraser | Tool::Brush if (tool == Tool::Eraser) != shift => match receiver.is_new {
            true => "no label chosen".to_owned(),
            false => format!("erase {title}"),
        },
        _ => format!("{title}{new}"),
    };
    Some(text)
}

/// The words beside the pointer, with the label's colour; kept inside the view.
pub fn tag(painter: &Painter, view: &PlacedView, pos: Pos2, text: &str, receiver: &Receiver) {
    const AWAY: f32 = 16.0;
    let font = theme::view_font();
    let words = painter.layout_no_wrap(text.to_owned(), font.clone(), theme::POINTER_TEXT);
    let leftwards = pos.x + 2.0 * AWAY + words.size().x > view.rect.right();
    let upwards = pos.y + 2.0 * AWAY > view.rect.bottom();
    let dx = if leftwards { -AWAY } else { AWAY };
    let dy = if upwards { -AWAY } else { AWAY };
    let at = pos + vec2(dx, dy);
    let anchor = if leftwards {
        Align2::RIGHT_CENTER
    } else {
        Align2::LEFT_CENTER
    };
    let [r, g, b] = receiver.color;
    let swatch = Rect::from_center_size(at, vec2(8.0, 8.0));
    painter.rect_filled(
        swatch.expand(1.0),
        1.0,
        egui::Color32::from_black_alpha(200),
    );
    painter.rect_filled(swatch, 1.0, egui::Color32::from_rgb(r, g, b));
    let color = if receiver.is_locked {
        theme::WARNING
    } else {
        theme::POINTER_TEXT
    };
    let beside = at + vec2(dx.signum() * 8.0, 0.0);
    shadowed_text(painter, beside, anchor, text, font, color);
}
