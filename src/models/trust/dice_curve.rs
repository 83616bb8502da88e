//! The Dice to expect of an answer, from what can be measured of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::regression::{self, Observation};
use super::traits::{Traits, share_of};

/// Strength of the pull towards a curve that foretells the same Dice of every answer, in answers.
const RIDGE: f64 = 4.0;

/// An answer whose truth is known.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedAnswer {
    /// What was measured of it.
    pub traits: Traits,
    /// Its Dice with the truth.
    pub dice: f64,
    /// Whose scan it was: answers of one patient are alike.
    pub patient: String,
    /// Which collection the scan came from: each counts the same, however many scans it has.
    pub domain: String,
}

/// What one measure contributes to the log odds of the Dice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Term {
    mean: f64,
    spread: f64,
    weight: f64,
}

/// A logistic curve over the measures of an answer. A measure that an answer lacks counts as average.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiceCurve {
    /// Log odds of the Dice of an average answer.
    constant: f64,
    terms: BTreeMap<String, Term>,
}

impl DiceCurve {
    /// The curve that foretells the Dice of these answers best; `None` of no answers.
    pub fn fit(answers: &[&JudgedAnswer]) -> Option<Self> {
        if answers.is_empty() {
            return None;
        }
        let names: BTreeSet<&str> = answers.iter().flat_map(|a| a.traits.names()).collect();
        let mut terms: BTreeMap<String, Term> = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), Term::of_measure(name, answers)?)))
            .collect();
        let mut by_domain: BTreeMap<&str, f64> = BTreeMap::new();
        for answer in answers {
            *by_domain.entry(answer.domain.as_str()).or_default() += 1.0;
        }
        let mean_count = answers.len() as f64 / by_domain.len() as f64;
        let observations: Vec<Observation> = answers
            .iter()
            .map(|answer| Observation {
                inputs: terms
                    .iter()
                    .map(|(n, t)| t.input(n, &answer.traits))
                    .collect(),
                share: answer.dice.clamp(0.0, 1.0),
                weight: mean_count / by_domain[answer.domain.as_str()],
            })
            .collect();
        let coefficients = regression::fit(&observations, RIDGE);
        for (term, &weight) in terms.values_mut().zip(&coefficients) {
            term.weight = rounded(weight);
        }
        Some(Self {
            constant: rounded(*coefficients.last()?),
            terms,
        })
    }

    /// The Dice to expect, 0..=1.
    pub fn expected(&self, traits: &Traits) -> f64 {
        let terms = self.terms.iter();
        let sum: f64 = terms.map(|(n, t)| t.weight * t.input(n, traits)).sum();
        share_of(self.constant + sum)
    }
}

impl Term {
    /// Mean and spread of a measure over the answers that have it; `None` where it never varies.
    fn of_measure(name: &str, answers: &[&JudgedAnswer]) -> Option<Self> {
        let known: Vec<f64> = answers.iter().filter_map(|a| a.traits.get(name)).collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let variance = known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / known.len() as f64;
        (variance > 1e-12).then(|| Self {
            mean: rounded(mean),
            spread: rounded(variance.sqrt()),
            weight: 0.0,
        })
    }

    /// The measure in spreads from its mean, kept within what was seen or little beyond.
    fn input(&self, name: &str, traits: &Traits) -> f64 {
        let value = traits.get(name).map(|v| (v - self.mean) / self.spread);
        value.unwrap_or(0.0).clamp(-3.0, 3.0)
    }
}

/// Four significant digits, which is more than was learnt, and keeps the file small.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
