//! Transposed convolution whose kernel is its stride, on the CPU, channels last: every voxel becomes a block of voxels, each
//! by a matrix of its own, and is written where it belongs at once.

use rayon::prelude::*;

use super::simd::{in_tiles, is_wide};
use super::tile::{column_blocks, multiply_rows};

/// Sizes of one step up.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepShape {
    /// Volumes in the batch.
    pub batch: usize,
    /// Depth, height, width of the input.
    pub dims: [usize; 3],
    /// Input channels.
    pub channels_in: usize,
    /// Output channels.
    pub channels_out: usize,
    /// Sides of the block that a voxel becomes.
    pub block: [usize; 3],
}

impl StepShape {
    /// Sides of the output.
    pub(super) fn dims_out(&self) -> [usize; 3] {
        std::array::from_fn(|d| self.dims[d] * self.block[d])
    }
}

/// `x` `[batch, d, h, w, in]` with `weight` `[block's voxels, in, out]` and `bias` `[out]` →
/// `[batch, d kd, h kh, w kw, out]`.
pub(super) fn forward(x: &[f32], weight: &[f32], bias: &[f32], shape: StepShape) -> Vec<f32> {
    if is_wide(shape.channels_out) {
        step_up::<32>(x, weight, bias, shape)
    } else {
        step_up::<16>(x, weight, bias, shape)
    }
}

fn step_up<const N: usize>(x: &[f32], weight: &[f32], bias: &[f32], shape: StepShape) -> Vec<f32> {
    let weight = &column_blocks::<N>(weight, shape.channels_out);
    let [d, h, w] = shape.dims_out();
    let slab = h * w * shape.channels_out;
    let mut out = vec![0.0; shape.batch * d * slab];
    let slabs = out.par_chunks_exact_mut(slab).enumerate();
    slabs.for_each(|(index, out)| slab_of::<N>(x, weight, bias, (shape, index), out));
    out
}

in_tiles! {
    /// One plane of the output, of all planes of the batch the one of a number.
    fn slab_of<N>(
        x: &[f32],
        weight: &[f32],
        bias: &[f32],
        of: (StepShape, usize),
        out: &mut [f32],
    ) = step_up_slab
}

#[inline(always)]
fn step_up_slab<const R: usize, const N: usize, const FUSED: bool>(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    (shape, index): (StepShape, usize),
    out: &mut [f32],
) {
    let ci = shape.channels_in;
    let [_, height, width] = shape.dims;
    let [deep, high, wide] = shape.block;
    let plane = &x[index / deep * height * width * ci..][..height * width * ci];
    let line = wide * width * shape.channels_out;
    for (number, out) in out.chunks_exact_mut(line).enumerate() {
        let row = &plane[number / high * width * ci..][..width * ci];
        let first = (index % deep * high + number % high) * wide;
        for column in 0..wide {
            let blocks = weight.chunks_exact(deep * high * wide * ci * N);
            for (block, weight) in blocks.enumerate() {
                let weight = &weight[(first + column) * ci * N..][..ci * N];
                let columns = Columns {
                    bias,
                    block,
                    column,
                    wide,
                };
                let mut at = 0;
                while width - at >= R {
                    columns.step::<R, N, FUSED>(row, weight, at, out);
                    at += R;
                }
                while at < width {
                    columns.step::<1, N, FUSED>(row, weight, at, out);
                    at += 1;
                }
            }
        }
    }
}

/// What the voxels of a row become in one of the columns of their blocks, in one block of output channels.
struct Columns<'a> {
    bias: &'a [f32],
    block: usize,
    column: usize,
    /// Columns of a voxel's block.
    wide: usize,
}

impl Columns<'_> {
    /// `R` voxels of `row` from `at` on.
    #[inline(always)]
    fn step<const R: usize, const N: usize, const FUSED: bool>(
        &self,
        row: &[f32],
        weight: &[f32],
        at: usize,
        out: &mut [f32],
    ) {
        let (ci, co) = (weight.len() / N, self.bias.len());
        let first = self.block * N;
        let width = N.min(co - first);
        let mut start = [0.0; N];
        start[..width].copy_from_slice(&self.bias[first..first + width]);
        let from: [&[f32]; R] = std::array::from_fn(|r| &row[(at + r) * ci..][..ci]);
        let sums = multiply_rows::<R, N, FUSED>(&from, weight, [start; R]);
        for (r, sum) in sums.iter().enumerate() {
            let to = ((at + r) * self.wide + self.column) * co + first;
            out[to..to + width].copy_from_slice(&sum[..width]);
        }
    }
}
