//! The loaded model: weights, device and caches behind the common interface.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::recent::Recent;
use crate::models::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter, compute,
};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

use super::Sam;
use super::picture::{Pixels, Slice};
use super::segmentation::SliceAnswer;
use super::settings::SamSettings;

/// Memory for the embeddings of slices, in bytes.
const CACHE_BYTES: usize = 1 << 28;

/// A SAM with its embeddings and answers of slices.
pub struct SamModel {
    card: ModelCard,
    compute: ComputeDevice,
    pub(super) device: Device,
    pub(super) network: Sam,
    pub(super) settings: SamSettings,
    pixels: Recent<ScanKey, Arc<Pixels>>,
    embeddings: Recent<(ScanKey, usize), Tensor<4>>,
    pub(super) answers: Recent<(ScanKey, usize), SliceAnswer>,
}

impl SamModel {
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
        let settings: SamSettings = card.settings("SAM")?;
        settings.network.check()?;
        let loader = Loader::new(weights, &device).with_trainable(|_| false);
        let network = Sam::load(&loader.root(), &settings.network);
        loader.finish("SAM", |_| false)?;
        let encoder = &settings.network.encoder;
        let embedding = size_of::<f32>() * encoder.neck_width * encoder.grid().pow(2);
        Ok(Self {
            card,
            compute,
            device,
            network,
            pixels: Recent::new(1),
            embeddings: Recent::within(embedding, CACHE_BYTES),
            answers: Recent::within(
                16 * encoder.grid().pow(2) * size_of::<f32>(),
                CACHE_BYTES / 4,
            ),
            settings,
        })
    }

    /// The scan as 8-bit pixels.
    pub(super) fn pixels(&self, image: &ImageVolume, scan: ScanKey) -> Arc<Pixels> {
        let pixels = || Arc::new(self.settings.pixels(image));
        self.pixels.find_or(scan, pixels)
    }

    /// The embedding of a slice, from the cache where it was encoded before.
    pub(super) fn embedding(&self, slice: Slice<'_>, scan: ScanKey, number: usize) -> Tensor<4> {
        self.embeddings.find_or((scan, number), || {
            let image = self.settings.image(slice, &self.device);
            self.network.embed(image)
        })
    }
}

impl Segmenter for SamModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.compute
    }

    fn segment_auto(
        &self,
        _: &ImageVolume,
        _: ScanKey,
        _: Option<&[String]>,
        _: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        Err(ModelError::Unsupported(
            "this model finds nothing by itself: click on the target or draw a box around it"
                .to_owned(),
        ))
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        super::segmentation::prompted(self, image, key, prompts, prior, ctx)
    }

    fn drop_caches(&self) {
        self.pixels.clear();
        self.embeddings.clear();
        self.answers.clear();
    }
}
