//! The loaded model: weights, device and cache behind the common interface.

use std::sync::Arc;

use burn::tensor::{Device, activation};

use crate::models::checkpoint::WeightMap;
use crate::models::recent::Recent;
use crate::models::trace::Trace;
use crate::models::volumes::{PreparedVolume, channels, crop_tensor, segment_windows};
use crate::models::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter, compute,
};
use crate::prompt::{Polarity, PromptSet};
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask, VolumeArray};

use super::net::{CropFeatures, ThreedsamNet};
use super::preparation::crop_start;
use super::settings::ThreedsamSettings;

/// A click this close to a crop's border, as a share of its side, asks for another crop.
const MARGIN: i64 = 8;

/// 3DSAM-adapter, ready to segment.
pub struct ThreedsamModel {
    card: ModelCard,
    compute: ComputeDevice,
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
        let settings: ThreedsamSettings = card.settings("3DSAM-adapter")?;
        let net = ThreedsamNet::from_weights(weights, &settings.network, &device)?;
        Ok(Self {
            card,
            compute,
            device,
            settings,
            net,
            scan: Recent::new(1),
            crop: Recent::new(1),
        })
    }

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
        self.crop.insert((scan, start), encoded.clone());
        encoded
    }

    fn checked_clicks(
        &self,
        image: &ImageVolume,
        prompts: &PromptSet,
        prepared: &PreparedVolume,
    ) -> Result<Vec<[i64; 3]>, ModelError> {
        self.card.check_prompts(prompts)?;
        let prompts = prompts.on_grid(image.grid())?;
        if prompts
            .clicks
            .iter()
            .any(|c| c.polarity == Polarity::Negative)
        {
            return Err(ModelError::Unsupported(format!(
                "the model '{}' takes clicks on the target only: remove those beside it",
                self.card.id
            )));
        }
        let places = prompts.clicks.iter().map(|c| prepared.place_of(c.voxel));
        Ok(places.collect())
    }
}

impl Segmenter for ThreedsamModel {
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
        self.card.check_automatic()?;
        let (net, off) = (&self.net, Trace::off());
        segment_windows(
            (&self.card, &self.settings.volume),
            (image, structures),
            &self.device,
            ctx,
            |crop| net.decode(&net.encode(crop, &off), &[], &off),
        )
    }

    /// The authors' test procedure; a mask so far is not used, which the network has no place for.
    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        _prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        ctx.step(0.0, "preparing the scan")?;
        let prepared = self.prepared(image, key);
        let clicks = self.checked_clicks(image, prompts, &prepared)?;
        ctx.step(0.1, "reading the scan around the clicks")?;
        let crop = self.encoded(&prepared, key, &clicks);
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
        let voxels: Vec<u8> = inside.iter().map(|&p| u8::from(p > threshold)).collect();
        let warnings = if voxels.iter().all(|&v| v == 0) {
            vec!["the model found nothing at the clicks".to_owned()]
        } else {
            Vec::new()
        };
        Ok(PromptedResult {
            mask: Mask {
                grid: *image.grid(),
                voxels,
            },
            estimate: None,
            insight: None,
            warnings,
        })
    }

    fn drop_caches(&self) {
        self.scan.clear();
        self.crop.clear();
    }
}
