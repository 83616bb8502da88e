//! What a reader expects around a slice in a picture: letters, cross-hair, scale bar, slice and window.

use image::{Rgba, RgbaImage};

use crate::geometry::{SliceView, VoxelIndex};
use crate::volume::Window;

use super::glyphs;

const TEXT: [u8; 3] = [235, 225, 150];
const CROSS_HAIR: [u8; 3] = [90, 200, 250];
const SHADOW: [u8; 3] = [0, 0, 0];

/// How much of the scan the cross-hair hides.
const CROSS_HAIR_OPACITY: f32 = 0.6;

/// Draws all annotations of one view onto its picture; `scale` is the size of a dot of the font in pixels.
pub(super) fn annotate(
    picture: &mut RgbaImage,
    view: &SliceView,
    at: VoxelIndex,
    window: Window,
    scale: u32,
) {
    let mut pen = Pen {
        picture,
        scale: scale.max(1) as i32,
    };
    pen.cross_hair(view.pixel_from_voxel(at.center()));
    pen.letters(view);
    pen.captions(view, window);
    pen.scale_bar(view.mm_per_pixel());
}

/// The length of a scale bar: the largest of 1, 2 and 5 times a power of ten up to `longest_mm`.
pub fn scale_bar_mm(longest_mm: f64) -> f64 {
    let decade = 10f64.powf(longest_mm.max(1e-6).log10().floor());
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|n| n * decade)
        .find(|&mm| mm <= longest_mm)
        .unwrap_or(decade)
}

struct Pen<'a> {
    picture: &'a mut RgbaImage,
    scale: i32,
}

impl Pen<'_> {
    fn size(&self) -> [i32; 2] {
        [self.picture.width() as i32, self.picture.height() as i32]
    }

    fn rectangle(&mut self, [x, y]: [i32; 2], [w, h]: [i32; 2], color: [u8; 3], opacity: f32) {
        let [width, height] = self.size();
        for y in y.max(0)..(y + h).min(height) {
            for x in x.max(0)..(x + w).min(width) {
                let Rgba(pixel) = self.picture.get_pixel_mut(x as u32, y as u32);
                for (old, new) in pixel.iter_mut().zip(color) {
                    let mixed = f32::from(*old) * (1.0 - opacity) + f32::from(new) * opacity;
                    *old = mixed.round() as u8;
                }
            }
        }
    }

    /// Text with its top left corner at a position, on a dark shadow.
    fn text(&mut self, text: &str, [x, y]: [i32; 2]) {
        let s = self.scale;
        for (offset, color) in [(s.max(2) / 2, SHADOW), (0, TEXT)] {
            for (n, character) in text.chars().enumerate() {
                let left = x + n as i32 * glyphs::ADVANCE * s + offset;
                for (column, bits) in glyphs::glyph(character).into_iter().enumerate() {
                    for row in (0..glyphs::HEIGHT).filter(|row| bits >> row & 1 == 1) {
                        let corner = [left + column as i32 * s, y + row * s + offset];
                        self.rectangle(corner, [s, s], color, 1.0);
                    }
                }
            }
        }
    }

    fn text_size(&self, text: &str) -> [i32; 2] {
        let columns = text.chars().count() as i32 * glyphs::ADVANCE - 1;
        [columns * self.scale, glyphs::HEIGHT * self.scale]
    }

    fn margin(&self) -> i32 {
        5 * self.scale
    }

    /// Lines through the cross-hair's voxel that leave the voxel itself free.
    fn cross_hair(&mut self, (x, y): (f64, f64)) {
        let [width, height] = self.size();
        let (x, y) = (x.floor() as i32, y.floor() as i32);
        let gap = 8 * self.scale;
        let mut line = |corner, size| self.rectangle(corner, size, CROSS_HAIR, CROSS_HAIR_OPACITY);
        line([0, y], [x - gap, 1]);
        line([x + gap, y], [width, 1]);
        line([x, 0], [1, y - gap]);
        line([x, y + gap], [1, height]);
    }

    fn letters(&mut self, view: &SliceView) {
        let [width, height] = self.size();
        let margin = self.margin();
        let [left, right, top, bottom] = view.border_texts();
        let [w, h] = self.text_size(&right);
        self.text(&left, [margin, (height - h) / 2]);
        self.text(&right, [width - margin - w, (height - h) / 2]);
        self.text(&top, [(width - w) / 2, margin]);
        self.text(&bottom, [(width - w) / 2, height - margin - h]);
    }

    fn captions(&mut self, view: &SliceView, window: Window) {
        let margin = self.margin();
        let name = view.plane().name();
        let title = format!("{name} {}/{}", view.slice() + 1, view.slice_count());
        self.text(&title, [margin, margin]);
        let window = format!("W {} L {}", rounded(window.width), rounded(window.level));
        let bottom = self.size()[1] - margin - self.text_size(&window)[1];
        self.text(&window, [margin, bottom]);
    }

    fn scale_bar(&mut self, mm_per_pixel: f64) {
        let [width, height] = self.size();
        let (margin, s) = (self.margin(), self.scale);
        let mm = scale_bar_mm(f64::from(width) * 0.3 * mm_per_pixel);
        let length = (mm / mm_per_pixel).round() as i32;
        let label = match mm >= 10.0 {
            true => format!("{} cm", rounded(mm / 10.0)),
            false => format!("{} mm", round_length(mm)),
        };
        let left = width - margin - length;
        let y = height - margin - s;
        self.rectangle([left, y], [length, s], TEXT, 1.0);
        for x in [left, left + length - s] {
            self.rectangle([x, y - 3 * s], [s, 4 * s], TEXT, 1.0);
        }
        let [w, h] = self.text_size(&label);
        self.text(&label, [left + (length - w) / 2, y - h - 3 * s]);
    }
}

/// A length of a scale bar, which is one digit and zeros.
fn round_length(mm: f64) -> String {
    let decimals = (-mm.log10().floor()).max(0.0) as usize;
    format!("{mm:.decimals$}")
}

/// A number as short as it can be read: whole above 10, else two digits after the point.
fn rounded(value: f64) -> String {
    let digits = if value.abs() >= 10.0 { 0 } else { 2 };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
