//! MA-SAM's learning rate (`trainer.py`).

/// Linear warm-up, then a polynomial of high power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRate {
    /// Highest rate: 0.0008.
    pub base: f64,
    /// Iterations until it is reached: 250.
    pub warmup: usize,
    /// Iterations after which it would be 0; the authors stop after three quarters of them.
    pub iterations: usize,
    /// Exponent of the decay: 7.
    pub power: f64,
}

impl LearningRate {
    /// The rate of an iteration, counted from 0. It is set after each step, from that step's number, so the first two
    /// are the same and every later one lags by one.
    pub fn at(&self, iteration: usize) -> f64 {
        let last = iteration.saturating_sub(1);
        if last < self.warmup {
            return self.base * (last + 1) as f64 / self.warmup as f64;
        }
        let done = (last - self.warmup) as f64 / self.iterations as f64;
        self.base * (1.0 - done).max(0.0).powf(self.power)
    }
}
