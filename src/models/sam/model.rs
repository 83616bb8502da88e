//! The loaded model: weights, device and caches behind the common interface.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::Loader;
use crate::models::loaded::{Pipeline, Query};
use crate::models::recent::Recent;
use crate::models::{ModelError, PromptedResult, ScanKey, StoredModel};
use crate::prompt::PromptSet;
use crate::volume::{ImageVolume, Mask};

use super::picture::{Pixels, Slice};
use super::segmentation::SliceAnswer;
use super::settings::SamSettings;
use super::{Sam, TITLE};

/// Memory for the embeddings of slices, in bytes.
const CACHE_BYTES: usize = 1 << 28;

/// A SAM with its embeddings and answers of slices.
pub struct SamModel {
    pub(super) device: Device,
    pub(super) network: Sam,
    pub(super) settings: SamSettings,
    pixels: Recent<ScanKey, Arc<Pixels>>,
    embeddings: Recent<(ScanKey, usize), Tensor<4>>,
    pub(super) answers: Recent<(ScanKey, usize), SliceAnswer>,
}

impl SamModel {
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

impl Pipeline for SamModel {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let settings: SamSettings = stored.card.settings(TITLE)?;
        settings.network.check()?;
        let loader = Loader::new(stored.weights.clone(), device).with_trainable(|_| false);
        let network = Sam::load(&loader.root(), &settings.network);
        loader.finish(TITLE, |_| false)?;
        let encoder = &settings.network.encoder;
        let embedding = size_of::<f32>() * encoder.neck_width * encoder.grid().pow(2);
        Ok(Self {
            device: device.clone(),
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

    fn prompted(
        &self,
        query: Query<'_>,
        prompts: &PromptSet,
        prior: Option<&Mask>,
    ) -> Result<PromptedResult, ModelError> {
        if query.card.clicks {
            return super::segmentation::prompted(self, query, prompts, prior);
        }
        // What takes boxes alone was never shown a mask so far.
        let found = super::segmentation::prompted(self, query, prompts, None)?;
        Ok(found.not_refining(prior))
    }

    fn drop_caches(&self) {
        self.pixels.clear();
        self.embeddings.clear();
        self.answers.clear();
    }
}
