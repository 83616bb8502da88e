//! Cutting channels-last maps into square windows on the CPU and putting them together: whole rows of voxels are copied, on
//! all threads.

use rayon::prelude::*;

/// Sizes of one cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct WindowShape {
    /// Maps in the batch.
    pub batch: usize,
    /// Height, width of a map.
    pub map: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Side of a window.
    pub side: usize,
}

impl WindowShape {
    /// Rows and columns of windows in a map.
    pub fn windows(&self) -> [usize; 2] {
        self.map.map(|length| length.div_ceil(self.side))
    }

    /// Values of a row of a map that lie in the windows of a column, the last of which may reach beyond the map.
    fn inside(&self, column: usize) -> std::ops::Range<usize> {
        let [_, width] = self.map;
        let first = column * self.side;
        first * self.channels..width.min(first + self.side) * self.channels
    }
}

/// `[b, h, w, c]` → `[b n, side, side, c]`, zero beyond the map.
pub(super) fn cut(x: &[f32], shape: WindowShape) -> Vec<f32> {
    let [rows, columns] = shape.windows();
    let [height, width] = shape.map;
    let (side, line) = (shape.side, shape.side * shape.channels);
    let mut out = vec![0.0; shape.batch * rows * columns * side * line];
    let windows = out.par_chunks_exact_mut(side * line).enumerate();
    windows.for_each(|(window, out)| {
        let (map, row, column) = (
            window / (rows * columns),
            window / columns % rows,
            window % columns,
        );
        let inside = shape.inside(column);
        let lines = out.chunks_exact_mut(line).zip(row * side..height);
        for (out, y) in lines {
            let from = &x[(map * height + y) * width * shape.channels..][inside.clone()];
            out[..from.len()].copy_from_slice(from);
        }
    });
    out
}

/// Undoes [`cut`].
pub(super) fn join(windows: &[f32], shape: WindowShape) -> Vec<f32> {
    let [rows, columns] = shape.windows();
    let [height, width] = shape.map;
    let (side, line) = (shape.side, shape.side * shape.channels);
    let row_of_map = width * shape.channels;
    let mut out = vec![0.0; shape.batch * height * row_of_map];
    let lines = out.par_chunks_exact_mut(row_of_map).enumerate();
    lines.for_each(|(number, out)| {
        let (map, y) = (number / height, number % height);
        for column in 0..columns {
            let window = (map * rows + y / side) * columns + column;
            let out = &mut out[shape.inside(column)];
            let from = &windows[(window * side + y % side) * line..][..out.len()];
            out.copy_from_slice(from);
        }
    });
    out
}
