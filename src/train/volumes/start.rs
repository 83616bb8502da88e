//! The image encoder that a recipe starts from.

use std::sync::Arc;

use crate::models::ModelError;
use crate::models::checkpoint::{CheckpointError, HostTensor, TensorFile, WeightMap};
use crate::models::threedsam::{EncoderConfig, inflated, is_trained};
use crate::train::TrainError;
use crate::train::published::{EncoderStart, StartingSam};

use super::recipe::NetworkRecipe;

/// An inflated encoder without what SAM lacks, and its sizes.
pub(super) struct StartingEncoder {
    /// Under `encoder_dict.`; what is missing is initialised at random.
    pub weights: WeightMap,
    pub config: EncoderConfig,
}

impl StartingEncoder {
    /// Inflates a SAM file, or a small SAM of random weights.
    ///
    /// # Errors
    /// A file that is not SAM's, or an encoder whose blocks cannot be shared out among four feature maps.
    pub fn of(start: &EncoderStart, network: &NetworkRecipe) -> Result<Self, TrainError> {
        let sam = match &start.sam {
            Some(path) => {
                let file = TensorFile::open(path).map_err(ModelError::from)?;
                WeightMap::of_file(&Arc::new(file), "")
            }
            None => StartingSam::of(start)?.weights,
        };
        let image_encoder = sam.under("image_encoder.");
        let config = config(&image_encoder, network).map_err(ModelError::from)?;
        let weights = inflated(&image_encoder).map_err(ModelError::from)?;
        Ok(Self {
            weights: weights.renamed(|name| Some(format!("encoder_dict.{name}"))),
            config,
        })
    }
}

/// Which parameters are trained: the authors' choice, or everything but the scale of relative positions, which they
/// never train, where the encoder's own weights are `trained` too.
pub(super) fn trains(trained: bool) -> impl Fn(&str) -> bool + 'static {
    move |name| is_trained(name) || (trained && !name.ends_with(".attn.lr"))
}

fn config(sam: &WeightMap, network: &NetworkRecipe) -> Result<EncoderConfig, CheckpointError> {
    let mut probe = sam.clone();
    // What inflating adds has the sizes that the recipe states; only its shape is read here.
    let axis = |name: &str, d: usize| sam.shape(name).map_or(0, |shape| shape[d]);
    let (side, patch) = (axis("pos_embed", 1) / 2, axis("patch_embed.proj.weight", 2));
    let marks = [
        ("depth_embed", [1, side, 1, 1, 1]),
        ("slice_embed.weight", [1, 1, 1, 1, patch]),
        ("neck_3d.0.0.weight", [network.channels, 1, 1, 1, 1]),
    ];
    for (name, shape) in marks {
        let count = shape.iter().product();
        probe.insert(name, HostTensor::new(shape, vec![0.0; count]));
    }
    let config = EncoderConfig {
        cubic_window_size: network.window,
        ..EncoderConfig::infer(&probe)?
    };
    if config.depth == 0 || !config.depth.is_multiple_of(4) {
        return Err(CheckpointError::Misfit {
            network: "a volume encoder".to_owned(),
            problems: vec![format!(
                "it has {} blocks instead of a multiple of 4",
                config.depth
            )],
        });
    }
    Ok(config)
}
