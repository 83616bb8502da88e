//! How far a run of several parts is.

use crate::util::{Cancelled, JobContext};

/// A part of a run that tells its progress as if it were all.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    ctx: &'a JobContext,
    from: f32,
    share: f32,
}

impl<'a> Progress<'a> {
    /// A whole run.
    pub fn whole(ctx: &'a JobContext) -> Self {
        Self {
            ctx,
            from: 0.0,
            share: 1.0,
        }
    }

    /// From one fraction of it to another.
    #[must_use]
    pub fn between(self, from: f32, to: f32) -> Self {
        Self {
            ctx: self.ctx,
            from: self.from + self.share * from,
            share: self.share * (to - from),
        }
    }

    /// One of `all` parts that take as long.
    #[must_use]
    pub fn part(self, number: usize, all: usize) -> Self {
        let all = all.max(1) as f32;
        self.between(number as f32 / all, (number + 1) as f32 / all)
    }

    /// Tells what is done, or stops a cancelled job.
    ///
    /// # Errors
    /// Cancelled.
    pub fn step(self, fraction: f32, stage: &str) -> Result<(), Cancelled> {
        self.ctx.step(self.from + self.share * fraction, stage)
    }

    /// Stops a cancelled job.
    ///
    /// # Errors
    /// Cancelled.
    pub fn check(self) -> Result<(), Cancelled> {
        self.ctx.check()
    }
}
