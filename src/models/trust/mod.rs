//! What a model knows of its own answers: how good to expect them, and whether it has seen the like of the target.
//!
//! Learnt from answers whose truth is known (`prosector models calibrate`), and kept in a small file beside the
//! weights, since it holds for these weights alone.

pub mod anatomy;
mod dice_curve;
mod doubt;
mod examples;
mod familiarity;
mod foretold;
mod knowledge;
mod regression;
mod store;
mod traits;

use super::Certainty;

pub use dice_curve::{DiceCurve, JudgedAnswer};
pub use doubt::{Doubt, Sought};
pub use examples::{Example, Examples, StructureExample};
pub use familiarity::Familiarity;
pub use foretold::{Foretold, mean_absolute_error};
pub use knowledge::{Trust, judged_targets};
pub use traits::{Traits, log_odds, share_of};

/// What a model can say of a prompted answer beside the mask.
#[derive(Debug, Clone)]
pub struct Insight {
    /// How sure it is of each voxel.
    pub certainty: Certainty,
    /// What it can be judged by.
    pub evidence: Evidence,
}

/// What a model can say of an automatic answer beside the labels.
#[derive(Debug, Clone)]
pub struct AutoInsight {
    /// How sure it is that each voxel belongs to one of the structures, or to none.
    pub certainty: Certainty,
    /// The structures that were found, whether they were believed or not.
    pub structures: Vec<FoundStructure>,
}

/// A structure found without a prompt.
#[derive(Debug, Clone)]
pub struct FoundStructure {
    /// Its name on the model's card.
    pub name: String,
    /// Its volume.
    pub volume_ml: f64,
    /// The Dice to expect.
    pub expected_dice: f32,
    /// What it can be judged by.
    pub evidence: Evidence,
}

/// What an answer can be judged by without knowing the truth.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What can be measured of the answer.
    pub traits: Traits,
    /// What the encoder makes of the target: means of its channels.
    pub look: Vec<f32>,
}
