//! The loaded model: weights, device and cache behind the common interface.

use std::sync::Arc;

use burn::tensor::{Device, activation};

use crate::models::loaded::{Pipeline, Query};
use crate::models::recent::Recent;
use crate::models::trace::Trace;
use crate::models::volumes::{PreparedVolume, channels, crop_tensor, segment_windows};
use crate::models::{AutoResult, ModelError, PromptedResult, ScanKey, StoredModel, Structure};
use crate::prompt::{Polarity, PromptSet};
use crate::volume::{ImageVolume, Mask, VolumeArray};

use super::TITLE;
use super::net::{CropFeatures, ThreedsamNet};
use super::preparation::crop_start;
use super::settings::ThreedsamSettings;

/// A click this close to a crop's border, as a share of its side, asks for another crop.
const MARGIN: i64 = 8;

/// 3DSAM-adapter, ready to segment.
pub struct ThreedsamModel {
    device: Device,
    settings: ThreedsamSettings,
    net: ThreedsamNet,
    scan: Recent<ScanKey, Arc<PreparedVolume>>,
    /// The last crop that was encoded, by its scan and its first voxel.
    crop: Recent<(ScanKey, [i64; 3]), EncodedCrop>,
}

/// A crop as the decoder reads it.
#[derive(Clone)]
struct EncodedCrop {
    start: [i64; 3],
    features: CropFeatures,
}

impl ThreedsamModel {
    fn prepared(&self, image: &ImageVolume, key: ScanKey) -> Arc<PreparedVolume> {
        let prepared = || Arc::new(PreparedVolume::of(image, &self.settings.volume));
        self.scan.find_or(key, prepared)
    }

    /// The crop around the clicks: the one that is encoded already where they lie well inside it, otherwise one
    /// centred on them.
    fn encoded(
        &self,
        prepared: &PreparedVolume,
        scan: ScanKey,
        clicks: &[[i64; 3]],
        is_preview: bool,
    ) -> EncodedCrop {
        let side = self.net.crop_side();
        let margin = side as i64 / MARGIN;
        let inside = |start: &[i64; 3]| {
            clicks.iter().all(|click| {
                (0..3).all(|d| (margin..side as i64 - margin).contains(&(click[d] - start[d])))
            })
        };
        let fits = |(of, start): &(ScanKey, [i64; 3])| *of == scan && inside(start);
        if let Some(crop) = self.crop.find_where(fits) {
            return crop;
        }
        let start = crop_start(clicks, side);
        let crop = prepared.array.cut(start, [side; 3], 0.0);
        let features = self
            .net
            .encode(crop_tensor(&crop, &self.device), &Trace::off());
        let encoded = EncodedCrop { start, features };
        if !is_preview {
            self.crop.insert((scan, start), encoded.clone());
        }
        encoded
    }
}

/// The clicks along the network's axes.
///
/// # Errors
/// A click beside the target, of which the network has no notion.
fn places(
    query: Query<'_>,
    prompts: &PromptSet,
    prepared: &PreparedVolume,
) -> Result<Vec<[i64; 3]>, ModelError> {
    let mut clicks = prompts.clicks.iter();
    if clicks.any(|c| c.polarity == Polarity::Negative) {
        return Err(ModelError::Unsupported(format!(
            "the model '{}' takes clicks on the target only: remove those beside it",
            query.card.id
        )));
    }
    let clicks = prompts.clicks.iter();
    Ok(clicks.map(|c| prepared.place_of(c.voxel)).collect())
}

impl Pipeline for ThreedsamModel {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let settings: ThreedsamSettings = stored.card.settings(TITLE)?;
        let weights = stored.weights.clone();
        Ok(Self {
            net: ThreedsamNet::from_weights(weights, &settings.network, device)?,
            device: device.clone(),
            settings,
            scan: Recent::new(1),
            crop: Recent::new(1),
        })
    }

    fn automatic(
        &self,
        query: Query<'_>,
        structures: &[(usize, &Structure)],
    ) -> Result<AutoResult, ModelError> {
        let (net, off) = (&self.net, Trace::off());
        let how = (&self.settings.volume, &self.device);
        segment_windows(query, structures, how, |crop| {
            net.decode(&net.encode(crop, &off), &[], &off)
        })
    }

    /// The authors' test procedure; a mask so far is not used, which the network has no place for.
    fn prompted(
        &self,
        query: Query<'_>,
        prompts: &PromptSet,
        _prior: Option<&Mask>,
    ) -> Result<PromptedResult, ModelError> {
        let Query {
            image, scan, ctx, ..
        } = query;
        ctx.step(0.0, "preparing the scan")?;
        let prepared = self.prepared(image, scan);
        let clicks = places(query, prompts, &prepared)?;
        ctx.step(0.1, "reading the scan around the clicks")?;
        let crop = self.encoded(&prepared, scan, &clicks, query.is_preview);
        ctx.step(0.7, "segmenting")?;
        let points: Vec<[f32; 3]> = clicks
            .iter()
            .map(|click| [0, 2, 1].map(|d: usize| (click[d] - crop.start[d]) as f32))
            .collect();
        let logits = self.net.decode(&crop.features, &points, &Trace::off());
        let mut classes = channels(activation::softmax(logits, 1))?;
        ctx.step(0.9, "writing the mask")?;
        let side = self.net.crop_side();
        let target = VolumeArray::new([side; 3], classes.swap_remove(1));
        let mut pasted = VolumeArray::filled(prepared.array.dims, 0.0);
        pasted.paste(&target, crop.start);
        let threshold = self.settings.threshold;
        let inside = prepared.at_source(&pasted);
        let mut result = PromptedResult::of_mask(Mask {
            grid: *image.grid(),
            voxels: inside.iter().map(|&p| u8::from(p > threshold)).collect(),
        });
        if result.mask.bounds().is_none() {
            let said = "the model found nothing at the clicks";
            result.warnings.push(said.to_owned());
        }
        Ok(result)
    }

    fn drop_caches(&self) {
        self.scan.clear();
        self.crop.clear();
    }
}
