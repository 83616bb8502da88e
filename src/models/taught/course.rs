//! How a lesson went so far: its losses, and what the cases showed that it left out.

use serde::{Deserialize, Serialize};

/// Steps that a point of a smoothed curve is the mean of: each step sees other samples.
const SMOOTHED_STEPS: usize = 10;

/// The course of a lesson: it learns once for each fold, and a last time from all cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// Parts that are left out in turn; none of a single case.
    pub folds: usize,
    /// Optimiser steps of each run.
    pub steps: usize,
    /// Of each run so far, steps counted from 1 and the loss of their samples. A run that was resumed begins where it went
    /// on.
    pub losses: Vec<Vec<[f64; 2]>>,
    /// The folds that are over.
    pub done: Vec<FoldDone>,
    /// What a teacher answered before the first of them, where there is one.
    pub answers: Option<TeacherAnswers>,
}

/// What a teacher answered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeacherAnswers {
    /// Scans that it is asked about.
    pub cases: usize,
    /// Those of them that it has answered on.
    pub asked: usize,
    /// In how many of these it found the structure.
    pub found: usize,
}

/// A fold that is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldDone {
    /// Counted from 0.
    pub fold: usize,
    /// Cases that it left out.
    pub cases: usize,
    /// Their mean Dice before.
    pub dice_before: f64,
    /// Their mean Dice after.
    pub dice_after: f64,
}

impl Course {
    /// Takes down a step.
    pub fn step(&mut self, run: usize, step: usize, loss: f64) {
        if self.losses.len() <= run {
            self.losses.resize(run + 1, Vec::new());
        }
        self.losses[run].push([step as f64, loss]);
    }

    /// The run under way and its last step; `None` before the first.
    pub fn at(&self) -> Option<(usize, usize)> {
        let run = self.losses.len().checked_sub(1)?;
        let [step, _] = self.losses[run].last()?;
        Some((run, *step as usize))
    }

    /// The part of the whole lesson that is learnt, 0 to 1.
    pub fn fraction(&self) -> f32 {
        let runs = (self.folds + 1) as f32;
        let (run, step) = self.at().unwrap_or_default();
        (run as f32 + step as f32 / self.steps.max(1) as f32) / runs
    }

    /// The losses of a run, each the mean of the steps before it.
    pub fn smoothed(&self, run: usize) -> Vec<[f64; 2]> {
        let points = self.losses.get(run).map_or(&[][..], Vec::as_slice);
        let smooth = |(n, [step, _]): (usize, &[f64; 2])| {
            let before = &points[(n + 1).saturating_sub(SMOOTHED_STEPS)..=n];
            let sum: f64 = before.iter().map(|[_, loss]| loss).sum();
            [*step, sum / before.len() as f64]
        };
        points.iter().enumerate().map(smooth).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_smoothed_and_the_last_run_is_the_one_under_way() {
        let mut course = Course {
            folds: 3,
            steps: 40,
            ..Course::default()
        };
        assert_eq!(course.at(), None);
        for step in 1..=20 {
            course.step(0, step, f64::from(step as u8));
        }
        // Resumed: the second run begins in its middle.
        course.step(1, 11, 2.0);
        course.step(1, 12, 4.0);
        assert_eq!(course.at(), Some((1, 12)));
        assert_eq!(course.fraction(), (1.0 + 12.0 / 40.0) / 4.0);
        assert_eq!(course.smoothed(1), [[11.0, 2.0], [12.0, 3.0]]);
        assert_eq!(course.smoothed(0)[19], [20.0, 15.5]);
        assert!(course.smoothed(2).is_empty());
    }
}
