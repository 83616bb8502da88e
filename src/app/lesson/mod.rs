//! What a lesson shows, in the window, the terminal and its report: its course, pictures of cases, and the report itself.

mod examples;
mod pictures;
mod report;

use crate::models::{Course, FoldDone};
use crate::train::teach::{CaseScores, Seen, TeachCase, TeachReport};

pub(super) use examples::{Example, examples};
pub(super) use pictures::drawn;
pub(super) use report::write_report;

/// A lesson that is over, as it is shown.
pub(super) struct Lesson<'a> {
    /// What the user calls the cases.
    pub titles: &'a [String],
    /// The cases, in the same order.
    pub cases: &'a [TeachCase],
    /// What came of it.
    pub report: &'a TeachReport,
    /// How it went.
    pub course: &'a Course,
}

/// Takes down what was seen.
pub(super) fn follow(course: &mut Course, seen: &Seen) {
    match seen {
        Seen::Begun { folds, steps } => {
            (course.folds, course.steps) = (*folds, *steps);
        }
        Seen::Answered(answers) => course.answers = Some(*answers),
        Seen::Step { run, step, loss } => course.step(*run, *step, *loss),
        Seen::Fold { fold, cases } => course.done.push(done(*fold, cases)),
    }
}

/// What a fold showed.
fn done(fold: usize, cases: &[CaseScores]) -> FoldDone {
    let mean = |which: usize| {
        let dice = cases.iter().map(|case| case.mean_dice()[which]);
        dice.sum::<f64>() / cases.len().max(1) as f64
    };
    FoldDone {
        fold,
        cases: cases.len(),
        dice_before: mean(0),
        dice_after: mean(1),
    }
}
