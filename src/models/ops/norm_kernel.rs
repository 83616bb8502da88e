//! Group normalisation, affine and activation in one pass over memory, channels last; forward and gradients.
//!
//! A task takes neighbouring voxels, and of these one block of [`LANES`] channels after the other: what belongs to the
//! channels then stays in registers.

use rayon::prelude::*;

use super::simd::vectorised;

/// Added to the variance.
pub(super) const EPSILON: f32 = 1e-5;

/// Voxels that one task handles.
const TASK_VOXELS: usize = 2048;
/// Neighbouring channels that are worked on at once; those left over go one by one.
const LANES: usize = 16;
/// Voxels whose terms are summed in single precision before they join the rest in double.
const SHORT_SUM: usize = 64;

/// `[batch, voxels, channels]` in `groups` groups of neighbouring channels.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormShape {
    /// Volumes in the batch.
    pub batch: usize,
    /// Channels of the last axis.
    pub channels: usize,
    /// Groups, a divisor of `channels`.
    pub groups: usize,
    /// What values below zero are multiplied by.
    pub negative_slope: f32,
}

impl NormShape {
    /// How many neighbouring voxels may be taken as one with as many times the channels: where all channels make one
    /// group, which voxel a value belongs to does not matter.
    fn voxels_together(self, len: usize) -> usize {
        let together = LANES / self.channels;
        let volume = len / self.batch;
        let fits = together > 0 && volume.is_multiple_of(together * self.channels);
        if self.groups == 1 && fits {
            together
        } else {
            1
        }
    }

    fn widened(self, together: usize) -> Self {
        Self {
            channels: self.channels * together,
            ..self
        }
    }
}

/// What belongs to each channel of a volume.
struct Channels<'a> {
    mean: Vec<f32>,
    inverse_std: Vec<f32>,
    gamma: &'a [f32],
    beta: &'a [f32],
}

/// The part of `values` that belongs to a block of `N` channels.
#[inline(always)]
fn block<const N: usize>(values: &[f32], at: usize) -> [f32; N] {
    std::array::from_fn(|i| values[at + i])
}

/// The `N` values from channel `at` on of each voxel.
#[inline(always)]
fn blocks<const N: usize>(
    rows: &[f32],
    channels: usize,
    at: usize,
) -> impl Iterator<Item = &[f32; N]> {
    rows.chunks_exact(channels).map(move |row| {
        row[at..]
            .first_chunk()
            .expect("a block ends within its row")
    })
}

/// The same, to write to.
#[inline(always)]
fn blocks_mut<const N: usize>(
    rows: &mut [f32],
    channels: usize,
    at: usize,
) -> impl Iterator<Item = &mut [f32; N]> {
    rows.chunks_exact_mut(channels).map(move |row| {
        row[at..]
            .first_chunk_mut()
            .expect("a block ends within its row")
    })
}

/// Work on some voxels' rows, for a block of `N` channels from channel `at` on.
trait BlockWork {
    fn run<const N: usize>(&mut self, at: usize);
}

/// Runs `work` for all channels, compiled for this processor's vectors.
fn run_blocks(channels: usize, work: &mut impl BlockWork) {
    vectorised(|| {
        let whole = channels - channels % LANES;
        for at in (0..whole).step_by(LANES) {
            work.run::<LANES>(at);
        }
        for at in whole..channels {
            work.run::<1>(at);
        }
    });
}

/// Sums over voxels of up to two quantities per channel.
struct Sums(Vec<f64>, Vec<f64>);

impl Sums {
    fn zero(channels: usize) -> Self {
        Self(vec![0.0; channels], vec![0.0; channels])
    }

    #[inline(always)]
    fn add<const N: usize>(&mut self, at: usize, a: [f32; N], b: [f32; N]) {
        for i in 0..N {
            self.0[at + i] += f64::from(a[i]);
            self.1[at + i] += f64::from(b[i]);
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(s, v)| *s += v);
        self.1.iter_mut().zip(&other.1).for_each(|(s, v)| *s += v);
        self
    }
}

/// The sums of all tasks over `x`; `of` makes those of one, from its number and its part of `x`.
fn sum_tasks(x: &[f32], channels: usize, of: impl Fn(usize, &[f32]) -> Sums + Sync) -> Sums {
    let parts: Vec<Sums> = x
        .par_chunks(TASK_VOXELS * channels)
        .enumerate()
        .map(|(task, rows)| of(task, rows))
        .collect();
    // One after the other, so that they do not depend on who was first.
    parts.iter().fold(Sums::zero(channels), Sums::plus)
}

/// Sums values, and squares of their differences from `from`.
struct Deviations<'a> {
    rows: &'a [f32],
    channels: usize,
    from: &'a [f32],
    sums: Sums,
}

impl BlockWork for Deviations<'_> {
    #[inline(always)]
    fn run<const N: usize>(&mut self, at: usize) {
        let from: [f32; N] = block(self.from, at);
        for rows in self.rows.chunks(SHORT_SUM * self.channels) {
            let (mut sum, mut squares) = ([0.0; N], [0.0; N]);
            for x in blocks::<N>(rows, self.channels, at) {
                for i in 0..N {
                    let difference = x[i] - from[i];
                    sum[i] += difference;
                    squares[i] += difference * difference;
                }
            }
            self.sums.add(at, sum, squares);
        }
    }
}

fn deviations(x: &[f32], channels: usize, from: &[f32]) -> Sums {
    sum_tasks(x, channels, |_, rows| {
        let mut work = Deviations {
            rows,
            channels,
            from,
            sums: Sums::zero(channels),
        };
        run_blocks(channels, &mut work);
        work.sums
    })
}

/// Replaces each channel's value by its group's sum.
fn group_sum(values: &mut [f64], groups: usize) {
    let size = values.len() / groups;
    for group in values.chunks_exact_mut(size) {
        let sum: f64 = group.iter().sum();
        group.fill(sum);
    }
}

impl<'a> Channels<'a> {
    /// Mean and 1/standard deviation of each channel's group. In two passes: the difference of large sums would lose
    /// what a channel of small spread has.
    fn of(x: &[f32], gamma: &'a [f32], beta: &'a [f32], shape: NormShape) -> Self {
        let count = (x.len() / shape.groups) as f64;
        let Sums(mut sum, _) = deviations(x, shape.channels, &vec![0.0; shape.channels]);
        group_sum(&mut sum, shape.groups);
        let mean: Vec<f32> = sum.iter().map(|s| (s / count) as f32).collect();
        let Sums(_, mut squares) = deviations(x, shape.channels, &mean);
        group_sum(&mut squares, shape.groups);
        let inverse_std = squares
            .iter()
            .map(|q| (1.0 / (q / count + f64::from(EPSILON)).sqrt()) as f32)
            .collect();
        Self {
            mean,
            inverse_std,
            gamma,
            beta,
        }
    }
}

/// What belongs to a block of `N` channels, held where vectors find it.
struct ChannelBlock<const N: usize> {
    mean: [f32; N],
    inverse_std: [f32; N],
    gamma: [f32; N],
    beta: [f32; N],
    slope: f32,
}

impl<const N: usize> ChannelBlock<N> {
    #[inline(always)]
    fn at(of: &Channels<'_>, at: usize, slope: f32) -> Self {
        Self {
            mean: block(&of.mean, at),
            inverse_std: block(&of.inverse_std, at),
            gamma: block(of.gamma, at),
            beta: block(of.beta, at),
            slope,
        }
    }

    /// The normalised value of channel `i`, and the gradient past the activation.
    #[inline(always)]
    fn through(&self, x: f32, grad: f32, i: usize) -> (f32, f32) {
        let normal = (x - self.mean[i]) * self.inverse_std[i];
        let is_above = normal * self.gamma[i] + self.beta[i] > 0.0;
        (normal, if is_above { grad } else { grad * self.slope })
    }
}

/// Writes the answer over some voxels.
struct Forward<'a> {
    x: &'a mut [f32],
    of: &'a Channels<'a>,
    shape: NormShape,
}

impl BlockWork for Forward<'_> {
    #[inline(always)]
    fn run<const N: usize>(&mut self, at: usize) {
        let channels = self.shape.channels;
        let of = ChannelBlock::<N>::at(self.of, at, self.shape.negative_slope);
        let scale: [f32; N] = std::array::from_fn(|i| of.inverse_std[i] * of.gamma[i]);
        for x in blocks_mut::<N>(self.x, channels, at) {
            for i in 0..N {
                let v = (x[i] - of.mean[i]) * scale[i] + of.beta[i];
                x[i] = if v < 0.0 { v * of.slope } else { v };
            }
        }
    }
}

/// `activation(group_norm(x) * gamma + beta)` in the place of `x`.
pub(super) fn forward(x: &mut [f32], gamma: &[f32], beta: &[f32], shape: NormShape) {
    let together = shape.voxels_together(x.len());
    if together > 1 {
        let (gamma, beta) = (gamma.repeat(together), beta.repeat(together));
        return forward(x, &gamma, &beta, shape.widened(together));
    }
    let task = TASK_VOXELS * shape.channels;
    let volume = x.len() / shape.batch;
    for x in x.chunks_exact_mut(volume) {
        let of = &Channels::of(x, gamma, beta, shape);
        x.par_chunks_mut(task)
            .for_each(|x| run_blocks(shape.channels, &mut Forward { x, of, shape }));
    }
}

/// Sums the gradients past the activation, and these times the normalised values.
struct BackwardSums<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    of: &'a Channels<'a>,
    shape: NormShape,
    sums: Sums,
}

impl BlockWork for BackwardSums<'_> {
    #[inline(always)]
    fn run<const N: usize>(&mut self, at: usize) {
        let channels = self.shape.channels;
        let of = ChannelBlock::<N>::at(self.of, at, self.shape.negative_slope);
        let short = SHORT_SUM * channels;
        for (x, grad) in self.x.chunks(short).zip(self.grad.chunks(short)) {
            let (mut sum, mut sum_normal) = ([0.0; N], [0.0; N]);
            let rows = blocks::<N>(x, channels, at).zip(blocks::<N>(grad, channels, at));
            for (x, grad) in rows {
                for i in 0..N {
                    let (normal, g) = of.through(x[i], grad[i], i);
                    sum[i] += g;
                    sum_normal[i] += g * normal;
                }
            }
            self.sums.add(at, sum, sum_normal);
        }
    }
}

/// Writes the gradient of some voxels.
struct Backward<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    out: &'a mut [f32],
    of: &'a Channels<'a>,
    mean_grad: &'a [f32],
    mean_grad_normal: &'a [f32],
    shape: NormShape,
}

impl BlockWork for Backward<'_> {
    #[inline(always)]
    fn run<const N: usize>(&mut self, at: usize) {
        let channels = self.shape.channels;
        let of = ChannelBlock::<N>::at(self.of, at, self.shape.negative_slope);
        let mean_grad: [f32; N] = block(self.mean_grad, at);
        let mean_grad_normal: [f32; N] = block(self.mean_grad_normal, at);
        let rows = blocks::<N>(self.x, channels, at).zip(blocks::<N>(self.grad, channels, at));
        for (out, (x, grad)) in blocks_mut::<N>(self.out, channels, at).zip(rows) {
            for i in 0..N {
                let (normal, g) = of.through(x[i], grad[i], i);
                let centred = g * of.gamma[i] - mean_grad[i] - normal * mean_grad_normal[i];
                out[i] = of.inverse_std[i] * centred;
            }
        }
    }
}

/// Gradients with respect to `x`, `gamma` and `beta`.
pub(super) fn backward(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    grad: &[f32],
    shape: NormShape,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let together = shape.voxels_together(x.len());
    if together > 1 {
        let (gamma, beta) = (gamma.repeat(together), beta.repeat(together));
        let wide = shape.widened(together);
        let (grad_x, grad_gamma, grad_beta) = backward(x, &gamma, &beta, grad, wide);
        let fold = |copies: Vec<f32>| {
            let of = |channel: usize| copies.iter().skip(channel).step_by(shape.channels).sum();
            (0..shape.channels).map(of).collect()
        };
        return (grad_x, fold(grad_gamma), fold(grad_beta));
    }
    let volume = x.len() / shape.batch;
    let mut grad_x = vec![0.0; x.len()];
    let mut total = Sums::zero(shape.channels);
    let volumes = x.chunks_exact(volume).zip(grad.chunks_exact(volume));
    for ((x, grad), out) in volumes.zip(grad_x.chunks_exact_mut(volume)) {
        let of = Channels::of(x, gamma, beta, shape);
        let sums = backward_volume(x, grad, out, &of, shape);
        total = total.plus(&sums);
    }
    let single = |sums: Vec<f64>| sums.into_iter().map(|s| s as f32).collect();
    (grad_x, single(total.1), single(total.0))
}

/// Writes the gradient of a volume's values to `out`; returns the sums that are those of `beta` and `gamma`.
fn backward_volume(
    x: &[f32],
    grad: &[f32],
    out: &mut [f32],
    of: &Channels<'_>,
    shape: NormShape,
) -> Sums {
    let task = TASK_VOXELS * shape.channels;
    let sums = sum_tasks(x, shape.channels, |index, x| {
        let mut work = BackwardSums {
            x,
            grad: &grad[index * task..][..x.len()],
            of,
            shape,
            sums: Sums::zero(shape.channels),
        };
        run_blocks(shape.channels, &mut work);
        work.sums
    });
    let count = (x.len() / shape.groups) as f64;
    let mean_of = |sums: &[f64]| {
        let scaled = sums.iter().zip(of.gamma).map(|(s, &g)| s * f64::from(g));
        let mut scaled: Vec<f64> = scaled.collect();
        group_sum(&mut scaled, shape.groups);
        scaled
            .iter()
            .map(|s| (s / count) as f32)
            .collect::<Vec<f32>>()
    };
    let (mean_grad, mean_grad_normal) = (&mean_of(&sums.0), &mean_of(&sums.1));
    let inputs = x.par_chunks(task).zip(grad.par_chunks(task));
    out.par_chunks_mut(task)
        .zip(inputs)
        .for_each(|(out, (x, grad))| {
            let mut work = Backward {
                x,
                grad,
                out,
                of,
                mean_grad,
                mean_grad_normal,
                shape,
            };
            run_blocks(shape.channels, &mut work);
        });
    sums
}
