//! How much each voxel of a window counts.

use half::f16;

/// Weight of the voxel in a window's middle.
const PEAK: f64 = 10.0;
/// Standard deviation as a share of the window's side.
const SIGMA_SHARE: f64 = 0.125;
/// Standard deviations after which SciPy's filter cuts the bell off.
const TRUNCATED_AT: f64 = 4.0;

/// The importance map of a window (`compute_gaussian`), row-major over any number of axes: 10 in the middle (index
/// n div 2), in half precision as the official predictor holds it, and never 0.
pub fn importance_map(patch: &[usize]) -> Vec<f16> {
    let mut map = vec![1.0];
    for &side in patch {
        let bell = bell(side);
        map = map
            .iter()
            .flat_map(|&m| bell.iter().map(move |&b| m * b))
            .collect::<Vec<f64>>();
    }
    let mut map: Vec<f16> = map.iter().map(|&m| f16::from_f64(m * PEAK)).collect();
    let least = map.iter().copied().filter(|m| *m > f16::ZERO);
    let least = least.reduce(f16::min).unwrap_or(f16::ONE);
    for value in map.iter_mut().filter(|m| **m == f16::ZERO) {
        *value = least;
    }
    map
}

/// A Gaussian around index n div 2 with 1 there.
fn bell(side: usize) -> Vec<f64> {
    let sigma = side as f64 * SIGMA_SHARE;
    let reach = (TRUNCATED_AT * sigma + 0.5) as usize;
    let middle = side / 2;
    let value = |at: usize| {
        let away = at.abs_diff(middle);
        let scaled = away as f64 / sigma;
        if away > reach {
            0.0
        } else {
            (-0.5 * scaled * scaled).exp()
        }
    };
    (0..side).map(value).collect()
}
