//! What a model answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::models::trust::{AutoInsight, Evidence, FoundStructure, Insight, Traits};
use crate::models::{AutoResult, Certainty, Estimate, Nothing, PromptedResult};
use crate::volume::morphology::Crop;
use crate::volume::{Grid, LabelMap, LabelTable, Mask, Run, Runs};

use super::super::failure::{Broken, MISSING_PART};
use super::{Bits32, Bits64, GridForm, packed, runs, unpacked};

/// Most voxels of a region that a model looked at.
const MOST_LOOKED_AT: usize = 1 << 30;

/// What the model expects of its answer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EstimateForm {
    Dice(Bits32),
    Iou(Bits32),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct EvidenceForm {
    traits: Vec<(String, Bits64)>,
    look: Vec<Bits32>,
}

/// The answer to a prompt. Its parts: the mask as runs, and the logits of how sure the model is, if it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct PromptedForm {
    estimate: Option<EstimateForm>,
    /// The region that was looked at, and what the answer is judged by.
    insight: Option<(GridForm, EvidenceForm)>,
    structure: Option<String>,
    warnings: Vec<String>,
}

/// What was found without a prompt. Its parts: the labels as runs, and the logits of how sure the model is, if it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct FoundForm {
    /// Value, name, colour.
    labels: Vec<(u16, String, [u8; 3])>,
    estimate: Option<EstimateForm>,
    insight: Option<(GridForm, Vec<FoundStructureForm>)>,
    nothing: Option<Nothing>,
    warnings: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct FoundStructureForm {
    name: String,
    volume_ml: Bits64,
    expected_dice: Bits32,
    evidence: EvidenceForm,
}

impl EstimateForm {
    fn of(estimate: Estimate) -> Self {
        match estimate {
            Estimate::Dice(dice) => Self::Dice(Bits32(dice)),
            Estimate::Iou(iou) => Self::Iou(Bits32(iou)),
        }
    }

    fn estimate(self) -> Estimate {
        match self {
            Self::Dice(dice) => Estimate::Dice(dice.0),
            Self::Iou(iou) => Estimate::Iou(iou.0),
        }
    }
}

impl EvidenceForm {
    fn of(evidence: &Evidence) -> Self {
        let traits = evidence.traits.iter();
        Self {
            traits: traits.map(|(n, v)| (n.to_owned(), Bits64(v))).collect(),
            look: evidence.look.iter().map(|&v| Bits32(v)).collect(),
        }
    }

    fn evidence(self) -> Evidence {
        let mut traits = Traits::default();
        for (name, value) in self.traits {
            traits.add(name, value.0);
        }
        Evidence {
            traits,
            look: self.look.into_iter().map(|v| v.0).collect(),
        }
    }
}

fn certainty_parts(certainty: Option<&Certainty>) -> impl Iterator<Item = Vec<u8>> {
    let logits = certainty.map(|c| packed(bytemuck::cast_slice(c.logits())));
    logits.into_iter()
}

fn certainty_of(form: &GridForm, part: Option<&Vec<u8>>) -> Result<Certainty, Broken> {
    let grid = form.grid(MOST_LOOKED_AT)?;
    let part = part.ok_or(MISSING_PART)?;
    let logits = bytemuck::cast_vec(unpacked(part, grid.len())?);
    Certainty::of_parts(grid, logits).ok_or(Broken::Nonsense("damaged bytes"))
}

/// The voxels of an answer on a scan's grid.
fn voxels<T: Copy + Default + TryFrom<u16>>(
    parts: &[Vec<u8>],
    grid: &Grid,
) -> Result<Vec<T>, Broken> {
    let part = parts.first().ok_or(MISSING_PART)?;
    runs::decoded(part, grid.len())
}

impl PromptedForm {
    /// The form, and the parts.
    pub(in super::super) fn of(result: &PromptedResult) -> (Self, Vec<Vec<u8>>) {
        let insight = result.insight.as_deref();
        let mut parts = vec![runs::coded(&result.mask.voxels)];
        parts.extend(certainty_parts(insight.map(|i| &i.certainty)));
        let insight = insight.map(|i| {
            (
                GridForm::of(i.certainty.grid()),
                EvidenceForm::of(&i.evidence),
            )
        });
        let form = Self {
            estimate: result.estimate.map(EstimateForm::of),
            insight,
            structure: result.structure.clone(),
            warnings: result.warnings.clone(),
        };
        (form, parts)
    }

    /// The answer on a scan's grid.
    ///
    /// # Errors
    /// Parts that are missing or damaged.
    pub(in super::super) fn result(
        self,
        parts: &[Vec<u8>],
        grid: &Grid,
    ) -> Result<PromptedResult, Broken> {
        let insight = match self.insight {
            Some((region, evidence)) => Some(Arc::new(Insight {
                certainty: certainty_of(&region, parts.get(1))?,
                evidence: evidence.evidence(),
            })),
            None => None,
        };
        Ok(PromptedResult {
            mask: mask(parts, grid)?,
            estimate: self.estimate.map(EstimateForm::estimate),
            insight,
            structure: self.structure,
            warnings: self.warnings,
        })
    }
}

/// The mask that is the first part.
///
/// # Errors
/// It is missing or damaged.
pub(in super::super) fn mask(parts: &[Vec<u8>], grid: &Grid) -> Result<Mask, Broken> {
    Ok(Mask {
        grid: *grid,
        voxels: voxels(parts, grid)?,
    })
}

/// A part of a mask of a scan of these dims, as the part of a message that [`mask`] takes.
pub(in super::super) fn mask_part(region: Option<&Crop>, dims: [usize; 3]) -> Vec<u8> {
    let mut all = Runs::default();
    for (start, _) in region.into_iter().flat_map(|region| region.offsets(dims)) {
        let (len, value) = (1, 1);
        all.push_run(Run { start, len, value });
    }
    runs::of_runs(&all)
}

impl FoundForm {
    /// The form, and the parts.
    pub(in super::super) fn of(result: &AutoResult) -> (Self, Vec<Vec<u8>>) {
        let insight = result.insight.as_deref();
        let mut parts = vec![runs::coded(&result.labels.voxels)];
        parts.extend(certainty_parts(insight.map(|i| &i.certainty)));
        let structure = |found: &FoundStructure| FoundStructureForm {
            name: found.name.clone(),
            volume_ml: Bits64(found.volume_ml),
            expected_dice: Bits32(found.expected_dice),
            evidence: EvidenceForm::of(&found.evidence),
        };
        let labels = result.table.labels().iter();
        let form = Self {
            labels: labels.map(|l| (l.value, l.name.clone(), l.color)).collect(),
            estimate: result.estimate.map(EstimateForm::of),
            insight: insight.map(|i| {
                let structures = i.structures.iter().map(structure).collect();
                (GridForm::of(i.certainty.grid()), structures)
            }),
            nothing: result.nothing,
            warnings: result.warnings.clone(),
        };
        (form, parts)
    }

    /// The answer on a scan's grid.
    ///
    /// # Errors
    /// Parts that are missing or damaged.
    pub(in super::super) fn result(
        self,
        parts: &[Vec<u8>],
        grid: &Grid,
    ) -> Result<AutoResult, Broken> {
        let mut table = LabelTable::default();
        for (value, name, color) in self.labels {
            table.add(value, &name);
            if let Some(label) = table.get_mut(value) {
                label.color = color;
            }
        }
        let structure = |form: FoundStructureForm| FoundStructure {
            name: form.name,
            volume_ml: form.volume_ml.0,
            expected_dice: form.expected_dice.0,
            evidence: form.evidence.evidence(),
        };
        let insight = match self.insight {
            Some((region, structures)) => Some(Arc::new(AutoInsight {
                certainty: certainty_of(&region, parts.get(1))?,
                structures: structures.into_iter().map(structure).collect(),
            })),
            None => None,
        };
        Ok(AutoResult {
            labels: LabelMap {
                grid: *grid,
                voxels: voxels(parts, grid)?,
            },
            table,
            estimate: self.estimate.map(EstimateForm::estimate),
            insight,
            nothing: self.nothing,
            warnings: self.warnings,
        })
    }
}
