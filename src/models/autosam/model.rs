//! The loaded model behind the common interface, and its way from a scan to labels.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::ops::{Corners, resize_linear};
use crate::models::recent::Recent;
use crate::models::slices::{self, host};
use crate::models::trace::Trace;
use crate::models::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter, compute,
};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelMap, Mask};

use super::settings::AutoSamSettings;
use super::{AutoSam, network_slice, volume_to_png};

/// The system's name, for messages.
const TITLE: &str = "AutoSAM";
/// Memory for embeddings of slices, in bytes.
const CACHE_BYTES: usize = 1 << 29;

/// The network and its cache of embeddings.
pub struct AutoSamModel {
    card: ModelCard,
    compute: ComputeDevice,
    settings: AutoSamSettings,
    device: Device,
    net: AutoSam,
    png: Recent<ScanKey, Arc<Vec<u8>>>,
    cache: Recent<(ScanKey, usize), Tensor<4>>,
}

impl AutoSamModel {
    /// Opens a model from its card and the tensors that importing left.
    ///
    /// # Errors
    /// Settings, classes or tensors that do not fit, a device that cannot be had.
    pub fn open(
        card: ModelCard,
        weights: WeightMap,
        device: DeviceChoice,
    ) -> Result<Self, ModelError> {
        let (compute, device) = compute::open(device)?;
        let settings: AutoSamSettings = card.settings(TITLE)?;
        let classes = settings.network.head.classes();
        if card.structures.len() + 1 != classes {
            let problem = format!(
                "the card names {} structures and the head has {} classes beside the background",
                card.structures.len(),
                classes.saturating_sub(1)
            );
            return Err(ModelError::from(CheckpointError::Misfit {
                network: TITLE.to_owned(),
                problems: vec![problem],
            }));
        }
        let (net, _) = AutoSam::load(weights, &settings.network, &device)?;
        let encoder = &settings.network.encoder;
        let bytes = size_of::<f32>() * encoder.neck_width * encoder.grid().pow(2);
        Ok(Self {
            card,
            compute,
            cache: Recent::within(bytes, CACHE_BYTES),
            settings,
            device,
            net,
            png: Recent::new(1),
        })
    }

    /// The scan as the authors store it.
    fn png(&self, image: &ImageVolume, scan: ScanKey) -> Arc<Vec<u8>> {
        let stored = || Arc::new(volume_to_png(&slices::values(image)));
        self.png.find_or(scan, stored)
    }

    /// The embedding of a slice, from the cache where it was encoded before.
    fn embedding(&self, slice: &[u8], from: [usize; 2], scan: ScanKey, k: usize) -> Tensor<4> {
        self.cache.find_or((scan, k), || {
            let side = self.settings.network.input_side;
            let plane = network_slice(slice, from, side);
            let plane = TensorData::new(plane, [1, 1, side, side]);
            let image = Tensor::<4>::from_data(plane, &self.device).expand([1, 3, side, side]);
            self.net.encode(image, &Trace::off())
        })
    }

    /// The highest class of each pixel of a slice `[rows, columns]`.
    fn classes(&self, embedding: Tensor<4>, to: [usize; 2]) -> Result<Vec<usize>, ModelError> {
        let logits = self.net.decode(embedding, &Trace::off()).logits;
        let logits = host(resize_linear(logits, &to, Corners::HalfPixel))?;
        let plane = to[0] * to[1];
        let best = |pixel: usize| {
            (0..logits.len() / plane).fold(0, |best, class| {
                let logit = |class: usize| logits[class * plane + pixel];
                if logit(class) > logit(best) {
                    class
                } else {
                    best
                }
            })
        };
        Ok((0..plane).into_par_iter().map(best).collect())
    }
}

impl Segmenter for AutoSamModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.compute
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        let wanted = self.card.structures_in(image.modality(), structures)?;
        if wanted.is_empty() {
            return Ok(AutoResult::none_known(image.grid()));
        }
        let mut labels = LabelMap::empty(*image.grid());
        let value_of = |class: usize| {
            let structure = wanted.iter().find(|(place, _)| place + 1 == class);
            structure.map_or(0, |(_, structure)| structure.value)
        };
        let [ni, nj, nk] = image.grid().dims;
        let plane = ni * nj;
        ctx.step(0.0, "preparing the scan")?;
        let png = self.png(image, key);
        for k in 0..nk {
            ctx.step(k as f32 / nk as f32, &format!("slice {} of {nk}", k + 1))?;
            let slice = &png[k * plane..][..plane];
            if slice.iter().all(|v| *v == slice[0]) {
                continue;
            }
            let embedding = self.embedding(slice, [nj, ni], key, k);
            let classes = self.classes(embedding, [nj, ni])?;
            let target = &mut labels.voxels[k * plane..][..plane];
            for (voxel, class) in target.iter_mut().zip(classes) {
                *voxel = value_of(class);
            }
        }
        Ok(AutoResult::of_labels(labels, &wanted))
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
        Err(crate::prompt::PromptError::Empty.into())
    }

    fn drop_caches(&self) {
        self.png.clear();
        self.cache.clear();
    }
}
