//! The loaded model: weights, device and cache behind the common interface.

use burn::tensor::{Bytes, Device, Tensor, TensorData};

use crate::models::recent::Recent;
use crate::models::trust::Trust;
use crate::models::weights::net_from_bytes;
use crate::models::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter, compute,
};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, Mask};

use super::config::{IMAGE_CHANNELS, NetConfig};
use super::encoded_region::EncodedRegion;
use super::intensity::RegionImage;
use super::net::ProsectorNet;
use super::region::SIDE;

/// Regions kept: about 12 MB each at 48³.
const REGIONS: usize = 12;

/// The model in the box, ready to segment.
pub struct Prosector1 {
    card: ModelCard,
    compute: ComputeDevice,
    pub(super) device: Device,
    pub(super) net: ProsectorNet,
    /// What was learnt of its answers, if anything.
    pub(super) trust: Option<Trust>,
    /// The regions encoded last, so that a further click costs only the decoder.
    cache: Recent<(ScanKey, Grid), EncodedRegion>,
}

impl std::fmt::Debug for Prosector1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prosector1")
            .field("card", &self.card)
            .field("compute", &self.compute)
            .finish_non_exhaustive()
    }
}

impl Prosector1 {
    /// Loads weights in the form that training writes.
    ///
    /// # Errors
    /// Weights that are not this network's, a device that cannot be had.
    pub fn open(
        card: ModelCard,
        weights: Vec<u8>,
        device: DeviceChoice,
    ) -> Result<Self, ModelError> {
        let (compute, device) = compute::open(device)?;
        let config = NetConfig::new(card.structures.len());
        let bytes = Bytes::from_bytes_vec(weights);
        let net = net_from_bytes(card.weights.as_ref(), bytes, &config, &device)?;
        Ok(Self {
            card,
            compute,
            device,
            net,
            trust: None,
            cache: Recent::new(REGIONS),
        })
    }

    /// The model with what was learnt of its answers.
    #[must_use]
    pub fn calibrated(self, trust: Option<Trust>) -> Self {
        Self { trust, ..self }
    }

    /// The embedding of a region of a scan, from the cache where an equal region was encoded before.
    pub(super) fn encoded(&self, image: &ImageVolume, scan: ScanKey, grid: &Grid) -> EncodedRegion {
        let encode = || self.encode(image, grid);
        self.cache.find_or((scan, *grid), encode)
    }

    /// A cached region of the scan for which `fits` holds.
    pub(super) fn cached(
        &self,
        scan: ScanKey,
        fits: impl Fn(&Grid) -> bool,
    ) -> Option<EncodedRegion> {
        self.cache
            .find_where(|(of, grid)| *of == scan && fits(grid))
    }

    /// The embedding of a region, not kept.
    pub(super) fn encode(&self, image: &ImageVolume, grid: &Grid) -> EncodedRegion {
        let sampled = RegionImage::sample(image, grid);
        let intensity = sampled.intensity();
        let tensor = self.tensor(sampled.channels, IMAGE_CHANNELS);
        EncodedRegion {
            grid: *grid,
            intensity,
            inside: sampled.inside,
            embedding: self.net.encode(tensor),
        }
    }

    /// Values per region voxel, channels last, on the model's device.
    pub(super) fn tensor(&self, values: Vec<f32>, channels: usize) -> Tensor<5> {
        let data = TensorData::new(values, [1, SIDE, SIDE, SIDE, channels]);
        Tensor::from_data(data, &self.device)
    }

    /// The values of a tensor, or why the device could not compute them.
    pub(super) fn values(tensor: Tensor<5>) -> Result<Vec<f32>, ModelError> {
        let failed = |reason: String| {
            ModelError::Device(format!(
                "the device failed while computing ({reason}): try again, or choose --device cpu"
            ))
        };
        let data = tensor
            .try_into_data()
            .map_err(|e| failed(format!("{e:?}")))?;
        data.try_into_vec::<f32>()
            .map_err(|e| failed(format!("{e:?}")))
    }
}

impl Segmenter for Prosector1 {
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
        super::automatic::segment(self, image, structures, ctx)
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        super::prompted::segment(self, image, key, prompts, prior, ctx)
    }

    fn drop_caches(&self) {
        self.cache.clear();
    }
}
