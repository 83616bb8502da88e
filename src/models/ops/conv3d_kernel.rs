//! Convolution on the CPU, channels last, zero padding of half a kernel: forward for kernels of odd sides and any stride,
//! both gradients for 3×3×3 with stride 1.
//!
//! The input is copied into a zero-padded volume: for the gradients once, forward only the planes around the one that is
//! made, so that the copy stays in the cache. A register tile then holds `R` neighbouring voxels of a
//! row times `N` output channels, and runs over the nine (dz, dy) offsets: the three dx offsets of a voxel lie
//! side by side in memory, so each is one pass over `3 * channels_in` contiguous values. Nothing like im2col is
//! ever written.

use rayon::prelude::*;

use super::simd::{in_tiles, is_wide, multiply_add};
use super::tile::{column_blocks, multiply_rows};

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConvShape {
    /// Volumes in the batch.
    pub batch: usize,
    /// Depth, height, width.
    pub dims: [usize; 3],
    /// Input channels.
    pub channels_in: usize,
    /// Output channels.
    pub channels_out: usize,
    /// Sides of the kernel, odd.
    pub kernel: [usize; 3],
    /// Voxels from one output to the next.
    pub stride: [usize; 3],
}

impl ConvShape {
    fn plane(&self) -> usize {
        self.dims[1] * self.dims[2]
    }

    fn voxels(&self) -> usize {
        self.dims[0] * self.plane()
    }

    /// Whether it is the convolution that has gradients.
    pub(super) fn is_cube(&self) -> bool {
        self.kernel == [3; 3] && self.stride == [1; 3]
    }

    /// Sides of the output.
    pub(super) fn dims_out(&self) -> [usize; 3] {
        std::array::from_fn(|d| (self.dims[d] - 1) / self.stride[d] + 1)
    }

    fn padded_dims(&self) -> [usize; 3] {
        std::array::from_fn(|d| self.dims[d] + self.kernel[d] - 1)
    }

    fn padded_plane(&self) -> usize {
        let [_, h, w] = self.padded_dims();
        h * w
    }
}

/// `x` `[batch, d, h, w, in]` convolved with `weight` `[taps, in, out]` → `[batch, d', h', w', out]`.
pub(super) fn forward(x: &[f32], weight: &[f32], shape: ConvShape) -> Vec<f32> {
    match shape.channels_out {
        ..=8 => convolve::<8>(x, weight, shape),
        channels if is_wide(channels) => convolve::<32>(x, weight, shape),
        _ => convolve::<16>(x, weight, shape),
    }
}

/// Gradient with respect to the input: a convolution of the output's gradient with the mirrored kernel.
pub(super) fn backward_input(grad: &[f32], weight: &[f32], shape: ConvShape) -> Vec<f32> {
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let mut mirrored = vec![0.0; weight.len()];
    for offset in 0..27 {
        let source = &weight[(26 - offset) * ci * co..][..ci * co];
        let target = &mut mirrored[offset * ci * co..][..ci * co];
        for i in 0..ci {
            for o in 0..co {
                target[o * ci + i] = source[i * co + o];
            }
        }
    }
    let transposed = ConvShape {
        channels_in: co,
        channels_out: ci,
        ..shape
    };
    forward(grad, &mirrored, transposed)
}

/// Gradient with respect to the weight, `[27, in, out]`.
pub(super) fn backward_weight(x: &[f32], grad: &[f32], shape: ConvShape) -> Vec<f32> {
    match shape.channels_out {
        ..=8 => correlate::<8>(x, grad, shape),
        channels if is_wide(channels) => correlate::<32>(x, grad, shape),
        _ => correlate::<16>(x, grad, shape),
    }
}

/// Copies each volume of the batch into one with a border of zeros.
fn padded(x: &[f32], shape: ConvShape) -> Vec<f32> {
    let [d, h, w] = shape.dims;
    let row = w * shape.channels_in;
    let [padded_depth, _, padded_width] = shape.padded_dims();
    let padded_row = padded_width * shape.channels_in;
    let padded_slab = shape.padded_plane() * shape.channels_in;
    let [before, above, left] = shape.kernel.map(|side| side / 2);
    let mut out = vec![0.0; shape.batch * padded_depth * padded_slab];
    for (slab, source) in x.chunks_exact(h * row).enumerate() {
        let (b, z) = (slab / d, slab % d);
        let target = &mut out[(b * padded_depth + z + before) * padded_slab..][..padded_slab];
        for (y, line) in source.chunks_exact(row).enumerate() {
            let start = (y + above) * padded_row + left * shape.channels_in;
            target[start..start + row].copy_from_slice(line);
        }
    }
    out
}

/// Copies the planes that plane `z` of the output is made of into one of each offset, which has a border of zeros.
fn padded_planes(x: &[f32], shape: ConvShape, z: usize, out: &mut [f32]) {
    let [d, h, w] = shape.dims;
    let row = w * shape.channels_in;
    let padded_row = shape.padded_dims()[2] * shape.channels_in;
    let [before, above, left] = shape.kernel.map(|side| side / 2);
    let planes = out.chunks_exact_mut(shape.padded_plane() * shape.channels_in);
    for (offset, target) in planes.enumerate() {
        let plane = (z * shape.stride[0] + offset).checked_sub(before);
        let plane = plane.filter(|&plane| plane < d);
        let lines = target.chunks_exact_mut(padded_row).skip(above).take(h);
        for (y, line) in lines.enumerate() {
            let line = &mut line[left * shape.channels_in..][..row];
            match plane {
                Some(plane) => line.copy_from_slice(&x[(plane * h + y) * row..][..row]),
                None => line.fill(0.0),
            }
        }
    }
}

fn convolve<const N: usize>(x: &[f32], weight: &[f32], shape: ConvShape) -> Vec<f32> {
    let weight = column_blocks::<N>(weight, shape.channels_out);
    let [d, h, w] = shape.dims_out();
    let slab = h * w * shape.channels_out;
    let mut out = vec![0.0; shape.batch * d * slab];
    let volume = shape.voxels() * shape.channels_in;
    let padded = || vec![0.0; shape.kernel[0] * shape.padded_plane() * shape.channels_in];
    let slabs = out.par_chunks_exact_mut(slab).enumerate();
    slabs.for_each_init(padded, |planes, (index, out)| {
        let (b, z) = (index / d, index % d);
        padded_planes(&x[b * volume..][..volume], shape, z, planes);
        slab_of::<N>(planes, &weight, shape, out);
    });
    out
}

in_tiles! {
    /// One output slab (fixed depth) from the padded input slabs around it.
    fn slab_of<N>(x: &[f32], weight: &[f32], shape: ConvShape, out: &mut [f32]) = convolve_slab
}

#[inline(always)]
fn convolve_slab<const R: usize, const N: usize, const FUSED: bool>(
    x: &[f32],
    weight: &[f32],
    shape: ConvShape,
    out: &mut [f32],
) {
    let [_, h, w] = shape.dims_out();
    let block_len = shape.kernel.iter().product::<usize>() * shape.channels_in * N;
    for (block, weight) in weight.chunks_exact(block_len).enumerate() {
        for y in 0..h {
            let mut at = 0;
            while w - at >= R {
                convolve_tile::<R, N, FUSED>(x, weight, shape, (y, at, block), out);
                at += R;
            }
            if R > 4 && w - at >= 4 {
                convolve_tile::<4, N, FUSED>(x, weight, shape, (y, at, block), out);
                at += 4;
            }
            while w - at >= 2 {
                convolve_tile::<2, N, FUSED>(x, weight, shape, (y, at, block), out);
                at += 2;
            }
            if w > at {
                convolve_tile::<1, N, FUSED>(x, weight, shape, (y, at, block), out);
            }
        }
    }
}

/// Products that are added up in one chain; a sum of its own begins with the next run of a kernel's row. One chain over
/// all voxels of many channels would lose digits.
const LONGEST_CHAIN: usize = 384;

/// `R` voxels of row `y` from column `at`, output channels of `block`.
#[inline(always)]
fn convolve_tile<const R: usize, const N: usize, const FUSED: bool>(
    x: &[f32],
    weight: &[f32],
    shape: ConvShape,
    (y, at, block): (usize, usize, usize),
    out: &mut [f32],
) {
    let ci = shape.channels_in;
    let [planes, rows, columns] = shape.kernel;
    let run = columns * ci;
    let [_, h, w] = shape.padded_dims();
    let [_, down, across] = shape.stride;
    let mut sum = [[0.0f32; N]; R];
    let mut part = sum;
    let together = (LONGEST_CHAIN / run).max(1);
    for (offset, weight) in weight.chunks_exact(run * N).enumerate() {
        let (dz, dy) = (offset / rows, offset % rows);
        let start = ((dz * h + y * down + dy) * w + at * across) * ci;
        let voxels: [&[f32]; R] = std::array::from_fn(|r| &x[start + r * across * ci..][..run]);
        part = multiply_rows::<R, N, FUSED>(&voxels, weight, part);
        if (offset + 1).is_multiple_of(together) || offset + 1 == planes * rows {
            for (sum, part) in sum.iter_mut().zip(&mut part) {
                for (sum, part) in sum.iter_mut().zip(part) {
                    *sum += std::mem::take(part);
                }
            }
        }
    }
    let width = N.min(shape.channels_out - block * N);
    let width_out = shape.dims_out()[2];
    for (r, sum) in sum.iter().enumerate() {
        let to = (y * width_out + at + r) * shape.channels_out + block * N;
        out[to..to + width].copy_from_slice(&sum[..width]);
    }
}

/// Rows of a slab taken together in the weight gradient, so that they stay in the first-level cache.
fn rows_per_chunk(shape: ConvShape) -> usize {
    const CACHE_FLOATS: usize = 8 * 1024;
    (CACHE_FLOATS / (shape.dims[2] * (shape.channels_in + shape.channels_out)))
        .clamp(1, shape.dims[1])
}

fn correlate<const N: usize>(x: &[f32], grad: &[f32], shape: ConvShape) -> Vec<f32> {
    let x = padded(x, shape);
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let blocks = co.div_ceil(N);
    let slabs = shape.batch * shape.dims[0];
    let grad = column_blocks::<N>(grad, co);
    let positions = shape.batch * shape.voxels();
    let padded_slab = shape.padded_plane() * ci;
    let parts = rayon::current_num_threads().clamp(1, slabs);
    let sums: Vec<Vec<f32>> = (0..parts)
        .into_par_iter()
        .map(|part| {
            let mut sum = vec![0.0; blocks * 27 * ci * N];
            for index in part * slabs / parts..(part + 1) * slabs / parts {
                let (b, z) = (index / shape.dims[0], index % shape.dims[0]);
                let x = &x[(b * (shape.dims[0] + 2) + z) * padded_slab..][..3 * padded_slab];
                for (block, sum) in sum.chunks_exact_mut(27 * ci * N).enumerate() {
                    let first = block * positions + index * shape.plane();
                    let grad = &grad[first * N..][..shape.plane() * N];
                    add_gradient::<N>(x, grad, shape, sum);
                }
            }
            sum
        })
        .collect();
    let mut out = vec![0.0; 27 * ci * co];
    for sum in &sums {
        for (block, sum) in sum.chunks_exact(27 * ci * N).enumerate() {
            let width = N.min(co - block * N);
            for (row, sum) in sum.chunks_exact(N).enumerate() {
                let to = &mut out[row * co + block * N..][..width];
                to.iter_mut().zip(sum).for_each(|(to, s)| *to += s);
            }
        }
    }
    out
}

in_tiles! {
    /// Adds one slab's share of the gradient of one block of output channels, `[27 * in, N]`.
    fn add_gradient<N>(x: &[f32], grad: &[f32], shape: ConvShape, sum: &mut [f32]) = correlate_slab
}

#[inline(always)]
fn correlate_slab<const R: usize, const N: usize, const FUSED: bool>(
    x: &[f32],
    grad: &[f32],
    shape: ConvShape,
    sum: &mut [f32],
) {
    let run = 3 * shape.channels_in;
    let step = rows_per_chunk(shape);
    for first in (0..shape.dims[1]).step_by(step) {
        let rows = first..(first + step).min(shape.dims[1]);
        for (offset, sum) in sum.chunks_exact_mut(run * N).enumerate() {
            let mut at = 0;
            while run - at >= R {
                correlate_tile::<R, N, FUSED>(x, grad, shape, rows.clone(), (offset, at), sum);
                at += R;
            }
            while at < run {
                correlate_tile::<1, N, FUSED>(x, grad, shape, rows.clone(), (offset, at), sum);
                at += 1;
            }
        }
    }
}

/// `R` rows of the gradient, over the voxels of some image rows.
#[inline(always)]
fn correlate_tile<const R: usize, const N: usize, const FUSED: bool>(
    x: &[f32],
    grad: &[f32],
    shape: ConvShape,
    rows: std::ops::Range<usize>,
    (offset, at): (usize, usize),
    sum: &mut [f32],
) {
    let ci = shape.channels_in;
    let [_, h, w] = shape.dims;
    let (dz, dy) = (offset / 3, offset % 3);
    let mut total = [[0.0f32; N]; R];
    // Hidden from the optimiser, which would otherwise gather the R values into a vector instead of
    // broadcasting each against a vector of channels: three times slower.
    let next = std::hint::black_box(1usize);
    for y in rows {
        let start = (dz * (h + 2) + y + dy) * (w + 2) * ci + at;
        let values = &x[start..][..(w - 1) * ci + R];
        let grad = &grad[y * w * N..][..w * N];
        for (column, grad) in grad.chunks_exact(N).enumerate() {
            let values = &values[column * ci..][..R];
            for r in 0..R {
                let value = values[r * next];
                for n in 0..N {
                    total[r][n] = multiply_add::<FUSED>(value, grad[n], total[r][n]);
                }
            }
        }
    }
    for (r, total) in total.iter().enumerate() {
        let to = &mut sum[(at + r) * N..][..N];
        for n in 0..N {
            to[n] += total[n];
        }
    }
}
