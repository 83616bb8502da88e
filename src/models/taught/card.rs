//! What the card of a taught model says of how it was taught.

use serde::{Deserialize, Serialize};

use crate::models::{ModelCard, Structure};
use crate::volume::Modality;

/// How a model was taught; no pixels, no names of patients or files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taught {
    /// The model that it was taught upon.
    pub base: String,
    /// Its weights' SHA-256: an adapter fits no others.
    pub base_sha256: String,
    /// Which weights learnt, and how.
    pub method: String,
    /// Number of cases that it learnt from.
    pub cases: usize,
    /// Day, as 2026-11-29 (UTC).
    pub date: String,
    /// What cross-validation on the cases showed.
    pub verdict: Verdict,
    /// What it finds without a prompt; `None` where the answers to prompts were taught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<TaughtStructure>,
    /// The model whose answers were learnt too; `None` where labels alone taught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TaughtBy>,
    /// Measures on cases that were left out, before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<Compared>,
}

/// A model that taught another by its answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaughtBy {
    /// Its id where it was asked.
    pub id: String,
    /// Its weights' SHA-256.
    pub sha256: String,
    /// What it calls the structure.
    pub structure: String,
    /// Share of its answers in the loss of cases that were labelled, 0 to 1; of the others they are all.
    pub lambda: f64,
    /// How many of the cases were labelled.
    pub labelled: usize,
}

/// A structure that was taught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaughtStructure {
    /// Its name, on the card's list of structures too.
    pub name: String,
    /// In which kind of scan.
    pub modality: Modality,
    /// Spacing at which it is looked for, in mm along right, anterior, superior.
    pub spacing_mm: [f64; 3],
    /// Whether the base finds it too: what is taught goes on from there.
    pub known_to_base: bool,
    /// Whether its output began as that of the prompted target: both read the same features of a target, one of some target.
    /// Those of adapters of before began with zeros.
    #[serde(default)]
    pub begins_as_target: bool,
    /// Whether what is found without a prompt becomes the box of one, whose answer stands.
    #[serde(default)]
    pub prompts_itself: bool,
}

/// What cross-validation showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better than before, beyond noise.
    Better,
    /// Neither better nor worse beyond noise, or there were too few cases to tell.
    NotProven,
    /// Worse than before, beyond noise.
    Worse,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better than before, beyond noise",
            Self::NotProven => "not proven to be better",
            Self::Worse => "worse than before, beyond noise",
        }
    }
}

/// One measure before and after, as means over the cases that were left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What was given to the model.
    pub given: String,
    /// Dice before.
    pub dice_before: f64,
    /// Dice after.
    pub dice_after: f64,
    /// Half the width of the 90 % interval of the mean difference in Dice; `None` of one case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dice_noise: Option<f64>,
    /// Normalised surface Dice at 2 mm before.
    pub nsd_before: f64,
    /// The same after.
    pub nsd_after: f64,
    /// Dice of the teacher's own answers; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dice_teacher: Option<f64>,
}

impl Taught {
    /// The card of the taught half alone: of the network that the adapter makes, for which the base has been read away.
    pub(in crate::models) fn half(&self, card: &ModelCard) -> ModelCard {
        let Some(taught) = &self.structure else {
            return ModelCard {
                automatic: false,
                ..card.clone()
            };
        };
        let own = |s: &&Structure| s.name == taught.name;
        let modality = taught.modality.name().to_owned();
        let mut refined = card.automatic_refined.clone();
        refined.retain(|m| taught.known_to_base && *m == modality);
        ModelCard {
            clicks: false,
            boxes: false,
            automatic: true,
            structures: card.structures.iter().filter(own).cloned().collect(),
            automatic_spacing_mm: [(modality, taught.spacing_mm)].into(),
            automatic_refined: refined,
            ..card.clone()
        }
    }
}
