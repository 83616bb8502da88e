//! What was learnt of a model's answers, and what follows from it for a new one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::dice_curve::{DiceCurve, JudgedAnswer, rounded};
use super::examples::{Example, Examples, StructureExample};
use super::familiarity::Familiarity;
use super::{Evidence, FoundStructure, Traits};

/// By which factor a structure may be smaller or larger than any that was known.
const VOLUME_SLACK: f64 = 1.5;
/// How much further than known ones the look of a prompted target may be before the user is warned.
const TARGET_SLACK: f64 = 1.15;
/// The same of a structure before it is left out. Ten patients show so little that more than one in ten of the next would
/// be, were it less; size, density and place are held against what is known as well.
const STRUCTURE_SLACK: f64 = 1.6;

/// What a model knows of its own answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// SHA-256 of the weights that it holds for.
    pub sha256: String,
    /// The Dice to expect of a prompted answer.
    prompted: DiceCurve,
    /// The targets of prompts that the model has learnt from.
    targets: Familiarity,
    /// The structures that it finds without a prompt.
    automatic: Option<KnownStructures>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KnownStructures {
    /// The Dice to expect of a structure found.
    dice: DiceCurve,
    /// How each was in the scans that the model has learnt from.
    known: BTreeMap<String, KnownStructure>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KnownStructure {
    /// Smallest and largest volume.
    volume_ml: [f64; 2],
    looks: Familiarity,
}

impl Trust {
    /// What follows from answers for the weights of this SHA-256; `None` without prompted answers on known and on new
    /// scans.
    pub fn learn(sha256: &str, examples: &Examples) -> Option<Self> {
        let targets = Familiarity::learn(
            &looks(&examples.known_targets),
            &looks(&examples.new_targets),
            TARGET_SLACK,
        )?;
        let judged: Vec<JudgedAnswer> = examples
            .new_targets
            .iter()
            .map(|l| judged(&targets, l))
            .collect();
        Some(Self {
            sha256: sha256.to_owned(),
            prompted: DiceCurve::fit(&judged.iter().collect::<Vec<_>>())?,
            targets,
            automatic: KnownStructures::learn(examples),
        })
    }

    /// The Dice to expect of a prompted answer.
    pub fn expected_dice(&self, evidence: &Evidence) -> f64 {
        self.prompted
            .expected(&with_strangeness(&self.targets, evidence))
    }

    /// Whether a target is unlike anything that the model has learnt from.
    pub fn is_strange(&self, evidence: &Evidence) -> bool {
        self.targets.is_strange(&evidence.look)
    }

    /// The Dice to expect of a structure found without a prompt; `None` where nothing was learnt of it.
    pub fn expected_dice_of(&self, name: &str, evidence: &Evidence) -> Option<f64> {
        let automatic = self.automatic.as_ref()?;
        let looks = &automatic.known.get(name)?.looks;
        Some(automatic.dice.expected(&with_strangeness(looks, evidence)))
    }

    /// Whether what was found can be the structure that it is taken for: as large as those that the model knows, and of
    /// their looks. What nothing was learnt of is believed.
    pub fn believes(&self, found: &FoundStructure) -> bool {
        let known = self
            .automatic
            .as_ref()
            .and_then(|a| a.known.get(&found.name));
        known.is_none_or(|k| k.holds(found))
    }
}

/// The prompted answers on new scans of these examples, ready to learn the Dice from.
pub fn judged_targets(examples: &Examples) -> Option<Vec<JudgedAnswer>> {
    let known = Familiarity::learn(
        &looks(&examples.known_targets),
        &looks(&examples.new_targets),
        TARGET_SLACK,
    )?;
    Some(
        examples
            .new_targets
            .iter()
            .map(|l| judged(&known, l))
            .collect(),
    )
}

fn judged(known: &Familiarity, example: &Example) -> JudgedAnswer {
    JudgedAnswer {
        traits: with_strangeness(known, &example.evidence),
        dice: example.dice,
        patient: example.patient.clone(),
        domain: example.domain.clone(),
    }
}

fn with_strangeness(known: &Familiarity, evidence: &Evidence) -> Traits {
    let mut traits = evidence.traits.clone();
    traits.add("strangeness", known.distance(&evidence.look).ln());
    traits
}

fn looks(examples: &[Example]) -> Vec<Vec<f32>> {
    examples.iter().map(|l| l.evidence.look.clone()).collect()
}

impl KnownStructures {
    /// `None` where no structure was found in a scan that the model was not trained on.
    fn learn(examples: &Examples) -> Option<Self> {
        let (old, new) = (&examples.known_structures, &examples.new_structures);
        let names: BTreeSet<&str> = old.iter().map(|s| s.name.as_str()).collect();
        let known: BTreeMap<String, KnownStructure> = names
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), KnownStructure::learn(name, old, new)?)))
            .collect();
        let judged: Vec<JudgedAnswer> = new
            .iter()
            .filter_map(|s| known.get(&s.name).map(|k| (k, &s.example)))
            .map(|(k, example)| judged(&k.looks, example))
            .collect();
        Some(Self {
            dice: DiceCurve::fit(&judged.iter().collect::<Vec<_>>())?,
            known,
        })
    }
}

impl KnownStructure {
    /// From those answers that were more right than wrong.
    fn learn(name: &str, old: &[StructureExample], new: &[StructureExample]) -> Option<Self> {
        let is_right = |s: &&StructureExample| s.name == name && s.example.dice > 0.5;
        let of = |examples: &[StructureExample]| -> Vec<StructureExample> {
            examples.iter().filter(is_right).cloned().collect()
        };
        let (old, new) = (of(old), of(new));
        let volumes = old.iter().chain(&new).map(|s| s.true_volume_ml);
        let (low, high) = volumes.fold((f64::INFINITY, 0.0), |(low, high), v| {
            (v.min(low), v.max(high))
        });
        let looks_of = |s: &[StructureExample]| -> Vec<Vec<f32>> {
            s.iter().map(|s| s.example.evidence.look.clone()).collect()
        };
        Some(Self {
            volume_ml: [rounded(low), rounded(high)],
            looks: Familiarity::learn(&looks_of(&old), &looks_of(&new), STRUCTURE_SLACK)?,
        })
    }

    fn holds(&self, found: &FoundStructure) -> bool {
        let [low, high] = self.volume_ml;
        let fits = (low / VOLUME_SLACK..=high * VOLUME_SLACK).contains(&found.volume_ml);
        fits && !self.looks.is_strange(&found.evidence.look)
    }
}
