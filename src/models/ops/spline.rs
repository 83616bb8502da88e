//! Interpolating B-splines along one axis, in SciPy's arithmetic.

/// The degree of the interpolating spline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spline {
    /// Degree 0.
    Nearest,
    /// Degree 1.
    Linear,
    /// Degree 3.
    Cubic,
}

impl Spline {
    fn degree(self) -> usize {
        match self {
            Self::Nearest => 0,
            Self::Linear => 1,
            Self::Cubic => 3,
        }
    }
}

/// Samples that SciPy adds at each end before it looks for a cubic spline whose outermost samples go on.
pub const MARGIN: usize = 12;

/// Where a line goes on that is mirrored at the centres of its outermost samples.
pub fn mirrored(index: i64, length: i64) -> usize {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length - 1);
    let index = index.rem_euclid(period);
    index.min(period - index) as usize
}

/// The samples, or coefficients, that make up the value at `place` of a line that is mirrored at both ends, with their
/// weights.
pub fn taps(place: f64, length: usize, spline: Spline) -> Vec<(usize, f64)> {
    let degree = spline.degree();
    let first = match spline {
        Spline::Nearest => (place + 0.5).floor(),
        _ => place.floor(),
    };
    let start = first as i64 - (degree / 2) as i64;
    let y = place - place.floor();
    let z = 1.0 - y;
    let weights = match spline {
        Spline::Nearest => vec![1.0],
        Spline::Linear => vec![z, 1.0 - z],
        Spline::Cubic => {
            let mut w = vec![
                z * z * z / 6.0,
                (y * y * (y - 2.0) * 3.0 + 4.0) / 6.0,
                (z * z * (z - 2.0) * 3.0 + 4.0) / 6.0,
                1.0,
            ];
            w[3] -= w[0];
            w[3] -= w[1];
            w[3] -= w[2];
            w
        }
    };
    let tap = |(step, weight): (usize, f64)| (mirrored(start + step as i64, length as i64), weight);
    weights.into_iter().enumerate().map(tap).collect()
}

/// A line's cubic spline coefficients, the line being mirrored at both ends.
pub fn coefficients(line: &mut [f64]) {
    let length = line.len();
    if length < 2 {
        return;
    }
    let pole = 3.0_f64.sqrt() - 2.0;
    let gain = (1.0 - pole) * (1.0 - 1.0 / pole);
    for value in line.iter_mut() {
        *value *= gain;
    }
    let far = pole.powi(length as i32 - 1);
    let mut power = pole;
    line[0] += far * line[length - 1];
    for index in 1..length - 1 {
        line[0] += power * (line[index] + far * line[length - 1 - index]);
        power *= pole;
    }
    line[0] /= 1.0 - far * far;
    for index in 1..length {
        line[index] += pole * line[index - 1];
    }
    line[length - 1] = (pole * line[length - 2] + line[length - 1]) * pole / (pole * pole - 1.0);
    for index in (0..length - 1).rev() {
        line[index] = pole * (line[index + 1] - line[index]);
    }
}
