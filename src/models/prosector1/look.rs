//! What the encoder makes of a target, in a few numbers: by these the model tells whether it has seen the like.

use crate::models::ModelError;
use crate::models::slices::host;

use super::image_encoder::ImageEmbedding;
use super::region::SIDE;

/// The level at which the target itself is looked at: 6³ cells a region.
const TARGET_LEVEL: usize = 2;
/// The level at which the region as a whole is looked at: 3³ cells.
const REGION_LEVEL: usize = 3;

/// Means of the encoder's channels over the target, then over the region: `share` says how much of each region voxel
/// the target covers, 0..=1.
///
/// # Errors
/// The device fails.
pub(super) fn at(embedding: &ImageEmbedding, share: &[f32]) -> Result<Vec<f32>, ModelError> {
    let mut look = means(embedding, TARGET_LEVEL, |side| pooled(share, side))?;
    look.extend(means(embedding, REGION_LEVEL, |side| {
        vec![1.0; side.pow(3)]
    })?);
    Ok(look)
}

/// Mean of each channel of a level of `side³` cells, which count as `weights` says.
fn means(
    embedding: &ImageEmbedding,
    level: usize,
    weights: impl FnOnce(usize) -> Vec<f32>,
) -> Result<Vec<f32>, ModelError> {
    let tensor = embedding.levels[level].clone();
    let [_, side, _, _, channels] = tensor.dims();
    let values = host(tensor)?;
    Ok(mean(&values, channels, &weights(side)))
}

/// The share of the target in each cell of a coarser grid of `side³` cells; all alike where there is no target.
fn pooled(share: &[f32], side: usize) -> Vec<f32> {
    let cell = SIDE / side;
    let mut sums = vec![0.0; side.pow(3)];
    for (v, &share) in share.iter().enumerate() {
        let at = [v % SIDE, v / SIDE % SIDE, v / (SIDE * SIDE)].map(|x| x / cell);
        sums[at[0] + side * (at[1] + side * at[2])] += share;
    }
    if sums.iter().sum::<f32>() <= 0.0 {
        sums.fill(1.0);
    }
    sums
}

/// Weighted mean of each channel; values have channels last.
fn mean(values: &[f32], channels: usize, weights: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    for (cell, &weight) in values.chunks_exact(channels).zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(cell) {
            *sum += weight * value;
        }
    }
    let all: f32 = weights.iter().sum();
    sums.into_iter().map(|sum| sum / all).collect()
}
