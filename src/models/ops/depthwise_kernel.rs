//! Depthwise 3×3×3 convolution on the CPU, channels last, stride 1, zero padding 1; forward and both gradients.
//!
//! Burn's general convolution treats each channel as a group of its own, with a matrix product of one row each; here
//! all channels of a voxel go through one vector loop.

use rayon::prelude::*;

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct DepthwiseShape {
    /// Depth, height, width.
    pub dims: [usize; 3],
    /// Channels.
    pub channels: usize,
}

impl DepthwiseShape {
    fn row(&self) -> usize {
        self.dims[2] * self.channels
    }

    /// For a row of the batch's rows, the offset of each neighbouring row with the nine kernel places of its plane.
    fn neighbours(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let [d, h, _] = self.dims;
        let (b, z, y) = (row / (d * h), row / h % d, row % h);
        let length = self.row();
        (0..9).filter_map(move |place| {
            let (dz, dy) = (place / 3, place % 3);
            let (z, y) = ((z + dz).checked_sub(1)?, (y + dy).checked_sub(1)?);
            (z < d && y < h).then(|| (((b * d + z) * h + y) * length, place))
        })
    }
}

/// `x` `[batch, d, h, w, c]` with `weight` `[27, c]` → `[batch, d, h, w, c]`.
pub(super) fn forward(x: &[f32], weight: &[f32], shape: DepthwiseShape) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let (row, c) = (shape.row(), shape.channels);
    out.par_chunks_exact_mut(row)
        .enumerate()
        .for_each(|(index, out)| {
            for (from, place) in shape.neighbours(index) {
                let source = &x[from..from + row];
                let weights = &weight[3 * place * c..][..3 * c];
                for (at, out) in out.chunks_exact_mut(c).enumerate() {
                    for (dx, weight) in weights.chunks_exact(c).enumerate() {
                        let Some(near) = (at + dx).checked_sub(1).filter(|n| *n < shape.dims[2])
                        else {
                            continue;
                        };
                        let source = &source[near * c..][..c];
                        for ((out, value), weight) in out.iter_mut().zip(source).zip(weight) {
                            *out += value * weight;
                        }
                    }
                }
            }
        });
    out
}

/// Gradient with respect to the input: the same with the mirrored kernel.
pub(super) fn backward_input(grad: &[f32], weight: &[f32], shape: DepthwiseShape) -> Vec<f32> {
    let places = weight.chunks_exact(shape.channels).rev();
    let mirrored: Vec<f32> = places.flatten().copied().collect();
    forward(grad, &mirrored, shape)
}

/// Gradient with respect to the weight, `[27, c]`.
pub(super) fn backward_weight(x: &[f32], grad: &[f32], shape: DepthwiseShape) -> Vec<f32> {
    let (row, c) = (shape.row(), shape.channels);
    let add = |mut sum: Vec<f32>, (index, grad): (usize, &[f32])| {
        for (from, place) in shape.neighbours(index) {
            let source = &x[from..from + row];
            for (at, grad) in grad.chunks_exact(c).enumerate() {
                for dx in 0..3 {
                    let Some(near) = (at + dx).checked_sub(1).filter(|n| *n < shape.dims[2]) else {
                        continue;
                    };
                    let source = &source[near * c..][..c];
                    let sum = &mut sum[(3 * place + dx) * c..][..c];
                    for ((sum, value), grad) in sum.iter_mut().zip(source).zip(grad) {
                        *sum += value * grad;
                    }
                }
            }
        }
        sum
    };
    grad.par_chunks_exact(row)
        .enumerate()
        .fold(|| vec![0.0; 27 * c], add)
        .reduce(
            || vec![0.0; 27 * c],
            |a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect(),
        )
}
