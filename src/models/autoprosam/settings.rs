//! How AutoProSAM is used on scans, and how a model is made of a checkpoint file.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::slices::with_overrides;
use crate::models::sliding_window::{Blend, SlidingWindow};
use crate::models::threedsam::{canonical, without_masks};
use crate::models::volumes::{AxisOrder, Blended, Intensity, IntensityRange, VolumeSettings};
use crate::models::{ImportSource, Imported};

use super::TITLE;
use super::config::AutoProSamConfig;

/// Everything on an AutoProSAM model's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoProSamSettings {
    /// How a scan is brought before the network.
    pub volume: VolumeSettings,
    /// Sizes of the network.
    pub network: AutoProSamConfig,
}

/// Named constants for a kind of scan.
struct Preset {
    name: &'static str,
    intensity: Intensity,
    /// To which the data was resampled before the authors' code saw it (right, anterior, superior), as far as known.
    spacing_mm: [f64; 3],
}

/// The constants in the authors' data classes, with the spacings of the preparation they refer to.
const PRESETS: [Preset; 3] = [
    Preset {
        name: "amos-ct",
        intensity: range([-991.0, 362.0], 50.0, 141.0),
        spacing_mm: [1.5, 1.5, 5.0],
    },
    Preset {
        name: "amos-mr",
        intensity: Intensity::Percentiles {
            percentiles: [2.0, 98.0],
        },
        spacing_mm: [1.1875, 1.1875, 2.0],
    },
    Preset {
        name: "btcv",
        intensity: range([-958.0, 327.0], 82.92, 136.97),
        spacing_mm: [0.75, 0.75, 3.0],
    },
];

const fn range(clip: [f32; 2], mean: f32, std: f32) -> Intensity {
    Intensity::Range(IntensityRange { clip, mean, std })
}

/// The authors' settings for a kind of scan (`amos-ct` where none is stated) and windows of this side.
///
/// # Errors
/// A preset that does not exist, in words.
pub fn volume_settings(preset: Option<&str>, side: usize) -> Result<VolumeSettings, String> {
    let name = preset.unwrap_or(PRESETS[0].name);
    let preset = PRESETS.iter().find(|p| p.name == name).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
        format!(
            "there is no preset '{name}': choose one of {}",
            names.join(", ")
        )
    })?;
    Ok(VolumeSettings {
        axes: AxisOrder::RightAnteriorSuperior,
        spacing_mm: preset.spacing_mm.to_vec(),
        intensity: preset.intensity,
        window: SlidingWindow {
            side,
            overlap: 0.25,
            blend: Blend::Constant,
        },
        blended: Blended::Logits,
    })
}

/// Makes a model of a checkpoint file.
///
/// # Errors
/// A file that is not AutoProSAM's; settings that do not exist.
pub fn import(source: &ImportSource<'_>) -> Result<Imported, CheckpointError> {
    let misfit = |problem: String| CheckpointError::misfit(TITLE, problem);
    let file = source.only_file(TITLE)?;
    let weights = canonical(WeightMap::of_file(file, ""));
    let network = AutoProSamConfig::infer(&weights)?;
    let volume = volume_settings(source.preset, network.net.crop).map_err(misfit)?;
    let settings = AutoProSamSettings { volume, network };
    let (settings, config) = with_overrides(TITLE, &settings, source.overrides)?;
    Ok(Imported {
        weights: without_masks(weights),
        config,
        automatic: true,
        clicks: false,
        boxes: false,
        scribbles: false,
        lassos: false,
        classes: settings.network.net.decoder.num_classes - 1,
        description: "AutoProSAM: finds its structures without a prompt, window by window"
            .to_owned(),
    })
}
