//! Group normalisation, affine and activation in one pass over memory, channels last; forward and gradients.

use rayon::prelude::*;

/// Added to the variance.
pub(super) const EPSILON: f32 = 1e-5;

/// Voxels that one task handles.
const TASK_VOXELS: usize = 2048;

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

/// Channels below which a loop over them is too short for the processor's vectors.
const FEW_CHANNELS: usize = 32;

impl NormShape {
    /// How many neighbouring voxels may be taken as one with as many times the channels: where all channels make one
    /// group, which voxel a value belongs to does not matter.
    fn voxels_together(self, len: usize) -> usize {
        let together = FEW_CHANNELS / self.channels;
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

/// Mean and 1/standard deviation of each channel's group, per volume.
struct Moments {
    mean: Vec<f32>,
    inverse_std: Vec<f32>,
}

/// Voxels whose terms are summed in single precision before they join the rest in double.
const SHORT_SUM: usize = 64;

/// Sums over voxels of two quantities per channel, made in parallel; `term` adds one voxel's row.
fn channel_sums(
    rows: &[f32],
    channels: usize,
    term: impl Fn(usize, &[f32], &mut [f32], &mut [f32]) + Sync,
) -> (Vec<f64>, Vec<f64>) {
    let add = |total: &mut [f64], part: &[f32]| {
        for (total, &part) in total.iter_mut().zip(part) {
            *total += f64::from(part);
        }
    };
    let partial: Vec<(Vec<f64>, Vec<f64>)> = rows
        .par_chunks(TASK_VOXELS * channels)
        .enumerate()
        .map(|(task, rows)| {
            let mut sums = (vec![0.0; channels], vec![0.0; channels]);
            let (mut a, mut b) = (vec![0.0; channels], vec![0.0; channels]);
            for (short, rows) in rows.chunks(SHORT_SUM * channels).enumerate() {
                a.fill(0.0);
                b.fill(0.0);
                for (i, row) in rows.chunks_exact(channels).enumerate() {
                    let voxel = task * TASK_VOXELS + short * SHORT_SUM + i;
                    term(voxel, row, &mut a, &mut b);
                }
                add(&mut sums.0, &a);
                add(&mut sums.1, &b);
            }
            sums
        })
        .collect();
    let mut sums = (vec![0.0; channels], vec![0.0; channels]);
    for (a, b) in &partial {
        sums.0.iter_mut().zip(a).for_each(|(s, v)| *s += v);
        sums.1.iter_mut().zip(b).for_each(|(s, v)| *s += v);
    }
    sums
}

/// Replaces each channel's value by its group's sum.
fn group_sum(values: &mut [f64], groups: usize) {
    let size = values.len() / groups;
    for group in values.chunks_exact_mut(size) {
        let sum: f64 = group.iter().sum();
        group.fill(sum);
    }
}

/// In two passes: the difference of large sums would lose what a channel of small spread has.
fn moments(x: &[f32], shape: NormShape) -> Moments {
    let count = (x.len() / shape.groups) as f64;
    let mean: Vec<f32> = {
        let (mut sum, _) = channel_sums(x, shape.channels, |_, row, a, _| {
            for (&v, a) in row.iter().zip(a) {
                *a += v;
            }
        });
        group_sum(&mut sum, shape.groups);
        sum.iter().map(|s| (s / count) as f32).collect()
    };
    let (mut squares, _) = channel_sums(x, shape.channels, |_, row, a, _| {
        for ((&v, a), mean) in row.iter().zip(a).zip(&mean) {
            *a += (v - mean) * (v - mean);
        }
    });
    group_sum(&mut squares, shape.groups);
    let inverse_std = squares
        .iter()
        .map(|q| (1.0 / (q / count + f64::from(EPSILON)).sqrt()) as f32)
        .collect();
    Moments { mean, inverse_std }
}

/// `activation(group_norm(x) * gamma + beta)`.
pub(super) fn forward(x: &[f32], gamma: &[f32], beta: &[f32], shape: NormShape) -> Vec<f32> {
    let together = shape.voxels_together(x.len());
    if together > 1 {
        let (gamma, beta) = (gamma.repeat(together), beta.repeat(together));
        return forward(x, &gamma, &beta, shape.widened(together));
    }
    let c = shape.channels;
    let mut out = vec![0.0; x.len()];
    let volume = x.len() / shape.batch;
    for (x, out) in x.chunks_exact(volume).zip(out.chunks_exact_mut(volume)) {
        let m = moments(x, shape);
        let scale: Vec<f32> = (0..c).map(|i| m.inverse_std[i] * gamma[i]).collect();
        out.par_chunks_mut(TASK_VOXELS * c)
            .zip(x.par_chunks(TASK_VOXELS * c))
            .for_each(|(out, x)| {
                for (out, x) in out.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                    for i in 0..c {
                        let v = (x[i] - m.mean[i]) * scale[i] + beta[i];
                        out[i] = if v < 0.0 { v * shape.negative_slope } else { v };
                    }
                }
            });
    }
    out
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
    let c = shape.channels;
    let volume = x.len() / shape.batch;
    let mut grad_x = vec![0.0; x.len()];
    let (mut grad_gamma, mut grad_beta) = (vec![0.0f32; c], vec![0.0f32; c]);
    for ((x, grad), out) in x
        .chunks_exact(volume)
        .zip(grad.chunks_exact(volume))
        .zip(grad_x.chunks_exact_mut(volume))
    {
        let m = moments(x, shape);
        let through = |row: &[f32], grad: &[f32], i: usize| {
            let normal = (row[i] - m.mean[i]) * m.inverse_std[i];
            let slope = if normal * gamma[i] + beta[i] > 0.0 {
                1.0
            } else {
                shape.negative_slope
            };
            (normal, grad[i] * slope)
        };
        let (sum, sum_normal) = channel_sums(x, c, |voxel, row, a, b| {
            let grad = &grad[voxel * c..][..c];
            for i in 0..c {
                let (normal, g) = through(row, grad, i);
                a[i] += g;
                b[i] += g * normal;
            }
        });
        for i in 0..c {
            grad_beta[i] += sum[i] as f32;
            grad_gamma[i] += sum_normal[i] as f32;
        }
        let weighted = |sums: &[f64]| {
            let mut v: Vec<f64> = sums
                .iter()
                .zip(gamma)
                .map(|(s, &g)| s * f64::from(g))
                .collect();
            group_sum(&mut v, shape.groups);
            let count = (x.len() / shape.groups) as f64;
            v.iter().map(|s| (s / count) as f32).collect::<Vec<f32>>()
        };
        let (mean_grad, mean_grad_normal) = (weighted(&sum), weighted(&sum_normal));
        out.par_chunks_mut(TASK_VOXELS * c)
            .zip(
                x.par_chunks(TASK_VOXELS * c)
                    .zip(grad.par_chunks(TASK_VOXELS * c)),
            )
            .for_each(|(out, (x, grad))| {
                let rows = x.chunks_exact(c).zip(grad.chunks_exact(c));
                for (out, (row, grad)) in out.chunks_exact_mut(c).zip(rows) {
                    for i in 0..c {
                        let (normal, g) = through(row, grad, i);
                        let centred = g * gamma[i] - mean_grad[i] - normal * mean_grad_normal[i];
                        out[i] = m.inverse_std[i] * centred;
                    }
                }
            });
    }
    (grad_x, grad_gamma, grad_beta)
}
