//! From a volume to the network's input, as the authors' ACDC conversion and loader do it.

use rayon::prelude::*;

use crate::models::ops::{Beyond, Spline, resize_slice};

/// A volume's values as the authors store them in PNG files: its range spread over 0..=127.5 and cut off.
pub fn volume_to_png(values: &[f32]) -> Vec<u8> {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let spread = high - low;
    values
        .par_iter()
        .map(|v| ((v - low) / spread * 127.5) as u8)
        .collect()
}

/// A slice spread over 0..=1 by its own range and resized to `side` × `side`, linear. A slice of one value gives
/// zeros; the authors' loader would divide by zero.
pub fn network_slice(png: &[u8], from: [usize; 2], side: usize) -> Vec<f32> {
    let low = png.iter().copied().min().unwrap_or(0);
    let high = png.iter().copied().max().unwrap_or(0);
    if low == high {
        return vec![0.0; side * side];
    }
    let (low, spread) = (f32::from(low), f32::from(high) - f32::from(low));
    let scaled: Vec<f64> = png
        .iter()
        .map(|&v| f64::from((f32::from(v) - low) / spread))
        .collect();
    let resized = resize_slice(
        &scaled,
        from,
        [side; 2],
        Spline::Linear,
        Beyond::Mirror,
        false,
    );
    resized.into_iter().map(|v| v as f32).collect()
}

/// A label slice resized to `side` × `side` as batchgenerators 0.25 does it: each class by itself, linear, where it
/// reaches a half; later classes go over earlier ones.
pub fn resize_labels(labels: &[u8], from: [usize; 2], side: usize) -> Vec<u8> {
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let mut out = vec![0; side * side];
    for class in classes {
        let share: Vec<f64> = labels
            .iter()
            .map(|&l| f64::from(u8::from(l == class)))
            .collect();
        let share = resize_slice(&share, from, [side; 2], Spline::Linear, Beyond::Edge, false);
        for (out, share) in out.iter_mut().zip(share) {
            if share >= 0.5 {
                *out = class;
            }
        }
    }
    out
}
