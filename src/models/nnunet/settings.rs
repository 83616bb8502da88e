//! What a card says of a model of nnU-Net.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::stage::Stage;
use super::totalseg::Rule;

/// Everything on a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Models whose labels are merged, later ones over earlier ones; usually one.
    pub parts: Vec<Part>,
    /// What TotalSegmentator does around them, where they are one of its tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskSettings>,
}

/// A task of TotalSegmentator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSettings {
    /// Its name.
    pub name: String,
    /// Spacing along right, anterior, superior at which its models run; empty: the scan's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spacing_mm: Vec<f64>,
    /// What the scan is cropped around first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<CropSettings>,
    /// What finds roughly where structures are, for the scan to be cropped around those that are wanted where others are
    /// not; its `values` are none. Of a task without `crop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset_crop: Option<CropSettings>,
    /// What is done to its labels at that spacing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What they are kept within in the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refine: Option<RefineSettings>,
}

/// A rough look at the whole scan for what is around the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CropSettings {
    /// The model that looks.
    pub part: Part,
    /// The spacing at which it looks, as that of the task.
    pub spacing_mm: Vec<f64>,
    /// Which of what it finds counts.
    pub values: Vec<u16>,
    /// The margin around that along the axes of the file.
    pub margin_mm: [f64; 3],
    /// What is done to what it finds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Beyond which of what it finds nothing of the task may lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_within: Option<KeepWithin>,
    /// What this look is cropped around itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Box<Self>>,
}

/// What nothing may lie far from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeepWithin {
    /// Values of what finds it.
    pub values: Vec<u16>,
    /// How far.
    pub reach_mm: f64,
}

/// A model whose structure the labels of a task grow into, and end with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefineSettings {
    /// The model.
    pub part: Part,
    /// The spacing at which it runs, as that of the task.
    pub spacing_mm: Vec<f64>,
    /// The value of its structure.
    pub value: u16,
    /// How far labels grow.
    pub reach_mm: f64,
}

impl TaskSettings {
    /// The spacing at which its models run.
    pub fn working_mm(&self) -> Option<[f64; 3]> {
        working_mm(&self.spacing_mm)
    }

    /// The looks for where to crop, each before the one that it is cropped for.
    fn crops(&self) -> impl Iterator<Item = &CropSettings> {
        let last = self.crop.as_ref().or(self.subset_crop.as_ref());
        std::iter::successors(last, |crop| crop.crop.as_deref())
    }

    /// What the scan is cropped around first, where only some of the values that the parts have are wanted, or all.
    pub fn crop_for(
        &self,
        parts: &[Part],
        is_wanted: &dyn Fn(u16) -> bool,
    ) -> Option<Cow<'_, CropSettings>> {
        if let Some(crop) = &self.crop {
            return Some(Cow::Borrowed(crop));
        }
        let rough = self.subset_crop.as_ref()?;
        let all = parts.iter().flat_map(|part| &part.values);
        let all = all.copied().filter(|&value| value != 0);
        let (values, others): (Vec<u16>, Vec<u16>) = all.partition(|&value| is_wanted(value));
        // One that the rough look does not know could be anywhere.
        let is_known = values.iter().all(|value| rough.part.values.contains(value));
        (is_known && !others.is_empty()).then(|| {
            Cow::Owned(CropSettings {
                values,
                ..rough.clone()
            })
        })
    }
}

/// Three lengths, or none where a scan keeps its own.
pub(super) fn working_mm(spacing_mm: &[f64]) -> Option<[f64; 3]> {
    <[f64; 3]>::try_from(spacing_mm).ok()
}

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The value that each of its labels from 1 on has on the card; 0 for none.
    pub values: Vec<u16>,
    /// What runs, one after the other: each but the first is shown what the one before it found.
    pub stages: Vec<Stage>,
    /// Groups of its labels of which, taken together, only the largest piece stays, one group after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_largest: Vec<Vec<u16>>,
}

impl Part {
    /// A model whose labels are those of the card.
    pub fn plain(stages: Vec<Stage>) -> Self {
        let outputs = stages.last().map(|stage| &stage.outputs);
        let labels = outputs
            .iter()
            .flat_map(|o| o.foreground.iter().chain(&o.regions));
        Self {
            values: (1..=labels.copied().max().unwrap_or(0)).collect(),
            stages,
            kept_largest: Vec::new(),
        }
    }

    /// The value on the card of a label.
    pub fn value_of(&self, label: u16) -> u16 {
        let place = usize::from(label).checked_sub(1);
        let value = place.and_then(|place| self.values.get(place));
        value.copied().unwrap_or(0)
    }
}

impl Settings {
    /// All trained models: after those of the task those that only look for where to crop, last what refines it.
    pub fn all_parts(&self) -> impl Iterator<Item = &Part> {
        let crops = self.task.iter().flat_map(TaskSettings::crops);
        let refine = self.task.iter().filter_map(|task| task.refine.as_ref());
        let parts = self.parts.iter().chain(crops.map(|crop| &crop.part));
        parts.chain(refine.map(|refine| &refine.part))
    }

    /// What cards may state and no model has.
    ///
    /// # Errors
    /// The first of it, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.parts.is_empty() || self.all_parts().any(|part| part.stages.is_empty()) {
            return Err("it has no network".to_owned());
        }
        let stages = || self.all_parts().flat_map(|part| &part.stages);
        stages().try_for_each(Stage::check)?;
        let images = self.images();
        if stages().any(|stage| stage.channels.len() != images) {
            return Err("its networks do not take the same images".to_owned());
        }
        let Some(task) = &self.task else {
            return Ok(());
        };
        let refine = task.refine.iter().map(|refine| &refine.spacing_mm);
        let mut others = task.crops().map(|crop| &crop.spacing_mm).chain(refine);
        let fits = |mm: &Vec<f64>| {
            matches!(mm.len(), 0 | 3) && mm.iter().all(|mm| mm.is_finite() && *mm > 0.0)
        };
        if fits(&task.spacing_mm) && others.all(fits) {
            Ok(())
        } else {
            Err("its spacing is not three lengths above 0".to_owned())
        }
    }

    /// Number of images that it takes.
    fn images(&self) -> usize {
        let stages = self.parts.first().and_then(|part| part.stages.first());
        stages.map_or(0, |stage| stage.channels.len())
    }

    /// What the names of a fold's tensors begin with in the file of weights.
    pub fn prefix(part: usize, stage: usize, fold: usize) -> String {
        format!("{part}.{stage}.{fold}.")
    }
}
