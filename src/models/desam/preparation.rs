//! From a volume to the encoder's input, as the authors' `precompute_embeddings` does it for prostate MRI.

use rayon::prelude::*;

use crate::models::ops::{
    Beyond, Spline, pil_resize_bilinear, resize_label_slice_smoothed, resize_slice,
};

/// Percentiles that a volume is clipped to.
const CLIP_PERCENT: [f64; 2] = [0.5, 99.5];

/// A volume's values `[slice, row, column]` as 8-bit grey: clipped to its percentiles, spread over 0..=255 and cut off;
/// voxels of exactly 0 stay 0.
pub fn volume_to_grey(values: &[f32]) -> Vec<u8> {
    let mut sorted = values.to_vec();
    sorted.par_sort_unstable_by(f32::total_cmp);
    let [low, high] = CLIP_PERCENT.map(|percent| percentile(&sorted, percent));
    let spread = high - low;
    let grey = |&v: &f32| {
        let scaled = (v.clamp(low, high) - low) / spread * 255.0;
        if v == 0.0 { 0 } else { scaled as u8 }
    };
    values.par_iter().map(grey).collect()
}

/// NumPy's `percentile` of ascending values: linear between the two nearest.
fn percentile(sorted: &[f32], percent: f64) -> f32 {
    let place = percent / 100.0 * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let (low, high) = (f64::from(sorted[below]), f64::from(sorted[above]));
    let share = place - below as f64;
    let value = if share >= 0.5 {
        high - (high - low) * (1.0 - share)
    } else {
        low + (high - low) * share
    };
    value as f32
}

/// A grey slice resized to `side` × `side`: cubic, smoothed where it shrinks, cut off to 8 bits.
pub fn resize_grey(slice: &[u8], from: [usize; 2], side: usize) -> Vec<u8> {
    let values: Vec<f64> = slice.iter().map(|&v| f64::from(v)).collect();
    let resized = resize_slice(&values, from, [side; 2], Spline::Cubic, Beyond::Zero, true);
    resized.into_iter().map(|v| v as u8).collect()
}

/// A slice of 0/1 labels resized to `side` × `side`; see [`resize_label_slice_smoothed`].
pub fn resize_labels(slice: &[u8], from: [usize; 2], side: usize) -> Vec<u8> {
    resize_label_slice_smoothed(slice, from, [side; 2])
}

/// An image of `side` × `side` pixels, rows of `channels` (1 or 3) interleaved values, as the encoder's input
/// `[3, image_side, image_side]` and, before `mean` and `std` of each channel are applied, as 8-bit planes.
pub fn encoder_input(
    pixels: &[u8],
    channels: usize,
    (side, image_side): (usize, usize),
    mean: [f32; 3],
    std: [f32; 3],
) -> (Vec<f32>, Vec<u8>) {
    let large = pil_resize_bilinear(pixels, [side; 2], channels, [image_side; 2]);
    let mut planes = Vec::with_capacity(3 * image_side * image_side);
    for channel in 0..3 {
        let source = channel.min(channels - 1);
        planes.extend(large.iter().skip(source).step_by(channels));
    }
    let normalised = planes.iter().enumerate().map(|(index, &value)| {
        let channel = index / (image_side * image_side);
        (f32::from(value) - mean[channel]) / std[channel]
    });
    (normalised.collect(), planes)
}
