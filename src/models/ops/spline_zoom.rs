//! Zooming of arrays as `scipy.ndimage.zoom` does it: cubic splines or the nearest value, corners on corners.

use rayon::prelude::*;

use super::spline::coefficients;

/// How values between the samples are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplineOrder {
    /// The nearest sample: order 0.
    Nearest,
    /// Interpolating cubic B-splines: order 3.
    Cubic,
}

/// Zooms a row-major array to `target`, as many axes; an axis of the same length stays as it is.
pub fn spline_zoom(
    values: &[f32],
    shape: &[usize],
    target: &[usize],
    order: SplineOrder,
) -> Vec<f32> {
    let mut data: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
    let mut shape = shape.to_vec();
    for axis in 0..shape.len() {
        if shape[axis] != target[axis] {
            data = zoom_axis(&data, &shape, axis, target[axis], order);
            shape[axis] = target[axis];
        }
    }
    data.into_iter().map(|v| v as f32).collect()
}

fn zoom_axis(
    data: &[f64],
    shape: &[usize],
    axis: usize,
    length: usize,
    order: SplineOrder,
) -> Vec<f64> {
    let from = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    let taps: Vec<Taps> = (0..length)
        .map(|k| Taps::at(k, from, length, order))
        .collect();
    let mut out = vec![0.0; data.len() / from.max(1) * length];
    let blocks = out.par_chunks_mut((length * inner).max(1));
    blocks
        .zip(data.par_chunks((from * inner).max(1)))
        .for_each(|(out, block)| {
            let mut line = vec![0.0; from];
            for place in 0..inner {
                for (k, value) in line.iter_mut().enumerate() {
                    *value = block[k * inner + place];
                }
                if order == SplineOrder::Cubic {
                    coefficients(&mut line);
                }
                for (k, taps) in taps.iter().enumerate() {
                    out[k * inner + place] = taps.blend(&line);
                }
            }
        });
    out
}

/// Samples and their weights for one target place; none outside the samples, where scipy's constant is 0.
struct Taps(Vec<(usize, f64)>);

impl Taps {
    fn at(target: usize, from: usize, length: usize, order: SplineOrder) -> Self {
        let step = if length > 1 {
            (from as f64 - 1.0) / (length as f64 - 1.0)
        } else {
            1.0
        };
        let place = target as f64 * step;
        // Rounding can lead beyond the last sample; scipy then writes its constant as well.
        if place > from as f64 - 1.0 {
            return Self(Vec::new());
        }
        if order == SplineOrder::Nearest {
            return Self(vec![((place + 0.5).floor() as usize, 1.0)]);
        }
        let first = place.floor();
        let near = place - first;
        let far = 1.0 - near;
        let before = far.powi(3) / 6.0;
        let here = (near * near * (near - 2.0) * 3.0 + 4.0) / 6.0;
        let next = (far * far * (far - 2.0) * 3.0 + 4.0) / 6.0;
        let weights = [before, here, next, 1.0 - before - here - next];
        let taps = weights.iter().enumerate().map(|(n, &weight)| {
            let sample = first as isize - 1 + n as isize;
            (mirrored(sample, from), weight)
        });
        Self(taps.collect())
    }

    fn blend(&self, line: &[f64]) -> f64 {
        self.0
            .iter()
            .map(|&(sample, weight)| weight * line[sample])
            .sum()
    }
}

/// Reflects at the outermost samples.
fn mirrored(sample: isize, length: usize) -> usize {
    let period = (2 * length as isize - 2).max(1);
    let sample = sample.rem_euclid(period);
    sample.min(period - sample).min(length as isize - 1).max(0) as usize
}
