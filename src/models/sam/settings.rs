//! What a model card says of a SAM, and how one is made of a checkpoint file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, TensorFile, WeightMap};
use crate::models::slices::with_overrides;
use crate::models::{ImportSource, Imported};

use super::{SamConfig, TITLE};

/// How a slice becomes the network's image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// SAM's predictor: the longer side fits, zeros fill the rest, pixels are normalised.
    Predictor,
    /// MedSAM: stretched to a square, pixels scaled to 0..=1 by their smallest and largest.
    Medsam,
}

/// Settings of a SAM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamSettings {
    /// How a slice becomes the network's image.
    pub framing: Framing,
    /// Values of a CT that become 0 and 255, in HU.
    pub ct_window_hu: [f32; 2],
    /// Shares of the non-zero values of any other scan that lie below what becomes 0 and 255.
    pub percentiles: [f64; 2],
    /// Slices to which the target of clicks is carried on, up and down, by the mask prompt.
    pub carry_slices: usize,
    /// Predicted IoU below which it is not carried on.
    pub carry_least_iou: f32,
    /// Sizes of the network.
    pub network: SamConfig,
}

impl SamSettings {
    /// Values of soft tissue, 0.5 % cut off at either end elsewhere; clicks stay on their slice.
    pub fn of(network: SamConfig) -> Self {
        Self {
            framing: Framing::Predictor,
            ct_window_hu: [-160.0, 240.0],
            percentiles: [0.005, 0.995],
            carry_slices: 0,
            carry_least_iou: 0.5,
            network,
        }
    }
}

/// Preset of MedSAM's published file, which has ViT-B's layout and takes boxes.
const MEDSAM: &str = "medsam";

/// Makes a model of a SAM file; its pixel normalisation is in no file and is the published one.
///
/// # Errors
/// A file that is not SAM's, settings that do not exist.
pub fn import(source: &ImportSource<'_>) -> Result<Imported, CheckpointError> {
    let misfit = |problem: String| CheckpointError::misfit(TITLE, problem);
    let file = source.only_file(TITLE)?;
    let weights = plain_names(file);
    let mut settings = SamSettings::of(SamConfig::infer(&weights)?);
    match source.preset {
        None => {}
        Some(MEDSAM) => settings.framing = Framing::Medsam,
        Some(other) => {
            return Err(misfit(format!(
                "there is no preset '{other}': leave it out, or choose {MEDSAM}"
            )));
        }
    }
    let (settings, config) = with_overrides(TITLE, &settings, source.overrides)?;
    settings.network.check()?;
    let medsam = settings.framing == Framing::Medsam;
    Ok(Imported {
        weights,
        config,
        automatic: false,
        clicks: !medsam,
        boxes: true,
        scribbles: false,
        lassos: false,
        classes: 0,
        description: if medsam {
            "MedSAM: slice by slice from a box".to_owned()
        } else {
            format!(
                "Segment Anything: clicks on their slice{}, a box on every slice that it reaches, with the predicted IoU",
                match settings.carry_slices {
                    0 => String::new(),
                    n => format!(" and carried on to {n} neighbours either way"),
                }
            )
        },
    })
}

/// A file's tensors without what wrapping models put before their names, and without an optimizer's.
pub(crate) fn plain_names(file: &Arc<TensorFile>) -> WeightMap {
    WeightMap::of_file(file, "").renamed(|name| {
        let prefixes = ["state_dict.", "model.", "module."];
        let name = prefixes.iter().fold(name, |name, prefix| {
            name.strip_prefix(prefix).unwrap_or(name)
        });
        (!name.starts_with("optimizer.")).then(|| name.to_owned())
    })
}
