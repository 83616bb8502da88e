//! Transposed convolution whose kernel is its stride, on the CPU, channels last: every voxel becomes a block of voxels, each
//! by a matrix of its own, and is written where it belongs at once.

#![allow(
    unsafe_code,
    reason = "calling a function compiled for an instruction set needs it, after the processor was asked"
)]

use rayon::prelude::*;

use super::simd::{Simd, available};
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
    match (available(), shape.channels_out) {
        (Simd::Avx512, 17..) => step_up::<32>(x, weight, bias, shape, Simd::Avx512),
        (level, _) => step_up::<16>(x, weight, bias, shape, level),
    }
}

fn step_up<const N: usize>(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    shape: StepShape,
    level: Simd,
) -> Vec<f32> {
    let weight = column_blocks::<N>(weight, shape.channels_out);
    let [d, h, w] = shape.dims_out();
    let slab = h * w * shape.channels_out;
    let mut out = vec![0.0; shape.batch * d * slab];
    let slabs = out.par_chunks_exact_mut(slab).enumerate();
    slabs.for_each(|(index, out)| match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `available` asked the processor for these features.
        Simd::Avx512 => unsafe { slab_avx512::<N>(x, &weight, bias, (shape, index), out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Simd::Avx2 => unsafe { slab_avx2::<N>(x, &weight, bias, (shape, index), out) },
        _ => slab_of::<4, N, false>(x, &weight, bias, (shape, index), out),
    });
    out
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,fma")]
fn slab_avx512<const N: usize>(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    of: (StepShape, usize),
    out: &mut [f32],
) {
    slab_of::<8, N, true>(x, weight, bias, of, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn slab_avx2<const N: usize>(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    of: (StepShape, usize),
    out: &mut [f32],
) {
    slab_of::<4, N, true>(x, weight, bias, of, out);
}

/// One plane of the output, of all planes of the batch the one at `index`.
#[inline(always)]
fn slab_of<const R: usize, const N: usize, const FUSED: bool>(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    (shape, index): (StepShape, usize),
    out: &mut [f32],
) {
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let [_, height, width] = shape.dims;
    let [deep, high, wide] = shape.block;
    let plane = &x[index / deep * height * width * ci..][..height * width * ci];
    let voxels = deep * high * wide;
    let line = wide * width * co;
    for (number, out) in out.chunks_exact_mut(line).enumerate() {
        let row = &plane[number / high * width * ci..][..width * ci];
        let first = (index % deep * high + number % high) * wide;
        for column in 0..wide {
            for (block, weight) in weight.chunks_exact(voxels * ci * N).enumerate() {
                let weight = &weight[(first + column) * ci * N..][..ci * N];
                let outputs = block * N..co.min((block + 1) * N);
                let mut start = [0.0; N];
                start[..outputs.len()].copy_from_slice(&bias[outputs.clone()]);
                let mut at = 0;
                while at < width {
                    let rows = if width - at >= R { R } else { 1 };
                    let place = |r: usize| ((at + r) * wide + column) * co + outputs.start;
                    if rows == R {
                        let from: [&[f32]; R] =
                            std::array::from_fn(|r| &row[(at + r) * ci..][..ci]);
                        let sums = multiply_rows::<R, N, FUSED>(&from, weight, [start; R]);
                        for (r, sum) in sums.iter().enumerate() {
                            out[place(r)..][..outputs.len()].copy_from_slice(&sum[..outputs.len()]);
                        }
                    } else {
                        let from = [&row[at * ci..][..ci]];
                        let [sum] = multiply_rows::<1, N, FUSED>(&from, weight, [start]);
                        out[place(0)..][..outputs.len()].copy_from_slice(&sum[..outputs.len()]);
                    }
                    at += rows;
                }
            }
        }
    }
}
