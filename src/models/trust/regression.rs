//! Ridge regression of shares (0..=1) on a few measures: a logistic curve fitted by Newton's method.

use super::traits::share_of;

/// Newton steps at most; a handful suffice.
const MOST_STEPS: usize = 30;

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Observation {
    /// The measures, each of mean 0 and spread 1.
    pub inputs: Vec<f64>,
    /// The share to foretell, 0..=1.
    pub share: f64,
    /// How much it counts.
    pub weight: f64,
}

/// Coefficients of the measures, and last the constant, that foretell the log odds best. `ridge` pulls the
/// coefficients, but not the constant, towards 0, as strongly as that many observations of weight 1.
pub(super) fn fit(observations: &[Observation], ridge: f64) -> Vec<f64> {
    let inputs = observations.first().map_or(0, |o| o.inputs.len());
    let mut coefficients = vec![0.0; inputs + 1];
    for _ in 0..MOST_STEPS {
        let (gradient, curvature) = derivatives(observations, &coefficients, ridge);
        let Some(step) = solve(curvature, gradient) else {
            break;
        };
        for (c, s) in coefficients.iter_mut().zip(&step) {
            *c -= s.clamp(-2.0, 2.0);
        }
        if step.iter().all(|s| s.abs() < 1e-9) {
            break;
        }
    }
    coefficients
}

fn with_constant(inputs: &[f64]) -> impl Iterator<Item = f64> + Clone + '_ {
    inputs.iter().copied().chain([1.0])
}

fn derivatives(
    observations: &[Observation],
    coefficients: &[f64],
    ridge: f64,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = coefficients.len();
    let mut gradient = vec![0.0; n];
    let mut curvature = vec![vec![0.0; n]; n];
    for (d, coefficient) in coefficients[..n - 1].iter().enumerate() {
        gradient[d] = ridge * coefficient;
        curvature[d][d] = ridge;
    }
    for o in observations {
        let row = with_constant(&o.inputs);
        let log_odds: f64 = row.clone().zip(coefficients).map(|(x, c)| x * c).sum();
        let expected = share_of(log_odds);
        let slope = o.weight * expected * (1.0 - expected);
        for (a, x) in row.clone().enumerate() {
            gradient[a] += o.weight * (expected - o.share) * x;
            for (b, y) in row.clone().enumerate() {
                curvature[a][b] += slope * x * y;
            }
        }
    }
    (gradient, curvature)
}

/// Solves a small symmetric system by elimination with pivots; `None` where it has no single solution.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    for column in 0..n {
        let pivot = (column..n)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        if matrix[pivot][column].abs() < 1e-12 {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..n {
            let factor = matrix[row][column] / matrix[column][column];
            for d in column..n {
                matrix[row][d] -= factor * matrix[column][d];
            }
            right[row] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|d| matrix[row][d] * right[d]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}
