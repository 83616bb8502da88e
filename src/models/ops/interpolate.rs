//! Linear interpolation along any axes, as PyTorch's `interpolate` does it.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Which points of source and target coincide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corners {
    /// The centres of the outermost elements: PyTorch's `align_corners=True`.
    Aligned,
    /// The outer edges: `align_corners=False`, PyTorch's default.
    HalfPixel,
}

/// Resizes the last axes of `x` to `sizes`: one size is linear, two bilinear, three trilinear.
pub fn resize_linear<const D: usize>(x: Tensor<D>, sizes: &[usize], corners: Corners) -> Tensor<D> {
    sizes.iter().enumerate().fold(x, |x, (place, &size)| {
        resize_axis(x, D - sizes.len() + place, size, corners)
    })
}

/// Resizes a channels-last map `[b, d, h, w, c]` to `sizes`, trilinear.
pub fn resize_volume_last(x: Tensor<5>, sizes: [usize; 3], corners: Corners) -> Tensor<5> {
    (0..3).fold(x, |x, d| resize_axis(x, d + 1, sizes[d], corners))
}

/// Resizes one axis to `size`.
pub fn resize_axis<const D: usize>(
    x: Tensor<D>,
    axis: usize,
    size: usize,
    corners: Corners,
) -> Tensor<D> {
    let length = x.dims()[axis];
    if length == size {
        return x;
    }
    let step = match corners {
        Corners::Aligned if size > 1 => (length - 1) as f32 / (size - 1) as f32,
        Corners::Aligned => 0.0,
        Corners::HalfPixel => length as f32 / size as f32,
    };
    blend(x, axis, size, corners, step)
}

/// Resizes one axis by `factor` (target over source), which also sets the sampled places even where it does not
/// divide the lengths; the new length is ⌊length · factor⌋. `align_corners=False`.
pub fn rescale_axis<const D: usize>(x: Tensor<D>, axis: usize, factor: f64) -> Tensor<D> {
    let size = (x.dims()[axis] as f64 * factor).floor() as usize;
    blend(x, axis, size, Corners::HalfPixel, (1.0 / factor) as f32)
}

/// Samples the axis at `size` places, `step` source elements apart.
fn blend<const D: usize>(
    x: Tensor<D>,
    axis: usize,
    size: usize,
    corners: Corners,
    step: f32,
) -> Tensor<D> {
    let last = x.dims()[axis] - 1;
    let mut below = Vec::with_capacity(size);
    let mut above = Vec::with_capacity(size);
    let mut share = Vec::with_capacity(size);
    for target in 0..size {
        let place = match corners {
            Corners::Aligned => target as f32 * step,
            Corners::HalfPixel => ((target as f32 + 0.5) * step - 0.5).max(0.0),
        };
        let index = (place as usize).min(last);
        below.push(index as i64);
        above.push((index + 1).min(last) as i64);
        share.push((place - index as f32).clamp(0.0, 1.0));
    }
    let device = x.device();
    let low = x.clone().select(axis, indices(below, &device));
    let high = x.select(axis, indices(above, &device));
    let mut shape = [1; D];
    shape[axis] = size;
    let share = Tensor::<D>::from_data(TensorData::new(share, shape), &device);
    low.clone() + (high - low) * share
}

fn indices(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
