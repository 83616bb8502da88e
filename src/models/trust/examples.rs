//! Answers whose truth is known.

use super::Evidence;

/// Answers to learn from.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    /// Prompted answers on scans that the model was trained on.
    pub known_targets: Vec<Example>,
    /// Prompted answers on scans that it was not trained on.
    pub new_targets: Vec<Example>,
    /// Structures found in scans that it was trained on.
    pub known_structures: Vec<StructureExample>,
    /// Structures found in scans that it was not trained on.
    pub new_structures: Vec<StructureExample>,
}

/// An answer, and what became of it.
#[derive(Debug, Clone)]
pub struct Example {
    /// What it could be judged by.
    pub evidence: Evidence,
    /// Its Dice with the truth.
    pub dice: f64,
    /// Whose scan it was: answers of one patient are alike.
    pub patient: String,
    /// Which collection the scan came from.
    pub domain: String,
}

/// A structure that was found, and the true one.
#[derive(Debug, Clone)]
pub struct StructureExample {
    /// Its name on the model's card.
    pub name: String,
    /// Volume of the true one.
    pub true_volume_ml: f64,
    /// The answer.
    pub example: Example,
}
