//! Telling the inside of targets from their outside by a few examples of both: logistic regression.

/// Fewest examples of either side.
const FEWEST: usize = 8;
/// Most of either side that are looked at, evenly chosen: a click waits for this.
const MOST: usize = 2048;
/// Steps of the fit, how far each goes, and how strongly weights are held near zero.
const STEPS: usize = 120;
const RATE: f64 = 0.5;
const DECAY: f64 = 0.01;

/// Log-odds linear in features.
#[derive(Debug, Clone)]
pub(super) struct Likeness {
    weights: Vec<f64>,
    bias: f64,
}

/// An example, of mean 0 and deviation 1 in each feature, and what it counts.
struct Scaled {
    features: Vec<f64>,
    is_inside: f64,
    weight: f64,
}

impl Likeness {
    /// Learns from rows of equally many features, both sides counting alike; `None` where there are too few.
    pub fn learnt(inside: &[Vec<f32>], outside: &[Vec<f32>]) -> Option<Self> {
        if inside.len() < FEWEST || outside.len() < FEWEST {
            return None;
        }
        let mut rows = Vec::new();
        for (side, is_inside) in [(outside, 0.0), (inside, 1.0)] {
            let step = side.len().div_ceil(MOST);
            let chosen = side.iter().step_by(step);
            let weight = 0.5 / chosen.len() as f64;
            rows.extend(chosen.map(|features| Scaled {
                features: features.iter().map(|&x| f64::from(x)).collect(),
                is_inside,
                weight,
            }));
        }
        let (means, deviations) = scale(&mut rows);
        let mut fitted = Self {
            weights: vec![0.0; means.len()],
            bias: 0.0,
        };
        for _ in 0..STEPS {
            fitted.step(&rows);
        }
        for ((weight, mean), deviation) in fitted.weights.iter_mut().zip(means).zip(deviations) {
            *weight /= deviation;
            fitted.bias -= *weight * mean;
        }
        Some(fitted)
    }

    /// That something of these features is inside; above 0 where it rather is.
    pub fn log_odds(&self, features: &[f32]) -> f64 {
        let terms = self.weights.iter().zip(features);
        self.bias + terms.map(|(w, &x)| w * f64::from(x)).sum::<f64>()
    }

    /// A step down the slope of the loss.
    fn step(&mut self, rows: &[Scaled]) {
        let mut slopes: Vec<f64> = self.weights.iter().map(|w| DECAY * w).collect();
        let mut slope_of_bias = 0.0;
        for row in rows {
            let terms = self.weights.iter().zip(&row.features);
            let log_odds = self.bias + terms.map(|(w, x)| w * x).sum::<f64>();
            let error = row.weight * (1.0 / (1.0 + (-log_odds).exp()) - row.is_inside);
            slope_of_bias += error;
            for (slope, x) in slopes.iter_mut().zip(&row.features) {
                *slope += error * x;
            }
        }
        for (weight, slope) in self.weights.iter_mut().zip(slopes) {
            *weight -= RATE * slope;
        }
        self.bias -= RATE * slope_of_bias;
    }
}

/// Brings each feature to mean 0 and deviation 1; gives what they were.
fn scale(rows: &mut [Scaled]) -> (Vec<f64>, Vec<f64>) {
    let width = rows[0].features.len();
    let mean = |of: &dyn Fn(&Scaled) -> f64| rows.iter().map(|r| r.weight * of(r)).sum::<f64>();
    let means: Vec<f64> = (0..width).map(|d| mean(&|r| r.features[d])).collect();
    let deviation = |d: usize| {
        mean(&|r| (r.features[d] - means[d]).powi(2))
            .max(1e-12)
            .sqrt()
    };
    let deviations: Vec<f64> = (0..width).map(deviation).collect();
    for row in rows {
        for (d, x) in row.features.iter_mut().enumerate() {
            *x = (*x - means[d]) / deviations[d];
        }
    }
    (means, deviations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_apart_what_differs_and_ignores_what_does_not() {
        let row = |shift: f32, n: usize| vec![shift + (n % 7) as f32 * 0.1, 300.0 * (n % 5) as f32];
        let inside: Vec<_> = (0..40).map(|n| row(5.0, n)).collect();
        let outside: Vec<_> = (0..4000).map(|n| row(4.0, n)).collect();
        let likeness = Likeness::learnt(&inside, &outside).unwrap();
        for n in 0..35 {
            assert!(likeness.log_odds(&row(5.0, n)) > 0.5, "{n}");
            assert!(likeness.log_odds(&row(4.0, n)) < -0.5, "{n}");
        }
        assert!(Likeness::learnt(&inside[..3], &outside).is_none());
    }
}
