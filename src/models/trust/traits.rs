//! What can be measured of an answer without knowing the truth.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Named measures of one answer. What an answer cannot have (the fill of a box that was not drawn) is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traits(BTreeMap<Cow<'static, str>, f64>);

impl Traits {
    /// Adds a measure; values that are not finite are left out.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        if value.is_finite() {
            self.0.insert(name.into(), value);
        }
    }

    /// A measure, where the answer has it.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The names of the measures that the answer has, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }

    /// The measures with their names, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, &value)| (name.as_ref(), value))
    }
}

/// The logarithm of the odds of a share, kept away from 0 and 1, where it has no end.
pub fn log_odds(share: f64) -> f64 {
    let share = share.clamp(0.005, 0.995);
    (share / (1.0 - share)).ln()
}

/// The share of given log odds.
pub fn share_of(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
