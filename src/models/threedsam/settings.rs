//! How 3DSAM-adapter is used on scans, and how a model is made of a checkpoint file.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::slices::with_overrides;
use crate::models::sliding_window::{Blend, SlidingWindow};
use crate::models::volumes::{AxisOrder, Blended, Intensity, VolumeSettings};
use crate::models::{ImportSource, Imported};

use super::TITLE;
use super::net::{ThreedsamConfig, canonical, without_masks};
use super::preparation::{DATA_SETS, DataSet};

/// Everything on a 3DSAM-adapter model's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreedsamSettings {
    /// How a scan is brought before the network.
    pub volume: VolumeSettings,
    /// Probability from which a voxel is the target.
    pub threshold: f32,
    /// Sizes of the network.
    pub network: ThreedsamConfig,
}

impl ThreedsamSettings {
    /// The authors' test settings for a data set of theirs.
    pub fn of(network: ThreedsamConfig, data: &DataSet) -> Self {
        Self {
            volume: VolumeSettings {
                axes: AxisOrder::SliceRowColumn,
                spacing_mm: vec![1.0; 3],
                intensity: Intensity::Range(data.intensity),
                window: SlidingWindow {
                    side: network.net.crop,
                    overlap: 0.5,
                    blend: Blend::Gaussian,
                },
                blended: Blended::Probabilities,
            },
            threshold: 0.5,
            network,
        }
    }
}

/// Makes a model of a checkpoint file; presets are the authors' data sets, the first of them where none is stated.
///
/// # Errors
/// A file that is not 3DSAM-adapter's; settings that do not exist.
pub fn import(source: &ImportSource<'_>) -> Result<Imported, CheckpointError> {
    let misfit = |problem: String| CheckpointError::misfit(TITLE, problem);
    let file = source.only_file(TITLE)?;
    let weights = canonical(WeightMap::of_file(file, ""));
    if weights
        .names()
        .any(|name| name == "feature_dict.outc.weight")
    {
        return Err(misfit(
            "it holds an automatic prompt generator: import it as autoprosam".to_owned(),
        ));
    }
    let data = data_set(source.preset).map_err(misfit)?;
    let network = ThreedsamConfig::infer(&weights)?;
    let settings = ThreedsamSettings::of(network, data);
    let (settings, config) = with_overrides(TITLE, &settings, source.overrides)?;
    let clicks = settings.network.prompt.is_some();
    let how = if clicks {
        "clicks on the target, within a cube around them"
    } else {
        "without a prompt, window by window"
    };
    Ok(Imported {
        weights: without_masks(weights),
        config,
        automatic: !clicks,
        clicks,
        boxes: false,
        scribbles: false,
        lassos: false,
        classes: if clicks {
            0
        } else {
            settings.network.net.decoder.num_classes - 1
        },
        description: format!(
            "3DSAM-adapter: {how}; values clipped and normalised as for the data set '{}'",
            data.name
        ),
    })
}

fn data_set(name: Option<&str>) -> Result<&'static DataSet, String> {
    let Some(name) = name else {
        return Ok(&DATA_SETS[0]);
    };
    DATA_SETS.iter().find(|d| d.name == name).ok_or_else(|| {
        let names: Vec<&str> = DATA_SETS.iter().map(|d| d.name).collect();
        format!(
            "there is no preset '{name}': choose the data set it was trained on, one of {}",
            names.join(", ")
        )
    })
}
