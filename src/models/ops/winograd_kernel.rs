//! 3×3×3 convolution on the CPU by minimal filtering, channels last, stride 1, zero padding 1; forward only.
//!
//! Winograd's F(2×2×2, 3×3×3) after Lavin and Gray (2016): a tile of 4×4×4 input voxels becomes 64 numbers a channel, each
//! of which goes through a matrix of its own, and what comes out becomes 2×2×2 output voxels. That takes 64 products where
//! 216 are needed otherwise, and sums that are 27 times shorter. A task goes through two planes of the output, a few tiles
//! of a row at a time, so that all that belongs to these stays in the second-level cache; the input is neither copied nor
//! padded, and may come in parts that stand beside each other along the channels.

use rayon::prelude::*;

use super::conv3d_kernel::ConvShape;
use super::simd::{in_tiles, is_wide};
use super::tile::multiply_rows;

/// Numbers that a tile becomes.
const POINTS: usize = 64;
/// Neighbouring values that are transformed at once.
const LANES: usize = 16;
/// Tiles from which on this pays, and channels.
const LEAST_TILES: usize = 128;
const LEAST_CHANNELS: usize = 16;
/// Numbers of a task's tiles before and after the matrices.
const TASK_FLOATS: usize = 192 * 1024;

/// Whether this is faster than the convolution itself.
pub(super) fn suits(shape: ConvShape) -> bool {
    let tiles: usize = shape.dims.iter().map(|side| side.div_ceil(2)).product();
    let channels = shape.channels_in.min(shape.channels_out);
    shape.is_cube() && tiles >= LEAST_TILES && channels >= LEAST_CHANNELS
}

/// Parts of `x`, each `[batch, d, h, w, some of in]`, convolved with `weight` `[27, in, out]` → `[batch, d, h, w, out]`.
pub(super) fn forward(parts: &[&[f32]], weight: &[f32], shape: ConvShape) -> Vec<f32> {
    if is_wide(shape.channels_out) {
        convolve::<32>(parts, weight, shape)
    } else {
        convolve::<16>(parts, weight, shape)
    }
}

/// A plan for one convolution.
struct Plan<'a, const N: usize> {
    /// `[64][blocks][in][N]`.
    weight: &'a [f32],
    shape: ConvShape,
    /// Channels of each part.
    widths: &'a [usize],
    /// Tiles of a row that are taken together, at most.
    together: usize,
}

/// What a task works in.
struct Scratch {
    /// A row's columns through two of three transforms, `[16][columns][channels]`.
    lines: Vec<f32>,
    /// Tiles before the matrices, `[64][tiles][in]`.
    before: Vec<f32>,
    /// After them, `[64][tiles][out]`.
    after: Vec<f32>,
    /// What lies beyond the border.
    zeros: Vec<f32>,
}

fn convolve<const N: usize>(parts: &[&[f32]], weight: &[f32], shape: ConvShape) -> Vec<f32> {
    let [d, h, w] = shape.dims;
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let voxels = d * h * w;
    let widths: Vec<usize> = parts
        .iter()
        .map(|part| part.len() / (shape.batch * voxels))
        .collect();
    let fitting = (TASK_FLOATS / (POINTS * (ci + co))).next_multiple_of(8);
    let plan = Plan::<N> {
        weight: &transformed::<N>(weight, shape),
        shape,
        widths: &widths,
        together: fitting.clamp(16, 64).min(w.div_ceil(2)),
    };
    let mut out = vec![0.0; shape.batch * voxels * co];
    for (number, out) in out.chunks_exact_mut(voxels * co).enumerate() {
        let parts: Vec<&[f32]> = parts
            .iter()
            .zip(&widths)
            .map(|(part, width)| &part[number * voxels * width..][..voxels * width])
            .collect();
        let pairs = out.par_chunks_mut(2 * h * w * co).enumerate();
        pairs.for_each_init(
            || Scratch::of(&plan),
            |scratch, (pair, out)| pair_of(&plan, &parts, pair, scratch, out),
        );
    }
    out
}

/// The matrices of all points, `[64][blocks][in][N]`, zero-filled at the end of a row.
fn transformed<const N: usize>(weight: &[f32], shape: ConvShape) -> Vec<f32> {
    /// What each of four points takes of the three taps along an axis.
    const TAPS: [[f32; 3]; 4] = [
        [1.0, 0.0, 0.0],
        [0.5, 0.5, 0.5],
        [0.5, -0.5, 0.5],
        [0.0, 0.0, 1.0],
    ];
    let (ci, co) = (shape.channels_in, shape.channels_out);
    let blocks = co.div_ceil(N);
    let mut out = vec![0.0; POINTS * blocks * ci * N];
    let points = out.par_chunks_exact_mut(blocks * ci * N).enumerate();
    points.for_each(|(point, out)| {
        let along = [TAPS[point / 16], TAPS[point / 4 % 4], TAPS[point % 4]];
        for tap in 0..27 {
            let of_tap = along[0][tap / 9] * along[1][tap / 3 % 3] * along[2][tap % 3];
            if of_tap == 0.0 {
                continue;
            }
            let weight = &weight[tap * ci * co..][..ci * co];
            for (block, out) in out.chunks_exact_mut(ci * N).enumerate() {
                let width = N.min(co - block * N);
                for (out, row) in out.chunks_exact_mut(N).zip(weight.chunks_exact(co)) {
                    let row = &row[block * N..][..width];
                    out.iter_mut().zip(row).for_each(|(o, w)| *o += of_tap * w);
                }
            }
        }
    });
    out
}

impl Scratch {
    fn of<const N: usize>(plan: &Plan<'_, N>) -> Self {
        let (ci, co) = (plan.shape.channels_in, plan.shape.channels_out);
        let columns = 2 * plan.together + 2;
        Self {
            lines: vec![0.0; 16 * columns * ci.max(co)],
            before: vec![0.0; POINTS * plan.together * ci],
            after: vec![0.0; POINTS * plan.together * co],
            zeros: vec![0.0; columns * ci],
        }
    }
}

/// Some tiles of a row.
#[derive(Clone, Copy)]
struct Tiles {
    /// Pair of planes, pair of rows, first of the pairs of columns.
    first: [usize; 3],
    count: usize,
}

in_tiles! {
    /// Two planes of the output, or the last one by itself.
    fn pair_of<N>(
        plan: &Plan<'_, N>,
        parts: &[&[f32]],
        pair: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) = through_plan
}

#[inline(always)]
fn through_plan<const R: usize, const N: usize, const FUSED: bool>(
    plan: &Plan<'_, N>,
    parts: &[&[f32]],
    pair: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    plan.pair::<R, FUSED>(parts, pair, scratch, out);
}

impl<const N: usize> Plan<'_, N> {
    #[inline(always)]
    fn pair<const R: usize, const FUSED: bool>(
        &self,
        parts: &[&[f32]],
        pair: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let [_, h, w] = self.shape.dims;
        for row in 0..h.div_ceil(2) {
            for column in (0..w.div_ceil(2)).step_by(self.together) {
                let count = self.together.min(w.div_ceil(2) - column);
                let first = [pair, row, column];
                let tiles = Tiles { first, count };
                let mut before_it = 0;
                for (part, &width) in parts.iter().zip(self.widths) {
                    self.take_in(part, width, before_it, tiles, scratch);
                    before_it += width;
                }
                self.multiply::<R, FUSED>(count, scratch);
                self.give_out(tiles, scratch, out);
            }
        }
    }

    /// Transforms the tiles of a part of the channels, which come after `before_it` others.
    #[inline(always)]
    fn take_in(
        &self,
        part: &[f32],
        width: usize,
        before_it: usize,
        Tiles { first, count }: Tiles,
        scratch: &mut Scratch,
    ) {
        let [d, h, w] = self.shape.dims;
        let columns = 2 * count + 2;
        let line = columns * width;
        // The tile begins a voxel before its output; columns `low..high` of the line lie inside.
        let start = 2 * first[2];
        let low = usize::from(start == 0);
        let high = columns.min(w + 1 - start);
        let inside = (high - low) * width;
        let rows: [&[f32]; 16] = std::array::from_fn(|at| {
            let place = |tile: usize, step: usize, side: usize| {
                (2 * tile + step).checked_sub(1).filter(|&at| at < side)
            };
            let z = place(first[0], at / 4, d);
            let y = place(first[1], at % 4, h);
            match (z, y) {
                (Some(z), Some(y)) => {
                    &part[((z * h + y) * w + start + low - 1) * width..][..inside]
                }
                _ => &scratch.zeros[..inside],
            }
        });
        for out in scratch.lines.chunks_exact_mut(line).take(16) {
            out[..low * width].fill(0.0);
            out[high * width..].fill(0.0);
        }
        let whole = inside - inside % LANES;
        for at in (0..whole).step_by(LANES) {
            planes_and_rows_in::<LANES>(&rows, at, &mut scratch.lines, line, low * width);
        }
        for at in whole..inside {
            planes_and_rows_in::<1>(&rows, at, &mut scratch.lines, line, low * width);
        }
        let ci = self.shape.channels_in;
        let point = count * ci;
        let whole = width - width % LANES;
        for (group, line) in scratch.lines.chunks_exact(line).take(16).enumerate() {
            let out = &mut scratch.before[group * 4 * point..][..4 * point];
            for tile in 0..count {
                let line = &line[2 * tile * width..][..4 * width];
                let to = tile * ci + before_it;
                for at in (0..whole).step_by(LANES) {
                    columns_in::<LANES>(line, width, at, out, point, to);
                }
                for at in whole..width {
                    columns_in::<1>(line, width, at, out, point, to);
                }
            }
        }
    }

    /// Takes every point of all tiles through its matrix.
    #[inline(always)]
    fn multiply<const R: usize, const FUSED: bool>(&self, count: usize, scratch: &mut Scratch) {
        let (ci, co) = (self.shape.channels_in, self.shape.channels_out);
        let blocks = co.div_ceil(N);
        let Scratch { before, after, .. } = scratch;
        let points = before
            .chunks_exact(count * ci)
            .zip(after.chunks_exact_mut(count * co));
        for ((before, after), weight) in points.zip(self.weight.chunks_exact(blocks * ci * N)) {
            for (block, weight) in weight.chunks_exact(ci * N).enumerate() {
                let to = (co, block * N, N.min(co - block * N));
                let mut at = 0;
                while count - at >= R {
                    tile_rows::<R, N, FUSED>(before, weight, at, after, to);
                    at += R;
                }
                if R > 4 && count - at >= 4 {
                    tile_rows::<4, N, FUSED>(before, weight, at, after, to);
                    at += 4;
                }
                while count > at {
                    tile_rows::<1, N, FUSED>(before, weight, at, after, to);
                    at += 1;
                }
            }
        }
    }

    /// Makes voxels of the points of tiles.
    #[inline(always)]
    fn give_out(&self, Tiles { first, count }: Tiles, scratch: &mut Scratch, out: &mut [f32]) {
        let [_, h, w] = self.shape.dims;
        let co = self.shape.channels_out;
        let (line, point) = (2 * count * co, count * co);
        let whole = co - co % LANES;
        for (group, line) in scratch.lines.chunks_exact_mut(line).take(16).enumerate() {
            let after = &scratch.after[group * 4 * point..][..4 * point];
            for tile in 0..count {
                let line = &mut line[2 * tile * co..][..2 * co];
                for at in (0..whole).step_by(LANES) {
                    columns_out::<LANES>(after, point, tile * co + at, line, co, at);
                }
                for at in whole..co {
                    columns_out::<1>(after, point, tile * co + at, line, co, at);
                }
            }
        }
        let columns = (2 * count).min(w - 2 * first[2]);
        let planes = out.len() / (h * w * co);
        for z in 0..planes {
            for y in 0..2.min(h - 2 * first[1]) {
                let to = ((z * h + 2 * first[1] + y) * w + 2 * first[2]) * co;
                let out = &mut out[to..][..columns * co];
                planes_and_rows_out(&scratch.lines, line, [z, y], out);
            }
        }
    }
}

/// `R` tiles from `at` on, through the matrix of a block of outputs; `to` says how many there are, the first and the number
/// of those of the block.
#[inline(always)]
fn tile_rows<const R: usize, const N: usize, const FUSED: bool>(
    before: &[f32],
    weight: &[f32],
    at: usize,
    after: &mut [f32],
    (outputs, first, width): (usize, usize, usize),
) {
    let ci = weight.len() / N;
    let rows: [&[f32]; R] = std::array::from_fn(|r| &before[(at + r) * ci..][..ci]);
    let sums = multiply_rows::<R, N, FUSED>(&rows, weight, [[0.0; N]; R]);
    for (r, sum) in sums.iter().enumerate() {
        let to = (at + r) * outputs + first;
        after[to..to + width].copy_from_slice(&sum[..width]);
    }
}

#[inline(always)]
fn load<const L: usize>(values: &[f32], at: usize) -> [f32; L] {
    let values = &values[at..at + L];
    std::array::from_fn(|i| values[i])
}

#[inline(always)]
fn plus<const L: usize>(a: [f32; L], b: [f32; L]) -> [f32; L] {
    std::array::from_fn(|i| a[i] + b[i])
}

#[inline(always)]
fn minus<const L: usize>(a: [f32; L], b: [f32; L]) -> [f32; L] {
    std::array::from_fn(|i| a[i] - b[i])
}

/// The four numbers that four neighbours become.
#[inline(always)]
fn points_of<const L: usize>([a, b, c, d]: [[f32; L]; 4]) -> [[f32; L]; 4] {
    [minus(a, c), plus(b, c), minus(c, b), minus(b, d)]
}

/// Transforms across the planes and the rows of a tile row: 16 voxels, one above the other, become 16 numbers.
#[inline(always)]
fn planes_and_rows_in<const L: usize>(
    rows: &[&[f32]; 16],
    at: usize,
    lines: &mut [f32],
    line: usize,
    skip: usize,
) {
    let mut across = [[[0.0; L]; 4]; 4];
    for (y, across) in across.iter_mut().enumerate() {
        *across = points_of(std::array::from_fn(|z| load::<L>(rows[z * 4 + y], at)));
    }
    for z in 0..4 {
        let found = points_of(std::array::from_fn(|y| across[y][z]));
        for (y, found) in found.iter().enumerate() {
            lines[(z * 4 + y) * line + skip + at..][..L].copy_from_slice(found);
        }
    }
}

/// Transforms four neighbouring columns of a line.
#[inline(always)]
fn columns_in<const L: usize>(
    line: &[f32],
    width: usize,
    at: usize,
    out: &mut [f32],
    point: usize,
    to: usize,
) {
    let columns = std::array::from_fn(|column| load::<L>(line, column * width + at));
    for (number, found) in points_of(columns).iter().enumerate() {
        out[number * point + to + at..][..L].copy_from_slice(found);
    }
}

/// Makes two columns of four points.
#[inline(always)]
fn columns_out<const L: usize>(
    after: &[f32],
    point: usize,
    from: usize,
    line: &mut [f32],
    width: usize,
    at: usize,
) {
    let [a, b, c, d] = std::array::from_fn(|number| load::<L>(after, number * point + from));
    line[at..][..L].copy_from_slice(&plus(plus(a, b), c));
    line[width + at..][..L].copy_from_slice(&minus(minus(b, c), d));
}

/// Makes a row of voxels of lines that lie above each other.
#[inline(always)]
fn planes_and_rows_out(lines: &[f32], line: usize, [z, y]: [usize; 2], out: &mut [f32]) {
    /// Which of four points make the first and the second voxel, and whether they are taken away.
    const MADE_OF: [[(usize, f32); 3]; 2] = [
        [(0, 1.0), (1, 1.0), (2, 1.0)],
        [(1, 1.0), (2, -1.0), (3, -1.0)],
    ];
    let terms: [(&[f32], f32); 9] = std::array::from_fn(|term| {
        let ((of_z, sign_z), (of_y, sign_y)) = (MADE_OF[z][term / 3], MADE_OF[y][term % 3]);
        let from = (of_z * 4 + of_y) * line;
        (&lines[from..from + out.len()], sign_z * sign_y)
    });
    let whole = out.len() - out.len() % LANES;
    for at in (0..whole).step_by(LANES) {
        sum_of_terms::<LANES>(&terms, at, out);
    }
    for at in whole..out.len() {
        sum_of_terms::<1>(&terms, at, out);
    }
}

#[inline(always)]
fn sum_of_terms<const L: usize>(terms: &[(&[f32], f32); 9], at: usize, out: &mut [f32]) {
    let mut sum = [0.0; L];
    for (values, sign) in terms {
        let values = load::<L>(values, at);
        sum = std::array::from_fn(|i| sum[i] + sign * values[i]);
    }
    out[at..at + L].copy_from_slice(&sum);
}
