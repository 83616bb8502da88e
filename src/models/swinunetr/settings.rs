//! How SwinUNETR is used on scans, and how a model is made of a checkpoint file.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::models::autoprosam::volume_settings;
use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::slices::with_overrides;
use crate::models::trace::Trace;
use crate::models::volumes::VolumeSettings;
use crate::models::window_model::WindowNet;
use crate::models::{ImportSource, Imported};

use super::TITLE;
use super::config::{PatchMerging, SwinUnetrConfig};
use super::net::SwinUnetr;

/// Everything on a SwinUNETR model's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SwinUnetrSettings {
    /// How a scan is brought before the network.
    pub volume: VolumeSettings,
    /// Sizes of the network.
    pub network: SwinUnetrConfig,
}

/// Side of the windows that MONAI's examples use.
const SIDE: usize = 96;
/// What the sides of a window must be a multiple of.
const MULTIPLE: usize = 32;
/// Preset that states today's merging of tokens.
const TODAY: &str = "monai-today";

/// Makes a model of a checkpoint file: MONAI's, the authors' baselines' or ours.
///
/// # Errors
/// A file that is not SwinUNETR's; settings that do not exist.
pub fn import(source: &ImportSource<'_>) -> Result<Imported, CheckpointError> {
    let misfit = |problem: String| CheckpointError::misfit(TITLE, problem);
    let file = source.only_file(TITLE)?;
    let weights = WeightMap::of_file(file, "").renamed(plain_name);
    let mut network = SwinUnetrConfig::infer(&weights)?;
    let today = source.preset == Some(TODAY);
    if today {
        network.merging = PatchMerging::Monai16;
    }
    let preset = source.preset.filter(|_| !today);
    let volume = volume_settings(preset, SIDE)
        .map_err(|problem| misfit(format!("{problem}, or {TODAY} for today's merging")))?;
    let settings = SwinUnetrSettings { volume, network };
    let (settings, config) = with_overrides(TITLE, &settings, source.overrides)?;
    if settings.network.in_channels != 1 {
        return Err(misfit(format!(
            "it takes {} scans at once, and can be used only with one",
            settings.network.in_channels
        )));
    }
    if !settings.volume.window.side.is_multiple_of(MULTIPLE) {
        return Err(misfit(format!(
            "the side of its windows must be a multiple of {MULTIPLE}"
        )));
    }
    Ok(Imported {
        weights,
        config,
        automatic: true,
        clicks: false,
        boxes: false,
        scribbles: false,
        lassos: false,
        classes: settings.network.out_channels - 1,
        description: "SwinUNETR: finds its structures without a prompt, window by window"
            .to_owned(),
    })
}

/// A name without what wrapping dictionaries and modules put before it; `None` for what is no weight.
fn plain_name(name: &str) -> Option<String> {
    const PARTS: [&str; 4] = ["swinViT.", "encoder", "decoder", "out."];
    let name = ["network_dict.", "state_dict.", "module."]
        .iter()
        .fold(name, |name, prefix| {
            name.strip_prefix(prefix).unwrap_or(name)
        });
    let wanted = PARTS.iter().any(|part| name.starts_with(part));
    (wanted && !name.ends_with("relative_position_index")).then(|| name.to_owned())
}

impl WindowNet for SwinUnetr {
    type Settings = SwinUnetrSettings;
    const TITLE: &'static str = TITLE;

    fn load(
        weights: WeightMap,
        settings: &SwinUnetrSettings,
        device: &Device,
    ) -> Result<Self, CheckpointError> {
        Self::from_weights(weights, &settings.network, device)
    }

    fn volume(settings: &SwinUnetrSettings) -> VolumeSettings {
        settings.volume.clone()
    }

    fn logits(&self, crop: Tensor<5>) -> Tensor<5> {
        self.forward(crop, &Trace::off())
    }
}
