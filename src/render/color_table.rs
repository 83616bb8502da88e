//! The colour of every label value, as the shaders and their CPU twin look it up.

use crate::volume::LabelTable;

/// One colour for each of the 65536 label values.
pub(super) const COLORS: usize = 1 << 16;

/// sRGB and visibility (alpha 255 shown, 0 hidden) of every label value; values without an entry in the
/// table are shown in the palette's colour.
pub(super) fn color_table(table: &LabelTable) -> Vec<[u8; 4]> {
    let shown = |[r, g, b]: [u8; 3]| [r, g, b, u8::MAX];
    let mut colors: Vec<[u8; 4]> = (0..COLORS)
        .map(|v| shown(LabelTable::palette_color(v as u16)))
        .collect();
    for label in table.labels() {
        let [r, g, b] = label.color;
        colors[usize::from(label.value)] = [r, g, b, if label.visible { u8::MAX } else { 0 }];
    }
    colors
}
