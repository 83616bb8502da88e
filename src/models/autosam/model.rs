//! The loaded model behind the common interface, and its way from a scan to labels.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::models::checkpoint::CheckpointError;
use crate::models::loaded::{Pipeline, Query};
use crate::models::ops::{Corners, resize_linear};
use crate::models::recent::Recent;
use crate::models::slices::{self, host};
use crate::models::trace::Trace;
use crate::models::{AutoResult, ModelError, ScanKey, StoredModel, Structure};
use crate::volume::{ImageVolume, LabelMap};

use super::settings::AutoSamSettings;
use super::{AutoSam, TITLE, network_slice, volume_to_png};

/// Memory for embeddings of slices, in bytes.
const CACHE_BYTES: usize = 1 << 29;

/// The network and its cache of embeddings.
pub struct AutoSamModel {
    settings: AutoSamSettings,
    device: Device,
    net: AutoSam,
    png: Recent<ScanKey, Arc<Vec<u8>>>,
    cache: Recent<(ScanKey, usize), Tensor<4>>,
}

impl AutoSamModel {
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

impl Pipeline for AutoSamModel {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let settings: AutoSamSettings = stored.card.settings(TITLE)?;
        let (named, classes) = (
            stored.card.structures.len(),
            settings.network.head.classes(),
        );
        if named + 1 != classes {
            let problem = format!(
                "the card names {named} structures and the head has {} classes beside the background",
                classes.saturating_sub(1)
            );
            return Err(CheckpointError::misfit(TITLE, problem).into());
        }
        let (net, _) = AutoSam::load(stored.weights.clone(), &settings.network, device)?;
        let encoder = &settings.network.encoder;
        let bytes = size_of::<f32>() * encoder.neck_width * encoder.grid().pow(2);
        Ok(Self {
            cache: Recent::within(bytes, CACHE_BYTES),
            settings,
            device: device.clone(),
            net,
            png: Recent::new(1),
        })
    }

    fn automatic(
        &self,
        query: Query<'_>,
        structures: &[(usize, &Structure)],
    ) -> Result<AutoResult, ModelError> {
        let Query {
            image, scan, ctx, ..
        } = query;
        let mut labels = LabelMap::empty(*image.grid());
        let value_of = |class: usize| {
            let structure = structures.iter().find(|(place, _)| place + 1 == class);
            structure.map_or(0, |(_, structure)| structure.value)
        };
        let [ni, nj, nk] = image.grid().dims;
        let plane = ni * nj;
        ctx.step(0.0, "preparing the scan")?;
        let png = self.png(image, scan);
        for k in 0..nk {
            ctx.step(k as f32 / nk as f32, &format!("slice {} of {nk}", k + 1))?;
            let slice = &png[k * plane..][..plane];
            if slice.iter().all(|v| *v == slice[0]) {
                continue;
            }
            let embedding = self.embedding(slice, [nj, ni], scan, k);
            let classes = self.classes(embedding, [nj, ni])?;
            let target = &mut labels.voxels[k * plane..][..plane];
            for (voxel, class) in target.iter_mut().zip(classes) {
                *voxel = value_of(class);
            }
        }
        Ok(AutoResult::of_labels(labels, structures))
    }

    fn drop_caches(&self) {
        self.png.clear();
        self.cache.clear();
    }
}
