//! Resizing of slices as scikit-image's `resize` does it (0.19 and later), on SciPy's `gaussian_filter` and `zoom`.
//!
//! A slice is row-major, `[rows, columns]`. Sums run in SciPy's order, so that what is cut to 8 bits afterwards falls
//! on the same side.

use rayon::prelude::*;

use super::spline::{MARGIN, Spline, coefficients, mirrored, taps};

/// What lies beyond the slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Zeros: scikit-image's `constant`.
    Zero,
    /// The outermost pixels: `edge`.
    Edge,
    /// The slice mirrored at the centres of its outermost pixels: `reflect`, scikit-image's default.
    Mirror,
}

/// Resizes from `from` to `to` (rows, columns); the result is kept within the range of the values.
/// With `smoothed`, a gaussian goes before along each axis that shrinks (`anti_aliasing=True`).
pub fn resize_slice(
    values: &[f64],
    from: [usize; 2],
    to: [usize; 2],
    spline: Spline,
    beyond: Beyond,
    smoothed: bool,
) -> Vec<f64> {
    let filtered = if smoothed {
        smooth(values, from, to, beyond, |v| v)
    } else {
        values.to_vec()
    };
    let mut out = zoom(filtered, from, to, spline, beyond);
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let keeps_zero = beyond == Beyond::Zero && !(low..=high).contains(&0.0);
    for v in &mut out {
        if !(keeps_zero && *v == 0.0) {
            *v = v.clamp(low, high);
        }
    }
    out
}

/// Resizes a slice of 8-bit labels to the nearest, with `anti_aliasing=True` as DeSAM's authors do: the gaussian then
/// works in whole numbers and cuts 0.999 to 0, so that shrinking takes one pixel off every border of a label.
pub fn resize_label_slice_smoothed(labels: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<u8> {
    let values: Vec<f64> = labels.iter().map(|&v| f64::from(v)).collect();
    let cut = |v: f64| f64::from(v as u8);
    let filtered = smooth(&values, from, to, Beyond::Zero, cut);
    let out = zoom(filtered, from, to, Spline::Nearest, Beyond::Zero);
    out.into_iter().map(|v| v as u8).collect()
}

/// Gaussians of (shrinking − 1) / 2 pixels along the axes that shrink; `store` is what becomes of a stored sum.
fn smooth(
    values: &[f64],
    from: [usize; 2],
    to: [usize; 2],
    beyond: Beyond,
    store: impl Fn(f64) -> f64 + Sync,
) -> Vec<f64> {
    let [rows, columns] = from;
    let sigma = |axis: usize| ((from[axis] as f64 / to[axis] as f64 - 1.0) / 2.0).max(0.0);
    let mut out = values.to_vec();
    if sigma(0) > 1e-15 {
        let kernel = gaussian(sigma(0));
        let mut turned = turn(&out, rows, columns);
        turned
            .par_chunks_mut(rows)
            .for_each(|line| smooth_line(line, &kernel, beyond, &store));
        out = turn(&turned, columns, rows);
    }
    if sigma(1) > 1e-15 {
        let kernel = gaussian(sigma(1));
        out.par_chunks_mut(columns)
            .for_each(|line| smooth_line(line, &kernel, beyond, &store));
    }
    out
}

/// The middle of the kernel and one side, from the middle outwards; SciPy cuts it at four deviations.
fn gaussian(sigma: f64) -> Vec<f64> {
    let reach = (4.0 * sigma + 0.5) as i64;
    let factor = -0.5 / (sigma * sigma);
    let value = |x: i64| (factor * (x * x) as f64).exp();
    let sum: f64 = (-reach..=reach).map(value).sum();
    (0..=reach).map(|x| value(x) / sum).collect()
}

fn smooth_line(line: &mut [f64], kernel: &[f64], beyond: Beyond, store: &impl Fn(f64) -> f64) {
    let source = line.to_vec();
    let length = source.len() as i64;
    let at = |index: i64| match beyond {
        Beyond::Zero if !(0..length).contains(&index) => 0.0,
        Beyond::Mirror => source[mirrored(index, length)],
        _ => source[index.clamp(0, length - 1) as usize],
    };
    for (place, out) in line.iter_mut().enumerate() {
        let place = place as i64;
        let mut sum = source[place as usize] * kernel[0];
        for step in (1..kernel.len() as i64).rev() {
            sum += (at(place - step) + at(place + step)) * kernel[step as usize];
        }
        *out = store(sum);
    }
}

fn turn(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(values.len());
    for column in 0..columns {
        out.extend((0..rows).map(|row| values[row * columns + column]));
    }
    out
}

/// The slice with what lies beyond it, and how much of it was added on each side. A mirrored slice needs none: its
/// spline is mirrored as well.
fn padded(values: Vec<f64>, [rows, columns]: [usize; 2], beyond: Beyond) -> (Vec<f64>, usize) {
    if beyond == Beyond::Mirror {
        return (values, 0);
    }
    let mut out = Vec::with_capacity((rows + 2 * MARGIN) * (columns + 2 * MARGIN));
    for row in 0..rows + 2 * MARGIN {
        for column in 0..columns + 2 * MARGIN {
            let inside = (MARGIN..MARGIN + rows).contains(&row)
                && (MARGIN..MARGIN + columns).contains(&column);
            let y = row.saturating_sub(MARGIN).min(rows - 1);
            let x = column.saturating_sub(MARGIN).min(columns - 1);
            let zero = beyond == Beyond::Zero && !inside;
            out.push(if zero { 0.0 } else { values[y * columns + x] });
        }
    }
    (out, MARGIN)
}

/// Samples the spline through the values where the pixels of `to` have their centres.
fn zoom(
    values: Vec<f64>,
    from: [usize; 2],
    to: [usize; 2],
    spline: Spline,
    beyond: Beyond,
) -> Vec<f64> {
    let (mut values, margin) = padded(values, from, beyond);
    let [rows, columns] = from.map(|length| length + 2 * margin);
    if spline == Spline::Cubic {
        let mut turned = turn(&values, rows, columns);
        turned.par_chunks_mut(rows).for_each(coefficients);
        values = turn(&turned, columns, rows);
        values.par_chunks_mut(columns).for_each(coefficients);
    }
    let samples = |axis: usize| -> Vec<Vec<(usize, f64)>> {
        let scale = from[axis] as f64 / to[axis] as f64;
        (0..to[axis])
            .map(|index| (index as f64 + 0.5) * scale - 0.5 + margin as f64)
            .map(|place| taps(place, from[axis] + 2 * margin, spline))
            .collect()
    };
    let (down, across) = (samples(0), samples(1));
    let mut out = vec![0.0; to[0] * to[1]];
    out.par_chunks_mut(to[1])
        .zip(&down)
        .for_each(|(line, down)| {
            for (out, across) in line.iter_mut().zip(&across) {
                for (row, weight) in down {
                    for (column, other) in across {
                        *out += values[row * columns + column] * weight * other;
                    }
                }
            }
        });
    out
}
