//! Maps cut into square windows for local attention, as SAM's encoder does it.

use burn::tensor::{Tensor, ops::PadMode};

/// Cuts `[b, h, w, c]` into windows `[b n, side, side, c]`, image by image, row by row; zeros are added below and to
/// the right where the side does not divide the map.
pub fn partition_windows(x: Tensor<4>, side: usize) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let (rows, columns) = (height.div_ceil(side), width.div_ceil(side));
    let (below, right) = (rows * side - height, columns * side - width);
    let x = if below + right > 0 {
        x.pad(
            [(0, 0), (0, below), (0, right), (0, 0)],
            PadMode::Constant(0.0),
        )
    } else {
        x
    };
    x.reshape([batch, rows, side, columns, side, channels])
        .swap_dims(2, 3)
        .reshape([batch * rows * columns, side, side, channels])
}

/// Puts the windows of [`partition_windows`] back together and takes what was added off again.
pub fn join_windows(windows: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [count, side, _, channels] = windows.dims();
    let (rows, columns) = (height.div_ceil(side), width.div_ceil(side));
    let batch = count / (rows * columns);
    windows
        .reshape([batch, rows, columns, side, side, channels])
        .swap_dims(2, 3)
        .reshape([batch, rows * side, columns * side, channels])
        .slice([0..batch, 0..height, 0..width, 0..channels])
}
