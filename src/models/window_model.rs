//! A loaded network that finds structures with windows over a volume, behind the common interface.

use burn::tensor::{Device, Tensor};
use serde::de::DeserializeOwned;

use super::checkpoint::{CheckpointError, WeightMap};
use super::loaded::{Pipeline, Query};
use super::volumes::{VolumeSettings, segment_windows};
use super::{AutoResult, ModelError, StoredModel, Structure};

/// A network that takes crops `[1, 1, ..]` and gives logits `[1, classes, ..]`, class 0 being the background.
pub(crate) trait WindowNet: Send + Sync + Sized + 'static {
    /// What is on the card.
    type Settings: DeserializeOwned;
    /// The system's name, for messages.
    const TITLE: &'static str;

    /// Loads the weights.
    ///
    /// # Errors
    /// Tensors that do not fit the network.
    fn load(
        weights: WeightMap,
        settings: &Self::Settings,
        device: &Device,
    ) -> Result<Self, CheckpointError>;

    /// How scans are brought before the network.
    fn volume(settings: &Self::Settings) -> VolumeSettings;

    /// Logits of a crop.
    fn logits(&self, crop: Tensor<5>) -> Tensor<5>;
}

/// The network, ready to segment.
pub(crate) struct WindowModel<N> {
    device: Device,
    volume: VolumeSettings,
    net: N,
}

impl<N: WindowNet> Pipeline for WindowModel<N> {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let settings: N::Settings = stored.card.settings(N::TITLE)?;
        Ok(Self {
            net: N::load(stored.weights.clone(), &settings, device)?,
            volume: N::volume(&settings),
            device: device.clone(),
        })
    }

    fn automatic(
        &self,
        query: Query<'_>,
        structures: &[(usize, &Structure)],
    ) -> Result<AutoResult, ModelError> {
        let how = (&self.volume, &self.device);
        segment_windows(query, structures, how, |crop| self.net.logits(crop))
    }
}
