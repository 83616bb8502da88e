//! Which of the cases that were left out are shown.

use crate::train::teach::CaseScores;

/// A case that is shown.
pub struct Example<'a> {
    /// Why this one, in a word of the window.
    pub which: &'static str,
    /// What it showed.
    pub scores: &'a CaseScores,
}

/// The best, the median and the worst case by the mean Dice after, as far as there are so many.
pub fn examples(cases: &[CaseScores]) -> Vec<Example<'_>> {
    let mut order: Vec<&CaseScores> = cases.iter().collect();
    order.sort_by(|a, b| b.mean_dice()[1].total_cmp(&a.mean_dice()[1]));
    let last = order.len().saturating_sub(1);
    let places = match order.len() {
        0 => Vec::new(),
        1 => vec![(0, "the only case")],
        2 => vec![(0, "best case"), (last, "worst case")],
        _ => vec![
            (0, "best case"),
            (last / 2, "median case"),
            (last, "worst case"),
        ],
    };
    let example = |(place, which): (usize, &'static str)| Example {
        which,
        scores: order[place],
    };
    places.into_iter().map(example).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::teach::{Pictured, Score};

    fn case(case: usize, dice: f64) -> CaseScores {
        let scores = vec![Score {
            given: "no prompt".to_owned(),
            dice,
            nsd: dice,
            assd_mm: None,
        }];
        CaseScores {
            case,
            before: scores.clone(),
            after: scores,
            pictured: Pictured::default(),
            again: None,
        }
    }

    #[test]
    fn best_median_and_worst_are_shown_once_each() {
        let cases: Vec<CaseScores> = [0.5, 0.9, 0.1, 0.7, 0.3]
            .into_iter()
            .enumerate()
            .map(|(n, dice)| case(n, dice))
            .collect();
        let shown = |count: usize| {
            let shown = examples(&cases[..count]);
            let shown = shown.iter().map(|e| (e.which, e.scores.case));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(
            shown(5),
            [("best case", 1), ("median case", 0), ("worst case", 2)]
        );
        assert_eq!(shown(2), [("best case", 1), ("worst case", 0)]);
        assert_eq!(shown(1), [("the only case", 0)]);
        assert!(shown(0).is_empty());
    }
}
