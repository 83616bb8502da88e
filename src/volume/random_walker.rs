//! The random walker of Grady (2006): who starts at a voxel and walks to neighbours of like value, does he come to the
//! target first, or to the background?

use rayon::prelude::*;

use crate::util::{Cancelled, JobContext};

/// What a step weighs at least, as scikit-image has it: walls of any height are passed in the end.
const LEAST_WEIGHT: f64 = 1e-10;
/// Length of the residual, relative to the first, at which the solution is taken.
const TOLERANCE: f64 = 1e-7;
/// Most steps of the solver; a few hundred do.
const MOST_STEPS: usize = 5000;

/// What is known of a voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// Nothing: it is asked for.
    None,
    /// It is of the target.
    Target,
    /// It is not.
    Background,
}

/// A walker on a box of voxels, `i` fastest.
pub struct RandomWalker {
    dims: [usize; 3],
    /// Weights of the steps from each voxel to the next along each axis; 0 from the last.
    weights: [Vec<f32>; 3],
}

impl RandomWalker {
    /// A walker among `values`, at `spacing_mm`; the larger `beta`, the more he minds differences. As scikit-image's
    /// `random_walker` has it: a step weighs exp(-beta g² / (10 sd)), g being the slope per mm and sd the standard
    /// deviation of the values.
    ///
    /// # Panics
    /// If the values are not as many as the box has.
    pub fn new(values: &[f32], dims: [usize; 3], spacing_mm: [f64; 3], beta: f64) -> Self {
        assert_eq!(values.len(), dims.iter().product::<usize>());
        let scale = match standard_deviation(values) {
            sd if sd > 0.0 => beta / (10.0 * sd),
            _ => 0.0,
        };
        let strides = strides(dims);
        let along = |d: usize| {
            let weight = |at: usize| {
                if at / strides[d] % dims[d] + 1 == dims[d] {
                    return 0.0;
                }
                let difference = f64::from(values[at + strides[d]]) - f64::from(values[at]);
                let slope = difference / spacing_mm[d];
                ((-scale * slope * slope).exp() + LEAST_WEIGHT) as f32
            };
            (0..values.len()).into_par_iter().map(weight).collect()
        };
        Self {
            dims,
            weights: [along(0), along(1), along(2)],
        }
    }

    /// For each voxel the probability that a walker from there comes to the target first; 0 where he comes to neither.
    ///
    /// Solves Laplace's equation on the unknown voxels by conjugate gradients with Jacobi's preconditioner. Sums are taken
    /// plane by plane, so that the result does not depend on threads.
    ///
    /// # Errors
    /// Cancelled.
    ///
    /// # Panics
    /// If the seeds are not as many as the box has voxels.
    pub fn probabilities(&self, seeds: &[Seed], ctx: &JobContext) -> Result<Vec<f64>, Cancelled> {
        assert_eq!(seeds.len(), self.dims.iter().product::<usize>());
        let is_target: Vec<f64> = seeds
            .iter()
            .map(|&seed| f64::from(u8::from(seed == Seed::Target)))
            .collect();
        let mut residual = self.on_unknown(seeds, |at| self.sum_around(&is_target, at));
        let degree = self.on_unknown(seeds, |at| self.degree(at));
        let mut solution = vec![0.0; seeds.len()];
        let mut direction = vec![0.0; seeds.len()];
        let (mut last, mut first) = (f64::INFINITY, None);
        for _ in 0..MOST_STEPS {
            ctx.check()?;
            let length = self.dot(|at| match degree[at] {
                0.0 => 0.0,
                degree => residual[at] * residual[at] / degree,
            });
            if length <= TOLERANCE * TOLERANCE * *first.get_or_insert(length) {
                break;
            }
            let share = length / last;
            last = length;
            direction.par_iter_mut().enumerate().for_each(|(at, own)| {
                let step = match degree[at] {
                    0.0 => 0.0,
                    degree => residual[at] / degree,
                };
                *own = step + share * *own;
            });
            let image = self.on_unknown(seeds, |at| {
                degree[at] * direction[at] - self.sum_around(&direction, at)
            });
            let way = length / self.dot(|at| direction[at] * image[at]);
            add(&mut solution, way, &direction);
            add(&mut residual, -way, &image);
        }
        add(&mut solution, 1.0, &is_target);
        Ok(solution)
    }

    /// A value for each voxel of which nothing is known, 0 for the others.
    fn on_unknown(&self, seeds: &[Seed], value: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
        let value = |(at, &seed): (usize, &Seed)| match seed {
            Seed::None => value(at),
            Seed::Target | Seed::Background => 0.0,
        };
        seeds.par_iter().enumerate().map(value).collect()
    }

    /// The sum over a voxel's neighbours of the weights of the steps there, times the values there.
    fn sum_around(&self, values: &[f64], at: usize) -> f64 {
        self.around(at, |weight, there| weight * values[there])
    }

    fn degree(&self, at: usize) -> f64 {
        self.around(at, |weight, _| weight)
    }

    fn around(&self, at: usize, term: impl Fn(f64, usize) -> f64) -> f64 {
        let strides = strides(self.dims);
        let along = |d: usize| {
            let (stride, weights) = (strides[d], &self.weights[d]);
            let place = at / stride % self.dims[d];
            let mut sum = 0.0;
            if place > 0 {
                sum += term(f64::from(weights[at - stride]), at - stride);
            }
            if place + 1 < self.dims[d] {
                sum += term(f64::from(weights[at]), at + stride);
            }
            sum
        };
        along(0) + along(1) + along(2)
    }

    /// The sum of a product over all voxels.
    fn dot(&self, product: impl Fn(usize) -> f64 + Sync) -> f64 {
        let plane = (self.dims[0] * self.dims[1]).max(1);
        let planes: Vec<f64> = (0..self.dims[2])
            .into_par_iter()
            .map(|k| (k * plane..(k + 1) * plane).map(&product).sum())
            .collect();
        planes.iter().sum()
    }
}

fn strides([ni, nj, _]: [usize; 3]) -> [usize; 3] {
    [1, ni, ni * nj]
}

fn add(values: &mut [f64], factor: f64, others: &[f64]) {
    let pairs = values.par_iter_mut().zip(others);
    pairs.for_each(|(value, other)| *value += factor * other);
}

/// Of the whole population.
fn standard_deviation(values: &[f32]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
    (squares.sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f32], beta: f64) -> RandomWalker {
        RandomWalker::new(values, [values.len(), 1, 1], [1.0; 3], beta)
    }

    #[test]
    fn between_two_seeds_the_probability_falls_evenly() {
        let mut seeds = vec![Seed::None; 11];
        (seeds[0], seeds[10]) = (Seed::Target, Seed::Background);
        let found = line(&[5.0; 11], 130.0).probabilities(&seeds, &JobContext::silent());
        for (at, found) in found.expect("not cancelled").into_iter().enumerate() {
            assert!(
                (found - (1.0 - at as f64 / 10.0)).abs() < 1e-6,
                "{at}: {found}"
            );
        }
    }

    #[test]
    fn a_step_of_the_values_is_a_wall() {
        let values: Vec<f32> = (0..12).map(|at| f32::from(u8::from(at >= 4))).collect();
        let mut seeds = vec![Seed::None; 12];
        (seeds[0], seeds[11]) = (Seed::Target, Seed::Background);
        let walker = line(&values, 130.0);
        let found = walker.probabilities(&seeds, &JobContext::silent());
        let found = found.expect("not cancelled");
        assert!(found[..4].iter().all(|&p| p > 0.99), "{found:?}");
        assert!(found[4..].iter().all(|&p| p < 0.01), "{found:?}");
    }

    #[test]
    fn without_a_target_or_an_unknown_voxel_there_is_nothing_to_solve() {
        let walker = line(&[1.0, 2.0, 3.0], 130.0);
        let none = walker.probabilities(&[Seed::None; 3], &JobContext::silent());
        assert_eq!(none, Ok(vec![0.0; 3]));
        let all = [Seed::Target, Seed::Background, Seed::Target];
        let all = walker.probabilities(&all, &JobContext::silent());
        assert_eq!(all, Ok(vec![1.0, 0.0, 1.0]));
    }

    #[test]
    fn it_can_be_cancelled() {
        let cancel = crate::util::CancelToken::default();
        cancel.cancel();
        let ctx = JobContext::new(cancel, |_, _| {});
        let mut seeds = vec![Seed::None; 3];
        seeds[0] = Seed::Target;
        assert_eq!(
            line(&[1.0; 3], 1.0).probabilities(&seeds, &ctx),
            Err(Cancelled)
        );
    }
}
