//! The loaded model: weights and device behind the common interface.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::slices::host;
use crate::models::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter, compute,
};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

use super::settings::MasamSettings;
use super::{MaSam, Mode, names};

/// A MA-SAM.
#[derive(Debug)]
pub struct MasamModel {
    card: ModelCard,
    compute: ComputeDevice,
    device: Device,
    network: MaSam,
    pub(super) settings: MasamSettings,
}

impl MasamModel {
    /// Opens a model from its card and the tensors that importing or training left.
    ///
    /// # Errors
    /// Settings or tensors that do not fit, a device that cannot be had.
    pub fn open(
        card: ModelCard,
        weights: WeightMap,
        device: DeviceChoice,
    ) -> Result<Self, ModelError> {
        let (compute, device) = compute::open(device)?;
        let settings: MasamSettings = card.settings("MA-SAM")?;
        settings.check()?;
        let loader = Loader::new(names::renamed(weights), &device).with_trainable(|_| false);
        let network = MaSam::load(&loader.root(), &settings.network);
        loader.finish("MA-SAM", |_| false)?;
        Ok(Self {
            card,
            compute,
            device,
            network,
            settings,
        })
    }

    /// Class probabilities of a window `[1 or 3 channels, slices, side, side]` of values of 0..=1, with the same box on
    /// every slice where there is one: `[slices, classes + 1, side, side]`.
    pub(super) fn probabilities(
        &self,
        window: Vec<f32>,
        corners: Option<[f32; 4]>,
    ) -> Result<Vec<f32>, ModelError> {
        let sam = &self.settings.network.sam;
        let (slices, side) = (self.settings.network.slices, sam.encoder.image_side);
        let channels = window.len() / (slices * side * side);
        let window = TensorData::new(window, [1, channels, slices, side, side]);
        let window = Tensor::<5>::from_data(window, &self.device).swap_dims(1, 2);
        let window = if channels == 1 {
            window.repeat_dim(2, 3)
        } else {
            window
        };
        let boxes = corners.map(|corners| {
            let corners = TensorData::new(corners.to_vec(), [1, 1, 4]);
            Tensor::<3>::from_data(corners, &self.device).repeat_dim(1, slices)
        });
        let logits = self.network.forward(window, boxes, Mode::Inference);
        host(activation::softmax(logits, 1))
    }
}

impl Segmenter for MasamModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.compute
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        _: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        if self.settings.boxes {
            return Err(ModelError::Unsupported(format!(
                "the model '{}' needs a box around the target",
                self.card.id
            )));
        }
        super::segmentation::automatic(self, image, structures, ctx)
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        _: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        super::segmentation::prompted(self, image, prompts, prior, ctx)
    }

    fn drop_caches(&self) {}
}
