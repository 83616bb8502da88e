//! What an AutoSAM model's card holds, and how a model is made of checkpoint files.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::slices::with_overrides;
use crate::models::{ImportSource, Imported};

use super::{AutoSamConfig, HeadConfig, TITLE, full_names};

/// Everything on an AutoSAM model's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoSamSettings {
    /// Sizes of the network.
    pub network: AutoSamConfig,
}

/// Makes a model of one checkpoint file and, where it holds the decoder alone, a plain SAM file.
///
/// Where neither holds the head's positional code, SAM's own is taken, as for a head that is trained here.
///
/// # Errors
/// Files that are not AutoSAM's; settings that do not exist.
pub fn import(source: &ImportSource<'_>) -> Result<Imported, CheckpointError> {
    let misfit = |problem: String| CheckpointError::misfit(TITLE, problem);
    let file = source.only_file(TITLE)?;
    if let Some(preset) = source.preset {
        return Err(misfit(format!(
            "there is no preset '{preset}': leave it out"
        )));
    }
    let base = source.base.map(|file| WeightMap::of_file(file, ""));
    let own = full_names(WeightMap::of_file(file, ""));
    let weights = base
        .map(|base| beneath(&base))
        .unwrap_or_default()
        .with(own);
    if !weights
        .names()
        .any(|name| name.starts_with("image_encoder."))
    {
        return Err(misfit(
            "it holds the decoder alone: name the SAM file that it was trained on with --base"
                .to_owned(),
        ));
    }
    let network = AutoSamConfig::infer(&weights)?;
    let uses_positions = matches!(network.head, HeadConfig::Vit(_));
    let weights = weights.renamed(|name| {
        let kept = uses_positions || !name.starts_with("pe_layer.");
        kept.then(|| name.to_owned())
    });
    let settings = AutoSamSettings { network };
    let (settings, config) = with_overrides(TITLE, &settings, source.overrides)?;
    let head = match settings.network.head {
        HeadConfig::Vit(_) => "ViT",
        HeadConfig::Cnn(_) => "CNN",
        HeadConfig::Linear(_) => "linear",
    };
    Ok(Imported {
        weights,
        config,
        automatic: true,
        clicks: false,
        boxes: false,
        scribbles: false,
        lassos: false,
        classes: settings.network.head.classes().saturating_sub(1),
        description: format!(
            "AutoSAM with the {head} head: all classes of a slice, without prompts"
        ),
    })
}

/// What a plain SAM file gives to a model: the encoder, and the code of positions.
pub fn beneath(sam: &WeightMap) -> WeightMap {
    sam.clone().renamed(|name| {
        if name.starts_with("image_encoder.") {
            return Some(name.to_owned());
        }
        let code = name.strip_prefix("prompt_encoder.pe_layer.")?;
        Some(format!("pe_layer.{code}"))
    })
}
