//! The whole network: a crop in, logits out.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{CheckpointError, Loader, Scope, WeightMap};
use crate::models::threedsam::{CropNet, channels_first};
use crate::models::trace::Trace;
use crate::models::volumes::VolumeSettings;
use crate::models::window_model::WindowNet;

use super::TITLE;
use super::config::AutoProSamConfig;
use super::prompt_generator::PromptGenerator;
use super::settings::AutoProSamSettings;

/// AutoProSAM.
#[derive(Module, Debug)]
pub struct AutoProSamNet {
    net: CropNet,
    generator: PromptGenerator,
}

impl AutoProSamNet {
    /// Takes `encoder_dict`, `feature_dict` and `decoder_dict`.
    pub fn load(scope: &Scope<'_>, config: &AutoProSamConfig) -> Self {
        Self {
            net: CropNet::load(scope, &config.net),
            generator: PromptGenerator::load(&scope.child("feature_dict"), &config.apg),
        }
    }

    /// Loads a checkpoint named as [`crate::models::threedsam::canonical`] does.
    ///
    /// # Errors
    /// Tensors that do not fit the network.
    pub fn from_weights(
        weights: WeightMap,
        config: &AutoProSamConfig,
        device: &Device,
    ) -> Result<Self, CheckpointError> {
        config.net.checked(TITLE)?;
        let loader = Loader::new(weights, device);
        let net = Self::load(&loader.root(), config);
        loader.finish(TITLE, |_| false)?;
        Ok(net)
    }

    /// Logits `[1, classes, x, y, z]` of a crop `[1, 1, x, y, z]`.
    pub fn forward(&self, crop: Tensor<5>, trace: &Trace<'_>) -> Tensor<5> {
        let features = self.net.encode(crop, trace);
        let map = self.net.unprompted(&features);
        trace.keep("apg_input", &channels_first(&map));
        let prompted = self.generator.forward(map, &trace.child("apg"));
        trace.keep("apg_output", &channels_first(&prompted));
        self.net.decode(&features, Some(prompted), trace)
    }

    /// Voxels a side of a crop.
    pub fn crop_side(&self) -> usize {
        self.net.crop_side()
    }
}

impl WindowNet for AutoProSamNet {
    type Settings = AutoProSamSettings;
    const TITLE: &'static str = TITLE;

    fn load(
        weights: WeightMap,
        settings: &AutoProSamSettings,
        device: &Device,
    ) -> Result<Self, CheckpointError> {
        Self::from_weights(weights, &settings.network, device)
    }

    fn volume(settings: &AutoProSamSettings) -> VolumeSettings {
        settings.volume.clone()
    }

    fn logits(&self, crop: Tensor<5>) -> Tensor<5> {
        self.forward(crop, &Trace::off())
    }
}
