//! From a user's cases to what is trained on: a recipe in memory, and its samples.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::models::{Structure, TaughtStructure};
use crate::volume::{LabelMap, Modality};

use crate::train::cases::{Cases, Dataset};
use crate::train::condense::Condensed;
use crate::train::config::{
    CardConfig, DatasetConfig, Learner, Mix, Schedule, TrainConfig, Variation,
};
use crate::train::losses::CrossEntropy;
use crate::train::source::LabelledScan;
use crate::train::teach::teacher::Learned;

/// Share of prompted samples on shapes that are made up in the user's scans, so that what the model could before stays.
const MADE: f64 = 0.2;
/// Share of samples of a structure that show it to a prompt: what is found becomes the box of one.
const PROMPTED: f64 = 0.1;
/// Value of the taught structure in the label maps that are learnt from.
const VALUE: u16 = 1;

/// What is to be learnt.
pub(super) struct Lesson<'a> {
    /// What is found without a prompt; `None` where answers to prompts are taught.
    pub structure: Option<&'a TaughtStructure>,
    /// For how long, and how fast.
    pub schedule: &'a Schedule,
}

impl Lesson<'_> {
    /// The recipe and the samples for some of the user's cases.
    pub fn prepared(&self, cases: &[Learned<'_>]) -> (TrainConfig, Cases) {
        let datasets = self.datasets(cases);
        let config = self.recipe(&datasets);
        let assembled = datasets.into_iter().map(|dataset| {
            let own = cases
                .iter()
                .filter(|c| c.case.image.modality() == dataset.modality);
            let scans = own.map(|case| self.scan(case)).collect();
            Dataset::assembled(&dataset, &config.structures, scans)
        });
        let cases = Cases::of(assembled.collect());
        (config, cases)
    }

    fn datasets(&self, cases: &[Learned<'_>]) -> Vec<DatasetConfig> {
        let modalities = [Modality::Ct, Modality::Mr, Modality::Pet];
        let occurs = |m: &Modality| cases.iter().any(|c| c.case.image.modality() == *m);
        let dataset = |modality: Modality| DatasetConfig {
            name: modality.name().to_owned(),
            folder: PathBuf::new(),
            image: String::new(),
            labels: String::new(),
            modality,
            structures: self
                .structure
                .map(|s| (VALUE.to_string(), s.name.clone()))
                .into_iter()
                .collect(),
            spacing_mm: self.structure.map_or([1.0; 3], |s| s.spacing_mm),
            refined: false,
            absent_is_unknown: false,
            cropped_around_target: false,
            lesions: false,
            variation: Variation {
                // Few cases are of few bodies, and what lies on one side of them is not on the other.
                mirrored: 0.0,
                as_it_is: 0.25,
                ..Variation::default()
            },
        };
        modalities.into_iter().filter(occurs).map(dataset).collect()
    }

    fn recipe(&self, datasets: &[DatasetConfig]) -> TrainConfig {
        let all = datasets.iter().map(|d| d.name.clone());
        let each = |whole: f64| whole / datasets.len().max(1) as f64;
        let mut mix = Mix {
            automatic: BTreeMap::new(),
            prompted: BTreeMap::new(),
            made: BTreeMap::new(),
        };
        if self.structure.is_some() {
            let of_all = |share: f64| all.clone().map(move |name| (name, each(share))).collect();
            mix.automatic = of_all(1.0 - PROMPTED);
            mix.prompted = of_all(PROMPTED);
        } else {
            mix.prompted = all.map(|name| (name, each(1.0 - MADE))).collect();
        }
        let structure = self.structure.map(|s| Structure {
            value: VALUE,
            name: s.name.clone(),
            color: None,
            modality: Some(s.modality),
        });
        TrainConfig {
            checkpoints: PathBuf::new(),
            initial_weights: None,
            splits: PathBuf::new(),
            card: CardConfig {
                id: String::new(),
                title: String::new(),
                description: String::new(),
                notices: Vec::new(),
            },
            learner: Learner::Network,
            schedule: self.schedule.clone(),
            structure_loss: CrossEntropy {
                target_weight: 2.0,
                weight: 2.0,
            },
            mix,
            structures: structure.into_iter().collect(),
            datasets: datasets.to_vec(),
            label_maps: Vec::new(),
        }
    }

    fn scan(&self, learned: &Learned<'_>) -> LabelledScan {
        let case = learned.case;
        let labels = match self.structure {
            Some(_) => {
                let target = learned.targets();
                let voxels = target.iter().map(|&t| if t { VALUE } else { 0 });
                LabelMap {
                    grid: *case.image.grid(),
                    voxels: voxels.collect(),
                }
            }
            None => {
                let counts = |v: u16| if case.values.contains(&v) { v } else { 0 };
                LabelMap {
                    grid: *case.image.grid(),
                    voxels: case.truth.voxels.iter().map(|&v| counts(v)).collect(),
                }
            }
        };
        LabelledScan {
            name: String::new(),
            image: Condensed::from_image(&case.image),
            labels,
            answered: learned.answer.clone(),
        }
    }
}
