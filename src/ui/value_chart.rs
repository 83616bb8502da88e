//! The values of the scan as a chart in the window of an operation with a lowest and a highest one: dragging in it sets the
//! nearer of the two, buttons set what is usual.

use std::sync::{Arc, Weak};

use egui::{Button, DragValue, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::geometry::VoxelBox;
use crate::session::Case;
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::volume::morphology::rows;
use crate::volume::{ImageVolume, Spread};

const SIZE: egui::Vec2 = vec2(300.0, 54.0);
/// Points to a bar.
const BAR: f32 = 2.0;
/// What of the highest value is usually taken in PET.
const PERCENT: f64 = 41.0;

/// What is known of the values of a scan, and the share of the highest one that is asked for.
#[derive(Debug, Clone)]
pub struct ValueChart {
    of: Weak<ImageVolume>,
    spread: Option<Spread>,
    percent: f64,
}

impl ValueChart {
    /// Of the scan that is worked on.
    pub fn of(case: &Case) -> Self {
        Self {
            of: Arc::downgrade(case.image()),
            spread: Spread::of(case.image()),
            percent: PERCENT,
        }
    }

    /// Whether it is of the scan that is worked on now.
    pub fn is_of(&self, case: &Case) -> bool {
        std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(case.image()))
    }

    /// Draws it over the texts of the lowest and the highest value, and changes these as is asked.
    pub fn show(&mut self, ui: &mut Ui, case: &Case, [low, high]: [&mut String; 2]) {
        let Some(spread) = &self.spread else {
            return;
        };
        let range = spread.range();
        let limits = [value_of(low, range[0]), value_of(high, range[1])];
        if let Some(value) = chart(ui, spread, limits) {
            let is_lower = (value - limits[0]).abs() <= (value - limits[1]).abs();
            let text = if is_lower { &mut *low } else { &mut *high };
            *text = readable(value, range);
        }
        ui.horizontal(|ui| {
            let cut = spread.otsu();
            let otsu = ui.add_enabled(cut.is_some(), Button::new("Otsu"));
            let otsu = otsu.on_hover_text(tr!(
                "From where the values fall into two classes (the largest variance between them) on"
            ));
            if let Some(cut) = cut.filter(|_| otsu.clicked()) {
                (*low, *high) = (readable(cut, range), range[1].to_string());
            }
            let asked = ui.button(tr!("Share of maximum")).on_hover_text(tr!(
                "From this percentage of the highest value on: in the drawn box, else in the whole scan"
            ));
            let percent = DragValue::new(&mut self.percent)
                .range(1.0..=100.0)
                .suffix(" %");
            ui.add(percent);
            if asked.clicked() {
                let boxed = case.prompts().target_box;
                let highest = boxed.and_then(|b| highest_in(case.image(), b));
                let highest = highest.unwrap_or(range[1]);
                let from = highest * self.percent / 100.0;
                (*low, *high) = (readable(from, range), range[1].to_string());
            }
        });
    }
}

/// The number that a text is, else this one.
fn value_of(text: &str, otherwise: f64) -> f64 {
    text.trim().parse().unwrap_or(otherwise)
}

/// A value in as many digits as tell a thousandth of the range apart.
fn readable(value: f64, [low, high]: [f64; 2]) -> String {
    let digits = (3.0 - (high - low).log10()).ceil().clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}")
}

fn highest_in(image: &ImageVolume, within: VoxelBox) -> Option<f64> {
    let dims = image.grid().dims;
    let offsets = rows(dims, within.clipped(dims)?).flatten();
    let values = offsets.map(|offset| image.value(offset));
    values.filter(|v| v.is_finite()).max_by(f64::total_cmp)
}

/// Draws the bars, those between the limits in the colour of what is chosen; the value that was pressed at.
fn chart(ui: &mut Ui, spread: &Spread, limits: [f64; 2]) -> Option<f64> {
    let (rect, response) = ui.allocate_exact_size(SIZE, Sense::click_and_drag());
    let response = response.on_hover_text(tr!(
        "How often each value is in the scan. Drag: sets the nearer limit"
    ));
    let colours = theme::of(ui.ctx());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, colours.sunken);
    let [low, high] = spread.range();
    let x_of = |value: f64| {
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        rect.left() + rect.width() * share as f32
    };
    let counts = spread.counts((SIZE.x / BAR) as usize);
    // Few voxels of a lesion stand beside many of air.
    let height = |count: usize| (count as f32).ln_1p();
    let most = counts.iter().map(|&n| height(n)).fold(1.0, f32::max);
    let chosen = x_of(limits[0])..=x_of(limits[1]);
    for (n, &count) in counts.iter().enumerate() {
        let left = rect.left() + BAR * n as f32;
        let top = rect.bottom() - rect.height() * height(count) / most;
        let bar = Rect::from_min_max(pos2(left, top), pos2(left + BAR, rect.bottom()));
        let is_chosen = chosen.contains(&bar.center().x);
        painter.rect_filled(
            bar,
            0.0,
            if is_chosen {
                theme::ACCENT
            } else {
                colours.faint
            },
        );
    }
    for x in [*chosen.start(), *chosen.end()] {
        painter.vline(x, rect.y_range(), Stroke::new(1.0, colours.accent_bright));
    }
    let pos = response.interact_pointer_pos()?;
    let share = ((pos.x - rect.left()) / rect.width()).clamp(0.0, 1.0);
    Some(low + (high - low) * f64::from(share))
}
