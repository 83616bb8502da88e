//! Whether what was taught is better than before, on cases that were left out of learning.

use serde::{Deserialize, Serialize};

use crate::models::{Compared, Verdict};

use super::pictured::{Pictured, Shape};

/// What a case that was left out showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseScores {
    /// Its place among the cases.
    pub case: usize,
    /// Of the base, or of the mean shape where the base does not know the structure.
    pub before: Vec<Score>,
    /// Of what the other cases taught; the same was given, in the same order.
    pub after: Vec<Score>,
    /// The answers to what is given first; of prompts, those to the largest label.
    pub pictured: Pictured,
    /// What is found where it becomes the box of a prompt; `None` where prompts are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// The answer to what was found without a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Again {
    /// As after teaching.
    pub scores: Vec<Score>,
    /// As in the picture.
    pub shape: Shape,
}

impl CaseScores {
    /// Mean Dice before and after, over all that was given.
    pub fn mean_dice(&self) -> [f64; 2] {
        [&self.before, &self.after].map(|scores| mean(scores.iter().map(|s| s.dice)))
    }
}

/// A measure of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// What was given to the model.
    pub given: String,
    /// Dice coefficient.
    pub dice: f64,
    /// Normalised surface Dice at 2 mm.
    pub nsd: f64,
    /// Mean distance of the surfaces in mm; `None` where one of the two is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assd_mm: Option<f64>,
}

/// How much better it is than before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// Mean difference in Dice over the cases, each the mean of what was given.
    pub dice: f64,
    /// Half the width of its 90 % interval; `None` of one case.
    pub noise: Option<f64>,
}

/// 95th percentiles of Student's t by degrees of freedom, from 1.
const T95: [f64; 12] = [
    6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782,
];
/// Of more degrees of freedom.
const T95_MANY: f64 = 1.75;

/// Whether what is found had better become the box of a prompt, by the mean over the cases, which then are those of that.
/// One choice of two on the cases that report it: it flatters little.
pub(super) fn chosen(cases: Vec<CaseScores>) -> (Vec<CaseScores>, bool) {
    let dice = |scores: &[Score]| mean(scores.iter().map(|s| s.dice));
    let gains: Option<Vec<f64>> = cases
        .iter()
        .map(|c| Some(dice(&c.again.as_ref()?.scores) - dice(&c.after)))
        .collect();
    let is_better = gains.is_some_and(|gains| mean(gains.into_iter()) > 0.0);
    let chosen = cases.into_iter().map(|mut case| {
        if let Some(again) = case.again.take().filter(|_| is_better) {
            case.after = again.scores;
            case.pictured.after = again.shape;
        }
        case
    });
    (chosen.collect(), is_better)
}

/// The gain over the cases; `None` of none.
pub(super) fn gain(cases: &[CaseScores]) -> Option<Gain> {
    let differences: Vec<f64> = cases
        .iter()
        .map(|case| {
            let [before, after] = case.mean_dice();
            after - before
        })
        .collect();
    (!differences.is_empty()).then(|| Gain {
        dice: mean(differences.iter().copied()),
        noise: noise(&differences),
    })
}

/// The verdict over the cases' differences in Dice.
pub(super) fn verdict(cases: &[CaseScores]) -> Verdict {
    let Some((dice, noise)) = gain(cases).and_then(|g| Some((g.dice, g.noise?))) else {
        return Verdict::NotProven;
    };
    match dice {
        difference if difference > noise => Verdict::Better,
        difference if difference < -noise => Verdict::Worse,
        _ => Verdict::NotProven,
    }
}

/// The means over the cases of each thing that was given.
pub(super) fn compared(cases: &[CaseScores]) -> Vec<Compared> {
    let given = cases.first().map_or(&[][..], |c| &c.after);
    let row = |(place, score): (usize, &Score)| {
        let before: Vec<&Score> = cases.iter().filter_map(|c| c.before.get(place)).collect();
        let after: Vec<&Score> = cases.iter().filter_map(|c| c.after.get(place)).collect();
        let pairs = before.iter().zip(&after);
        let differences: Vec<f64> = pairs.map(|(b, a)| a.dice - b.dice).collect();
        Compared {
            given: score.given.clone(),
            dice_before: mean(before.iter().map(|s| s.dice)),
            dice_after: mean(after.iter().map(|s| s.dice)),
            dice_noise: noise(&differences),
            nsd_before: mean(before.iter().map(|s| s.nsd)),
            nsd_after: mean(after.iter().map(|s| s.nsd)),
            dice_teacher: None,
        }
    };
    given.iter().enumerate().map(row).collect()
}

/// How far the mean of so many differences may be from zero by chance, one time in ten to either side together; `None`
/// of fewer than two.
fn noise(differences: &[f64]) -> Option<f64> {
    let freedom = differences.len().checked_sub(1).filter(|&f| f > 0)?;
    let middle = mean(differences.iter().copied());
    let squares: f64 = differences.iter().map(|d| (d - middle).powi(2)).sum();
    let error = (squares / freedom as f64 / differences.len() as f64).sqrt();
    Some(error * T95.get(freedom - 1).copied().unwrap_or(T95_MANY))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), v| (sum + v, count + 1));
    sum / f64::from(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(differences: &[f64]) -> Vec<CaseScores> {
        let score = |dice: f64| {
            vec![Score {
                given: "nothing".to_owned(),
                dice,
                nsd: dice,
                assd_mm: None,
            }]
        };
        differences
            .iter()
            .enumerate()
            .map(|(case, d)| CaseScores {
                case,
                before: score(0.5),
                after: score(0.5 + d),
                pictured: Pictured::default(),
                again: None,
            })
            .collect()
    }

    #[test]
    fn what_is_within_noise_is_not_proven() {
        assert_eq!(verdict(&cases(&[0.2, 0.25, 0.22])), Verdict::Better);
        assert_eq!(verdict(&cases(&[-0.2, -0.25, -0.22])), Verdict::Worse);
        assert_eq!(verdict(&cases(&[0.3, -0.2, 0.05])), Verdict::NotProven);
        assert_eq!(verdict(&cases(&[0.4])), Verdict::NotProven);
        assert_eq!(verdict(&cases(&[0.0, 0.0])), Verdict::NotProven);
    }

    #[test]
    fn the_interval_is_student_s() {
        let rows = compared(&cases(&[0.1, 0.2, 0.3]));
        let expected = 2.920 * 0.1 / 3f64.sqrt();
        assert!((rows[0].dice_noise.unwrap() - expected).abs() < 1e-9);
        assert!((rows[0].dice_after - 0.7).abs() < 1e-9);
    }
}
