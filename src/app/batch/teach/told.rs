//! What the terminal tells of a lesson under way: a line with the curve of the loss that renews itself, or lines of a log
//! where nobody looks at them, and a line for each fold.

use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::app::batch::console::Console;
use crate::app::lesson::follow;
use crate::models::{Course, FoldDone, TeacherAnswers};
use crate::train::teach::{Seen, Watcher};

/// How often a line is written where stderr is no terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// Signs of a curve, from its lowest value to its highest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Signs along a curve.
const WIDTH: usize = 24;

/// Follows a lesson, and tells of it.
pub(super) fn watcher(course: &Arc<Mutex<Course>>, console: Console) -> Watcher {
    let course = Arc::clone(course);
    let (on_terminal, logged) = (stderr().is_terminal(), Mutex::new(None::<Instant>));
    Watcher::new(move |seen| {
        let mut course = course.lock().unwrap_or_else(PoisonError::into_inner);
        follow(&mut course, &seen);
        match seen {
            Seen::Begun { .. } => {}
            Seen::Answered(answers) if on_terminal && answers.asked < answers.cases => {
                console.progress(0.0, &answers_line(answers));
            }
            Seen::Answered(answers) => console.notes(&[answers_line(answers)]),
            Seen::Fold { .. } => console.notes(
                &course
                    .done
                    .last()
                    .map_or_else(Vec::new, |fold| vec![fold_line(fold, course.folds)]),
            ),
            Seen::Step { .. } if on_terminal => {
                console.progress(course.fraction(), &step_line(&course));
            }
            Seen::Step { step, .. } => {
                let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
                let is_due = logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL);
                if is_due || step == course.steps {
                    *logged = Some(Instant::now());
                    console.log(course.fraction(), &step_line(&course));
                }
            }
        }
    })
}

/// What a teacher answered so far.
fn answers_line(answers: TeacherAnswers) -> String {
    format!(
        "the teacher answered on {} of {} scans, and found it in {}",
        answers.asked, answers.cases, answers.found
    )
}

/// Where it is, its loss, and the curve of the run's losses.
fn step_line(course: &Course) -> String {
    let (run, step) = course.at().unwrap_or_default();
    let part = match run < course.folds {
        true => format!("fold {} of {}", run + 1, course.folds),
        false => "all cases".to_owned(),
    };
    let curve = course.smoothed(run);
    let losses: Vec<f64> = curve.iter().map(|p| p[1]).collect();
    let loss = losses.last().copied().unwrap_or_default();
    format!(
        "{part}, step {step} of {}: loss {loss:.4} {}",
        course.steps,
        bars(&losses)
    )
}

/// A curve of so many signs at most, from its lowest value to its highest.
fn bars(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let count = values.len().min(WIDTH);
    let sign = |n: usize| {
        let part = n * values.len() / count..(n + 1) * values.len() / count;
        let mean = values[part.clone()].iter().sum::<f64>() / part.len() as f64;
        let share = if high > low {
            (mean - low) / (high - low)
        } else {
            0.0
        };
        BARS[(share * (BARS.len() - 1) as f64).round() as usize]
    };
    (0..count).map(sign).collect()
}

fn fold_line(fold: &FoldDone, folds: usize) -> String {
    let cases = match fold.cases {
        1 => "1 case".to_owned(),
        n => format!("{n} cases"),
    };
    format!(
        "fold {} of {folds}: Dice {:.3} before, {:.3} after on {cases} left out",
        fold.fold + 1,
        fold.dice_before,
        fold.dice_after
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_where_it_is_and_draws_the_curve() {
        let mut course = Course {
            folds: 2,
            steps: 40,
            ..Course::default()
        };
        for step in 1..=40 {
            course.step(0, step, 41.0 - step as f64);
        }
        let line = step_line(&course);
        assert!(
            line.starts_with("fold 1 of 2, step 40 of 40: loss 5.5"),
            "{line}"
        );
        let curve: Vec<char> = line.chars().filter(|c| BARS.contains(c)).collect();
        assert_eq!(curve.len(), WIDTH);
        assert_eq!((curve[0], curve[WIDTH - 1]), ('█', '▁'));
        assert!(curve.is_sorted_by(|a, b| a >= b), "it falls: {curve:?}");
        course.step(2, 1, 1.0);
        assert_eq!(step_line(&course), "all cases, step 1 of 40: loss 1.0000 ▁");
    }
}
