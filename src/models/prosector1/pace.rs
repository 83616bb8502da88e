//! How far a search is, and how long the rest of it will take.

use std::time::{Duration, Instant};

use crate::util::{Cancelled, JobContext};

/// Reports the looks of one pass of a search.
pub(super) struct Pace<'a> {
    ctx: &'a JobContext,
    /// What is being done: "coarse look".
    what: &'static str,
    /// Part of the job that the pass is, from and to.
    part: [f32; 2],
    all: usize,
    start: Instant,
}

impl<'a> Pace<'a> {
    pub(super) fn new(ctx: &'a JobContext, what: &'static str, part: [f32; 2], all: usize) -> Self {
        Self {
            ctx,
            what,
            part,
            all,
            start: Instant::now(),
        }
    }

    /// Says that `done` looks of all are over and the next begins.
    ///
    /// # Errors
    /// Cancelled.
    pub(super) fn next(&self, done: usize) -> Result<(), Cancelled> {
        let [from, to] = self.part;
        let fraction = from + (to - from) * done as f32 / self.all.max(1) as f32;
        let left = remaining(self.start.elapsed(), done, self.all);
        let left = left.map_or_else(String::new, |left| {
            format!(", about {} left", rounded(left))
        });
        let stage = format!("{} {} of {}{left}", self.what, done + 1, self.all);
        self.ctx.step(fraction, &stage)
    }
}

/// Time that the rest will take at the speed so far; `None` before anything is done.
fn remaining(elapsed: Duration, done: usize, all: usize) -> Option<Duration> {
    let rest = all.saturating_sub(done) as f64;
    (done > 0).then(|| elapsed.mul_f64(rest / done as f64))
}

/// A time in words, no more exact than it is known.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..10.0 => format!("{} s", seconds.ceil()),
        ..90.0 => format!("{} s", (seconds / 5.0).ceil() * 5.0),
        _ => format!("{} min", (seconds / 60.0).ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_a_look_as_the_looks_before() {
        let elapsed = Duration::from_secs(12);
        assert_eq!(remaining(elapsed, 0, 40), None);
        assert_eq!(remaining(elapsed, 4, 40), Some(Duration::from_secs(108)));
        assert_eq!(remaining(elapsed, 40, 40), Some(Duration::ZERO));
        let said = [3.2, 41.0, 108.0].map(|s| rounded(Duration::from_secs_f64(s)));
        assert_eq!(said, ["4 s", "45 s", "2 min"]);
    }
}
