//! What a model card says of a MA-SAM, and how one is made of checkpoint files.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::sam::plain_names;
use crate::models::slices::with_overrides;
use crate::models::{ImportSource, Imported};

use super::tables::resample_positions;
use super::{Intensity, MasamConfig, TITLE, names};

/// Settings of a MA-SAM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MasamSettings {
    /// Whether it was trained with a box on every slice, and then works with a box alone.
    pub boxes: bool,
    /// How intensities are prepared.
    pub intensity: Intensity,
    /// Sizes of the network.
    pub network: MasamConfig,
}

/// Side of the image that the authors train with.
const PUBLISHED_SIDE: usize = 512;
/// A tensor that only SAM's part has.
const BASE_TENSOR: &str = "image_encoder.blocks.0.attn.qkv.weight";
/// Overrides the side of the image, which decides how the base file's position tables are resampled.
const SIDE: &str = "image_side";

/// Makes a model of an adapted file and the SAM file that it was trained on, or of one file that holds both.
///
/// Presets: `organs` (CT, the default), `prostate` (MR), `pancreas` (CT with a box) and `frames` (pictures as they are).
///
/// # Errors
/// Files that are not MA-SAM's or do not belong together, settings that do not exist.
pub fn import(source: &ImportSource<'_>) -> Result<Imported, CheckpointError> {
    let misfit = |problem: String| CheckpointError::misfit(TITLE, problem);
    let file = source.only_file(TITLE)?;
    let mut overrides = source.overrides.clone();
    let side = match overrides.remove(SIDE) {
        None => PUBLISHED_SIDE,
        Some(side) => {
            let side = side
                .as_integer()
                .and_then(|side| usize::try_from(side).ok());
            side.filter(|&side| side > 0)
                .ok_or_else(|| misfit(format!("{SIDE} is not a whole number of pixels above 0")))?
        }
    };
    let adapted = names::renamed(plain_names(file));
    let weights = if adapted.contains(BASE_TENSOR) {
        adapted
    } else {
        let base = source.base.ok_or_else(|| {
            misfit(
                "it holds only what was added to SAM: state the plain SAM file with --base"
                    .to_owned(),
            )
        })?;
        on_base(plain_names(base), adapted, side)?
    };
    let network = MasamConfig::infer(&weights)?;
    let (boxes, intensity) = match source.preset {
        None | Some("organs") => (false, Intensity::ORGANS),
        Some("prostate") => (false, Intensity::Percentile),
        Some("pancreas") => (true, Intensity::PANCREAS),
        Some("frames") => (false, Intensity::AsItIs),
        Some(other) => {
            return Err(misfit(format!(
                "there is no preset '{other}': choose organs, prostate, pancreas or frames"
            )));
        }
    };
    let settings = MasamSettings {
        boxes,
        intensity,
        network,
    };
    let (settings, config) = with_overrides(TITLE, &settings, &overrides)?;
    settings.check()?;
    Ok(Imported {
        weights,
        config,
        automatic: !settings.boxes,
        clicks: false,
        boxes: settings.boxes,
        scribbles: false,
        lassos: false,
        classes: settings.network.classes(),
        description: format!(
            "MA-SAM: stacks of {} slices, {}",
            settings.network.slices,
            if settings.boxes {
                "in a box"
            } else {
                "all structures at once"
            }
        ),
    })
}

/// An adapted file's tensors over the image encoder of a SAM file, resampled for another side of the image.
fn on_base(base: WeightMap, adapted: WeightMap, side: usize) -> Result<WeightMap, CheckpointError> {
    let base = resample_positions(&base, side)?.weights;
    let encoder = base.renamed(|name| name.starts_with("image_encoder.").then(|| name.to_owned()));
    Ok(encoder.with(adapted))
}

impl MasamSettings {
    /// Refuses sizes that no network can have.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn check(&self) -> Result<(), CheckpointError> {
        let network = &self.network;
        network.sam.check()?;
        let encoder = &network.sam.encoder;
        let doublings = 1 << network.sam.decoder.upscaling.len();
        let problem = if network.slices == 0 || network.slices.is_multiple_of(2) {
            "the number of slices is not odd"
        } else if network.sam.decoder.masks < 2 {
            "it has no class beside the background"
        } else if encoder.grid() * doublings != encoder.image_side {
            "its masks are not as large as its image"
        } else {
            return Ok(());
        };
        Err(CheckpointError::misfit(TITLE, problem))
    }
}
