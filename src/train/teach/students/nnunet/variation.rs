//! How windows are varied: as nnU-Net's training does, without its turns and its changes of resolution.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::train::augment::fast_normal;

use super::scan::Window;

/// Chance of another size, and its range.
const ZOOM: (f64, [f64; 2]) = (0.2, [0.7, 1.4]);
/// Chance of noise, and its largest variance.
const NOISE: (f64, f32) = (0.1, 0.1);
/// Chance of other brightness, and of other contrast, and the range of factors.
const FACTOR: (f64, [f32; 2]) = (0.15, [0.75, 1.25]);
/// Chance of another gamma, and its range.
const GAMMA: (f64, [f32; 2]) = (0.3, [0.7, 1.5]);
/// Least standard deviation or range that is divided by.
const LEAST: f32 = 1e-7;

/// Voxels of the scan that become a window of these sides: more or fewer, along the axes from `first` on.
pub(super) fn extent(sides: [usize; 3], first: usize, rng: &mut ChaCha8Rng) -> [usize; 3] {
    let (chance, [low, high]) = ZOOM;
    if !rng.random_bool(chance) {
        return sides;
    }
    let zoom = rng.random_range(low..=high);
    std::array::from_fn(|d| match d < first {
        true => sides[d],
        false => ((sides[d] as f64 / zoom).round() as usize).max(1),
    })
}

/// A window mirrored along some of the axes that its model allows, and with other values.
pub(super) fn varied(window: Window, axes: &[usize], rng: &mut ChaCha8Rng) -> Window {
    let is_mirrored = std::array::from_fn(|d| axes.contains(&d) && rng.random_bool(0.5));
    let mut window = window.mirrored(is_mirrored);
    let values = &mut window.image.values;
    noise(values, rng);
    let (chance, [low, high]) = FACTOR;
    if rng.random_bool(chance) {
        let factor = rng.random_range(low..=high);
        values.iter_mut().for_each(|v| *v *= factor);
    }
    if rng.random_bool(chance) {
        let factor = rng.random_range(low..=high);
        contrast(values, factor);
    }
    let (chance, [low, high]) = GAMMA;
    if rng.random_bool(chance) {
        let power = rng.random_range(low..=high);
        gamma(values, power);
    }
    window
}

fn noise(values: &mut [f32], rng: &mut ChaCha8Rng) {
    let (chance, most) = NOISE;
    if rng.random_bool(chance) {
        let deviation = rng.random_range(0.0..most).sqrt();
        values
            .iter_mut()
            .for_each(|v| *v += deviation * fast_normal(rng));
    }
}

/// Differences from the mean become `factor` times as large, within the range of the values.
fn contrast(values: &mut [f32], factor: f32) {
    let (mean, _) = moments(values);
    let [low, high] = range(values);
    let changed = |v: f32| ((v - mean) * factor + mean).clamp(low, high);
    values.iter_mut().for_each(|v| *v = changed(*v));
}

/// A power of the values' place in their range; mean and deviation stay as they were.
fn gamma(values: &mut [f32], power: f32) {
    let before = moments(values);
    let [low, high] = range(values);
    let width = (high - low).max(LEAST);
    values
        .iter_mut()
        .for_each(|v| *v = ((*v - low) / width).powf(power) * width + low);
    let after = moments(values);
    let factor = before.1 / after.1.max(LEAST);
    values
        .iter_mut()
        .for_each(|v| *v = (*v - after.0) * factor + before.0);
}

/// Mean and standard deviation.
fn moments(values: &[f32]) -> (f32, f32) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
    (mean as f32, (squares.sum::<f64>() / count).sqrt() as f32)
}

fn range(values: &[f32]) -> [f32; 2] {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_and_gamma_keep_what_they_say() {
        let values = [-1.0f32, 0.0, 0.5, 2.0, 3.5];
        let mut flatter = values;
        contrast(&mut flatter, 0.5);
        assert_eq!(flatter, [0.0, 0.5, 0.75, 1.5, 2.25]);
        let mut steeper = values;
        contrast(&mut steeper, 2.0);
        assert_eq!([steeper[0], steeper[4]], [-1.0, 3.5]);
        let mut bent = values;
        gamma(&mut bent, 1.5);
        let (before, after) = (moments(&values), moments(&bent));
        assert!((before.0 - after.0).abs() < 1e-5 && (before.1 - after.1).abs() < 1e-5);
        assert!(bent.is_sorted() && bent != values);
        let mut empty = [0.0; 4];
        gamma(&mut empty, 1.5);
        assert_eq!(empty, [0.0; 4]);
    }
}
