//! The words beside the pointer: what a press will do, and to which label.

use egui::{Align2, Painter, Pos2, Rect, vec2};

use crate::session::Receiver;
use crate::ui::theme;

use super::PlacedView;
use super::annotations::grounded_text;

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
        theme::DARK.warning
    } else {
        theme::POINTER_TEXT
    };
    let beside = at + vec2(dx.signum() * 8.0, 0.0);
    grounded_text(painter, beside, anchor, text, font, color);
}
