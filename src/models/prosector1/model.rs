//! The loaded model: weights, device and cache behind the common interface.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::{Missing, fill};
use crate::models::loaded::{Pipeline, Query};
use crate::models::trust::Trust;
use crate::models::{AutoResult, ModelError, PromptedResult, StoredModel, Structure};
use crate::prompt::PromptSet;
use crate::volume::{Grid, ImageVolume, Mask};

use super::TITLE;
use super::config::{IMAGE_CHANNELS, NetConfig};
use super::encoded_region::EncodedRegion;
use super::intensity::RegionImage;
use super::kept::Kept;
use super::net::ProsectorNet;
use super::region::SIDE;
use super::surroundings::Surroundings;

/// Regions kept: about 12 MB each at 48³.
const REGIONS: usize = 12;
/// Regions of previews kept: as many as one click looks at.
const GLIMPSED: usize = 4;
/// Surroundings of prompts kept: some 3 to 12 MB each.
const SURROUNDINGS: usize = 3;

/// The model in the box, ready to segment.
pub struct Prosector1 {
    pub(super) device: Device,
    pub(super) net: ProsectorNet,
    /// What was learnt of its answers, if anything.
    pub(super) trust: Option<Trust>,
    /// The regions encoded last, so that a further click costs only the decoder.
    pub(super) regions: Kept<EncodedRegion>,
    /// Where structures that are known were looked for last, around prompts.
    pub(super) surroundings: Kept<Arc<Surroundings>>,
}

impl Prosector1 {
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
}

impl Pipeline for Prosector1 {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let config = NetConfig::new(stored.card.structures.len());
        let net = ProsectorNet::new(&config, device);
        Ok(Self {
            net: fill(net, &stored.weights, Missing::Refused, TITLE)?,
            device: device.clone(),
            trust: stored.trust.clone(),
            regions: Kept::new(REGIONS, GLIMPSED),
            surroundings: Kept::new(SURROUNDINGS, SURROUNDINGS),
        })
    }

    fn automatic(
        &self,
        query: Query<'_>,
        structures: &[(usize, &Structure)],
    ) -> Result<AutoResult, ModelError> {
        let found = super::automatic::segment(self, query, structures)?;
        match query
            .card
            .taught
            .as_ref()
            .and_then(|t| t.structure.as_ref())
        {
            Some(taught) if taught.prompts_itself => {
                super::self_prompted::answered(self, query, found)
            }
            _ => Ok(found),
        }
    }

    fn prompted(
        &self,
        query: Query<'_>,
        prompts: &PromptSet,
        prior: Option<&Mask>,
    ) -> Result<PromptedResult, ModelError> {
        super::prompted::segment(self, query, prompts, prior)
    }

    fn drop_caches(&self) {
        self.regions.clear();
        self.surroundings.clear();
    }
}
