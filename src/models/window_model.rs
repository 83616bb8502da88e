//! A loaded network that finds structures with windows over a volume, behind the common interface.

use burn::tensor::{Device, Tensor};
use serde::de::DeserializeOwned;

use super::checkpoint::{CheckpointError, WeightMap};
use super::volumes::{VolumeSettings, segment_windows};
use super::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter, compute,
};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

/// A network that takes crops `[1, 1, ..]` and gives logits `[1, classes, ..]`, class 0 being the background.
pub(crate) trait WindowNet: Send + Sync + Sized {
    /// What is on the card.
    type Settings: DeserializeOwned;
    /// The system's name, for messages.
    const TITLE: &'static str;

    /// Loads the weights.
    ///
    /// # Errors
    /// Tensors that do not fit the network.
    fn load(
        weights: WeightMap,
        settings: &Self::Settings,
        device: &Device,
    ) -> Result<Self, CheckpointError>;

    /// How scans are brought before the network.
    fn volume(settings: &Self::Settings) -> VolumeSettings;

    /// Logits of a crop.
    fn logits(&self, crop: Tensor<5>) -> Tensor<5>;
}

/// The network, ready to segment.
pub(crate) struct WindowModel<N> {
    card: ModelCard,
    compute: ComputeDevice,
    device: Device,
    volume: VolumeSettings,
    net: N,
}

impl<N: WindowNet> WindowModel<N> {
    /// Opens a model from its card and the tensors that importing left.
    ///
    /// # Errors
    /// Settings or tensors that do not fit, a device that cannot be had.
    pub fn open(
        card: ModelCard,
        weights: WeightMap,
        device: DeviceChoice,
    ) -> Result<Self, ModelError> {
        let (compute, device) = compute::open(device)?;
        let settings: N::Settings = card.settings(N::TITLE)?;
        Ok(Self {
            net: N::load(weights, &settings, &device)?,
            volume: N::volume(&settings),
            card,
            compute,
            device,
        })
    }
}

impl<N: WindowNet> Segmenter for WindowModel<N> {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.compute
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        _key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        segment_windows(
            (&self.card, &self.volume),
            (image, structures),
            &self.device,
            ctx,
            |crop| self.net.logits(crop),
        )
    }

    fn segment_prompted(
        &self,
        _image: &ImageVolume,
        _key: ScanKey,
        prompts: &PromptSet,
        _prior: Option<&Mask>,
        _ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.card.check_prompts(prompts)?;
        Err(ModelError::Unsupported(format!(
            "the model '{}' takes no prompt: use it automatically",
            self.card.id
        )))
    }

    fn drop_caches(&self) {}
}
