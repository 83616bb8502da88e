//! How DeSAM is used on scans, and how a model is made of checkpoint files.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, TensorFile, WeightMap};
use crate::models::slices::{same_tensors, with_overrides};
use crate::models::{ImportSource, Imported};

use super::{DeSamConfig, SelectionConfig, TITLE, is_unused};

/// What prompts the network where the user does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AutomaticMode {
    /// A grid of points; the mask that the network believes in most is taken.
    GridPoints,
    /// One box around the whole slice.
    WholeBox,
}

/// Everything on a DeSAM model's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeSamSettings {
    /// Models merged into one, each for one structure.
    pub organs: usize,
    /// What prompts the network where the user does not.
    pub mode: AutomaticMode,
    /// Points of the grid along each side.
    pub grid_points: usize,
    /// Points decoded together.
    pub points_at_once: usize,
    /// Pixels that are cleared along each border of a slice: the authors score prostates so, with 50 of 256.
    pub cleared_border: usize,
    /// Thresholds of the selection among the grid's masks.
    pub selection: SelectionConfig,
    /// Sizes of the network.
    pub network: DeSamConfig,
}

impl DeSamSettings {
    /// The authors' test settings, in proportion for networks of other sizes.
    pub fn of(network: DeSamConfig, organs: usize) -> Self {
        let published = SelectionConfig::default();
        let area = network.mask_side() * network.mask_side();
        Self {
            organs,
            mode: AutomaticMode::GridPoints,
            grid_points: 9,
            points_at_once: 9,
            cleared_border: 0,
            selection: SelectionConfig {
                least_region: published.least_region * area / (256 * 256),
                ..published
            },
            network,
        }
    }
}

/// Preset that states a whole box for every slice.
const WHOLE_BOX: &str = "whole-box";

/// Makes a model of checkpoint files, one for each structure; they must share SAM's encoders.
///
/// # Errors
/// Files that are not DeSAM's, or whose encoders differ; settings that do not exist.
pub fn import(source: &ImportSource<'_>) -> Result<Imported, CheckpointError> {
    let misfit = |problem: String| CheckpointError::misfit(TITLE, problem);
    let base = source.base.map(plain_names).unwrap_or_default();
    let mut shared: Option<WeightMap> = None;
    let mut weights = WeightMap::default();
    let mut network: Option<DeSamConfig> = None;
    for (organ, file) in source.files.iter().enumerate() {
        let own = base.clone().with(plain_names(file));
        let config = DeSamConfig::infer(&own)?;
        let encoders = own.clone().renamed(|name| {
            let wanted = ["image_encoder.", "prompt_encoder."];
            let kept = wanted.iter().any(|p| name.starts_with(p)) && !is_unused(name);
            kept.then(|| name.to_owned())
        });
        let differs = match (&shared, &network) {
            (Some(first), Some(known)) => *known != config || !same_tensors(first, &encoders)?,
            _ => false,
        };
        if differs {
            return Err(misfit(format!(
                "{} has other encoders than the first file: models are merged only on the same SAM",
                file.path().display()
            )));
        }
        weights = weights.with(own.renamed(|name| {
            let kept = name.starts_with("mask_decoder.") && !is_unused(name);
            kept.then(|| format!("organs.{organ}.{name}"))
        }));
        shared.get_or_insert(encoders);
        network.get_or_insert(config);
    }
    let (Some(shared), Some(network)) = (shared, network) else {
        return Err(misfit("no checkpoint file is given".to_owned()));
    };
    let mut settings = DeSamSettings::of(network, source.files.len());
    match source.preset {
        None => {}
        Some(WHOLE_BOX) => settings.mode = AutomaticMode::WholeBox,
        Some(other) => {
            return Err(misfit(format!(
                "there is no preset '{other}': leave it out, or choose {WHOLE_BOX}"
            )));
        }
    }
    let (settings, config) = with_overrides(TITLE, &settings, source.overrides)?;
    Ok(Imported {
        weights: shared.with(weights),
        config,
        automatic: true,
        clicks: false,
        boxes: true,
        scribbles: false,
        lassos: false,
        classes: settings.organs,
        description: "DeSAM: slice by slice, from a grid of points, a box around the slice or a box prompt, with the predicted IoU of each mask"
            .to_owned(),
    })
}

/// A file's tensors without what wrapping models put before their names.
fn plain_names(file: &std::sync::Arc<TensorFile>) -> WeightMap {
    WeightMap::of_file(file, "").renamed(|name| {
        let name = ["state_dict.", "module."]
            .iter()
            .fold(name, |name, prefix| {
                name.strip_prefix(prefix).unwrap_or(name)
            });
        (!name.starts_with("optimizer.")).then(|| name.to_owned())
    })
}
