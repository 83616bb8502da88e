//! Scaled dot-product attention on the CPU, with what relative positions and windows add to the scores.
//!
//! Keys and values of a head are packed once. A few queries at a time then go through all keys, the softmax and all
//! values, so that no more than their own scores are ever held.

use rayon::prelude::*;

use super::simd::{in_tiles, is_wide};
use super::tile::{column_blocks, multiply_rows};

/// What a pair of tokens of different regions loses: the value of Swin's authors, not infinity.
pub(super) const APART: f32 = -100.0;

/// Queries that go through the keys together, where the scores of that many fit the second-level cache.
const QUERIES: usize = 32;
/// Longest row of scores of which [`QUERIES`] are taken together; of longer ones, as many as a register tile holds.
const LONG_ROW: usize = 8192;
/// Values whose products are summed by themselves before they join the rest.
const RUN: usize = 128;
/// Values that the row functions treat at once.
const LANES: usize = 16;

/// `[b, heads, length, width]` in memory, the last axis contiguous.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads<'a> {
    /// From the first element on.
    pub values: &'a [f32],
    /// Lengths of the axes.
    pub dims: [usize; 4],
    /// Elements from one item to the next along the first three axes.
    pub strides: [usize; 3],
}

impl<'a> Heads<'a> {
    fn row(&self, item: usize, head: usize, at: usize) -> &'a [f32] {
        let [of_item, of_head, of_row] = self.strides;
        &self.values[item * of_item + head * of_head + at * of_row..][..self.dims[3]]
    }
}

/// What is added to the scaled products before the softmax.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms<'a> {
    /// `[b, heads, n, sum of grid]`: what each place along each axis of the keys' grid is worth to each query.
    pub places: Option<Heads<'a>>,
    /// Axes of the keys' grid.
    pub grid: &'a [usize],
    /// `[b, n, regions]`, 1 at the token's region.
    pub regions: Option<(&'a [f32], usize)>,
    /// `[heads, n, m]`.
    pub pairs: Option<&'a [f32]>,
}

/// One attention: `q [b, heads, n, d]`, `k [b, heads, m, d]`, `v [b, heads, m, e]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem<'a> {
    /// Queries.
    pub query: Heads<'a>,
    /// Keys.
    pub key: Heads<'a>,
    /// Values.
    pub value: Heads<'a>,
    /// Factor of the products.
    pub scale: f32,
    /// Added to the scores.
    pub terms: Terms<'a>,
}

/// softmax(`scale` q kᵀ + terms) v, `[b, heads, n, e]`.
pub(super) fn forward(problem: &Problem<'_>) -> Vec<f32> {
    if is_wide(problem.key.dims[2]) {
        by_columns::<32>(problem)
    } else {
        by_columns::<16>(problem)
    }
}

/// What all queries of a head share.
struct Head<'a> {
    problem: Problem<'a>,
    item: usize,
    head: usize,
    /// `[blocks][d][N]`: the keys' transpose in blocks of columns.
    keys: Vec<f32>,
    /// `[blocks][m][N]`: the values in blocks of columns.
    values: Vec<f32>,
    /// Region of each token, where there are several.
    regions: Vec<u8>,
}

fn by_columns<const N: usize>(problem: &Problem<'_>) -> Vec<f32> {
    let [batch, heads, queries, _] = problem.query.dims;
    let [.., keys, width] = problem.value.dims;
    let mut out = vec![0.0; batch * heads * queries * width];
    if out.is_empty() {
        return out;
    }
    let together = if keys > LONG_ROW { 8 } else { QUERIES };
    out.par_chunks_exact_mut(queries * width)
        .enumerate()
        .for_each(|(index, out)| {
            let head = Head::new::<N>(*problem, index / heads, index % heads);
            out.par_chunks_mut(together * width)
                .enumerate()
                .for_each_init(Scratch::default, |scratch, (tile, out)| {
                    tile_of::<N>(&head, tile * together, scratch, out);
                });
        });
    out
}

in_tiles! {
    /// The results `out [rows, e]` of a head's queries from `first` on.
    fn tile_of<N>(head: &Head<'_>, first: usize, scratch: &mut Scratch, out: &mut [f32]) = through_head
}

#[inline(always)]
fn through_head<const R: usize, const N: usize, const FUSED: bool>(
    head: &Head<'_>,
    first: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    head.tile::<R, N, FUSED>(first, scratch, out);
}

/// Memory that tiles use one after the other.
#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
    inverse_sums: Vec<f32>,
    outer_places: Vec<f32>,
}

impl<'a> Head<'a> {
    fn new<const N: usize>(problem: Problem<'a>, item: usize, head: usize) -> Self {
        let [.., length, width] = problem.key.dims;
        let mut keys = vec![0.0; length.div_ceil(N) * width * N];
        for at in 0..length {
            let block = &mut keys[at / N * width * N..][..width * N];
            for (column, value) in block
                .chunks_exact_mut(N)
                .zip(problem.key.row(item, head, at))
            {
                column[at % N] = *value;
            }
        }
        let rows = (0..length).map(|at| problem.value.row(item, head, at));
        let values = rows.collect::<Vec<_>>().concat();
        Self {
            values: column_blocks::<N>(&values, problem.value.dims[3]),
            regions: regions(problem.terms, item, length),
            problem,
            item,
            head,
            keys,
        }
    }

    /// The results `out [rows, e]` of the queries from `first` on.
    #[inline(always)]
    fn tile<const R: usize, const N: usize, const FUSED: bool>(
        &self,
        first: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let [.., length, width] = self.problem.value.dims;
        let rows = out.len() / width;
        let stride = length.next_multiple_of(N);
        self.take_queries::<R>(first, rows, scratch);
        scratch
            .scores
            .resize(rows.next_multiple_of(R) * stride, 0.0);
        self.multiply_keys::<R, N, FUSED>(&scratch.queries, stride, &mut scratch.scores);
        scratch.inverse_sums.clear();
        for (row, scores) in scratch
            .scores
            .chunks_exact_mut(stride)
            .take(rows)
            .enumerate()
        {
            let scores = &mut scores[..length];
            self.add_terms(first + row, scores, &mut scratch.outer_places);
            scratch.inverse_sums.push(1.0 / exponentials(scores));
        }
        scratch.mixed.resize(rows.next_multiple_of(R) * N, 0.0);
        for (block, values) in self.values.chunks_exact(length * N).enumerate() {
            mix::<R, N, FUSED>(&scratch.scores, stride, values, &mut scratch.mixed);
            let columns = block * N..width.min((block + 1) * N);
            let mixed = scratch.mixed.chunks_exact(N).zip(&scratch.inverse_sums);
            for (out, (mixed, inverse)) in out.chunks_exact_mut(width).zip(mixed) {
                for (out, mixed) in out[columns.clone()].iter_mut().zip(mixed) {
                    *out = mixed * inverse;
                }
            }
        }
    }

    /// The scaled queries, with zeros up to a multiple of `R`.
    #[inline(always)]
    fn take_queries<const R: usize>(&self, first: usize, rows: usize, scratch: &mut Scratch) {
        let query = self.problem.query;
        scratch.queries.clear();
        for row in 0..rows {
            let values = query.row(self.item, self.head, first + row);
            let scaled = values.iter().map(|value| value * self.problem.scale);
            scratch.queries.extend(scaled);
        }
        scratch
            .queries
            .resize(rows.next_multiple_of(R) * query.dims[3], 0.0);
    }

    /// Products of queries and keys, `[rows, stride]`.
    #[inline(always)]
    fn multiply_keys<const R: usize, const N: usize, const FUSED: bool>(
        &self,
        queries: &[f32],
        stride: usize,
        scores: &mut [f32],
    ) {
        let width = self.problem.query.dims[3];
        for (block, keys) in self.keys.chunks_exact(width * N).enumerate() {
            let groups = queries.chunks_exact(R * width);
            for (queries, scores) in groups.zip(scores.chunks_exact_mut(R * stride)) {
                let rows: [&[f32]; R] = std::array::from_fn(|r| &queries[r * width..][..width]);
                let products = multiply_rows::<R, N, FUSED>(&rows, keys, [[0.0; N]; R]);
                for (scores, products) in scores.chunks_exact_mut(stride).zip(&products) {
                    scores[block * N..][..N].copy_from_slice(products);
                }
            }
        }
    }

    #[inline(always)]
    fn add_terms(&self, at: usize, scores: &mut [f32], outer: &mut Vec<f32>) {
        let terms = &self.problem.terms;
        if let Some(places) = &terms.places {
            add_places(
                places.row(self.item, self.head, at),
                terms.grid,
                scores,
                outer,
            );
        }
        if let Some(pairs) = terms.pairs {
            let queries = self.problem.query.dims[2];
            let pairs = &pairs[(self.head * queries + at) * scores.len()..][..scores.len()];
            for (score, pair) in scores.iter_mut().zip(pairs) {
                *score += pair;
            }
        }
        if let Some(own) = self.regions.get(at) {
            for (score, region) in scores.iter_mut().zip(&self.regions) {
                *score += if region == own { 0.0 } else { APART };
            }
        }
    }
}

/// Adds to each key's score what its place along each axis is worth; the axes' worths lie side by side.
#[inline(always)]
fn add_places(worth: &[f32], grid: &[usize], scores: &mut [f32], outer: &mut Vec<f32>) {
    let Some((last, before)) = grid.split_last() else {
        return;
    };
    outer.clear();
    outer.push(0.0);
    let mut rest = worth;
    for axis in before {
        let (here, others) = rest.split_at(*axis);
        let count = outer.len();
        for at in 0..count {
            let sum = outer[at];
            outer.extend(here.iter().map(|worth| sum + worth));
        }
        outer.drain(..count);
        rest = others;
    }
    for (scores, outer) in scores.chunks_exact_mut(*last).zip(outer.iter()) {
        for (score, inner) in scores.iter_mut().zip(rest) {
            *score += outer + inner;
        }
    }
}

/// Sums of `scores [rows, stride]` times a block of columns of the values `[m, N]`: `[rows, N]`.
#[inline(always)]
fn mix<const R: usize, const N: usize, const FUSED: bool>(
    scores: &[f32],
    stride: usize,
    values: &[f32],
    mixed: &mut [f32],
) {
    mixed.fill(0.0);
    for (run, values) in values.chunks(RUN * N).enumerate() {
        let length = values.len() / N;
        let groups = scores.chunks_exact(R * stride);
        for (scores, mixed) in groups.zip(mixed.chunks_exact_mut(R * N)) {
            let rows: [&[f32]; R] =
                std::array::from_fn(|r| &scores[r * stride + run * RUN..][..length]);
            let part = multiply_rows::<R, N, FUSED>(&rows, values, [[0.0; N]; R]);
            for (mixed, part) in mixed.iter_mut().zip(part.as_flattened()) {
                *mixed += part;
            }
        }
    }
}

/// Region of each of `length` tokens; empty where all are in one.
fn regions(terms: Terms<'_>, item: usize, length: usize) -> Vec<u8> {
    let Some((channels, count)) = terms.regions else {
        return Vec::new();
    };
    let tokens = channels[item * length * count..][..length * count].chunks_exact(count);
    let region = |channels: &[f32]| {
        channels
            .iter()
            .take_while(|channel| **channel == 0.0)
            .count()
    };
    let regions: Vec<u8> = tokens.map(|channels| region(channels) as u8).collect();
    if regions.windows(2).all(|pair| pair[0] == pair[1]) {
        return Vec::new();
    }
    regions
}

/// Replaces each score by its exponential over that of the largest, and returns their sum.
#[inline(always)]
fn exponentials(scores: &mut [f32]) -> f32 {
    let mut largest = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = scores.as_chunks::<LANES>();
    for chunk in chunks {
        for (largest, score) in largest.iter_mut().zip(chunk) {
            *largest = if score > largest { *score } else { *largest };
        }
    }
    let largest = largest
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0; LANES];
    let (chunks, rest) = scores.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (sum, score) in sums.iter_mut().zip(chunk) {
            *score = exponential(*score - largest);
            *sum += *score;
        }
    }
    let mut sum: f32 = sums.iter().sum();
    for score in rest {
        *score = exponential(*score - largest);
        sum += *score;
    }
    sum
}

/// e to the power of `x`, which is at most 0, to a few units in the last place: a polynomial (Cephes) that vectors can
/// follow.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    /// Added and taken away again, it rounds; its last bits then hold the whole number.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const SERIES: [f32; 6] = [
        1.987_569_1e-4,
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        5e-1,
    ];
    // Not `max`, which would make a number of what is not one.
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    let series = SERIES.iter().fold(0.0, |sum, c| sum * rest + c);
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    (series * rest * rest + rest + 1.0) * power
}
