//! The loaded model: weights, device and cache behind the common interface.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::Loader;
use crate::models::loaded::{Pipeline, Query};
use crate::models::recent::Recent;
use crate::models::sam::{ImageEncoder, NoAdaptation};
use crate::models::slices;
use crate::models::trace::Trace;
use crate::models::{AutoResult, ModelError, PromptedResult, ScanKey, StoredModel, Structure};
use crate::prompt::PromptSet;
use crate::volume::{ImageVolume, Mask};

use super::settings::DeSamSettings;
use super::{
    DeSamDecoder, ImageFeatures, PreparedImage, TITLE, encoder_input, is_unused, resize_grey,
    volume_to_grey,
};

/// Memory for slices that were encoded, in bytes.
const CACHE_BYTES: usize = 1 << 30;

/// One encoder, and a decoder for each structure.
pub struct DeSamModel {
    pub(super) settings: DeSamSettings,
    pub(super) device: Device,
    encoder: ImageEncoder,
    pub(super) organs: Vec<DeSamDecoder>,
    grey: Recent<ScanKey, Arc<Vec<u8>>>,
    cache: Recent<(ScanKey, usize), Arc<Vec<PreparedImage>>>,
}

impl DeSamModel {
    /// The scan as 8-bit grey.
    pub(super) fn grey(&self, image: &ImageVolume, scan: ScanKey) -> Arc<Vec<u8>> {
        let grey = || Arc::new(volume_to_grey(&slices::values(image)));
        self.grey.find_or(scan, grey)
    }

    /// A slice as each structure's decoder reads it, from the cache where it was encoded before.
    pub(super) fn prepared(
        &self,
        slice: &[u8],
        from: [usize; 2],
        scan: ScanKey,
        number: usize,
    ) -> Arc<Vec<PreparedImage>> {
        let prepare = || Arc::new(self.prepare(slice, from));
        self.cache.find_or((scan, number), prepare)
    }

    fn prepare(&self, slice: &[u8], from: [usize; 2]) -> Vec<PreparedImage> {
        let network = &self.settings.network;
        let (side, image_side) = (network.mask_side(), network.encoder.image_side);
        let grey = resize_grey(slice, from, side);
        let (mean, std) = (network.pixel_mean, network.pixel_std);
        let (input, _) = encoder_input(&grey, 1, (side, image_side), mean, std);
        let input = TensorData::new(input, [1, 3, image_side, image_side]);
        let input = Tensor::<4>::from_data(input, &self.device);
        let off = Trace::off();
        let encoded =
            self.encoder
                .forward_with(input, &network.feature_blocks, &NoAdaptation, &off);
        let channels_first = |x: Tensor<4>| x.permute([0, 3, 1, 2]);
        let features = ImageFeatures {
            features: encoded.blocks.into_iter().map(channels_first).collect(),
            embedding: encoded.embedding,
        };
        let organs = self.organs.iter();
        organs.map(|organ| organ.prepare(&features, &off)).collect()
    }
}

/// What a prepared slice takes: at each stage two maps of the stage's channels, for each structure.
fn prepared_bytes(settings: &DeSamSettings) -> usize {
    let decoder = &settings.network.decoder;
    let stage = |n: usize| (decoder.pimm.width >> n) * (decoder.grid << n).pow(2) * 2;
    let maps: usize = (0..decoder.pimm.stages).map(stage).sum();
    settings.organs * size_of::<f32>() * (maps + decoder.pimm.width * decoder.grid.pow(2))
}

impl Pipeline for DeSamModel {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let settings: DeSamSettings = stored.card.settings(TITLE)?;
        let network = &settings.network;
        let loader = Loader::new(stored.weights.clone(), device).with_fresh(0, is_unused);
        let root = loader.root();
        let prompts = root.child("prompt_encoder");
        let organ = |number: usize| {
            let scope = root.child("organs").child(number).child("mask_decoder");
            DeSamDecoder::load(&prompts, &scope, &network.decoder)
        };
        let organs: Vec<DeSamDecoder> = (0..settings.organs).map(organ).collect();
        let encoder = ImageEncoder::load(&root.child("image_encoder"), &network.encoder);
        loader.finish(TITLE, is_unused)?;
        Ok(Self {
            cache: Recent::within(prepared_bytes(&settings), CACHE_BYTES),
            settings,
            device: device.clone(),
            encoder,
            organs,
            grey: Recent::new(1),
        })
    }

    fn automatic(
        &self,
        query: Query<'_>,
        structures: &[(usize, &Structure)],
    ) -> Result<AutoResult, ModelError> {
        super::segmentation::automatic(self, query, structures)
    }

    fn prompted(
        &self,
        query: Query<'_>,
        prompts: &PromptSet,
        prior: Option<&Mask>,
    ) -> Result<PromptedResult, ModelError> {
        let found = super::segmentation::prompted(self, query, prompts)?;
        Ok(found.not_refining(prior))
    }

    fn drop_caches(&self) {
        self.grey.clear();
        self.cache.clear();
    }
}
