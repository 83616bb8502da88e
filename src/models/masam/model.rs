//! The loaded model: weights and device behind the common interface.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::models::checkpoint::Loader;
use crate::models::loaded::{Pipeline, Query};
use crate::models::slices::host;
use crate::models::{AutoResult, ModelError, PromptedResult, StoredModel, Structure};
use crate::prompt::PromptSet;
use crate::volume::Mask;

use super::settings::MasamSettings;
use super::{MaSam, Mode, TITLE, names};

/// A MA-SAM.
#[derive(Debug)]
pub struct MasamModel {
    device: Device,
    network: MaSam,
    pub(super) settings: MasamSettings,
}

impl MasamModel {
    /// Class probabilities of a window `[1 or 3 channels, slices, side, side]` of values of 0..=1, with the same box on
    /// every slice where there is one: `[slices, classes + 1, side, side]`.
    pub(super) fn probabilities(
        &self,
        window: Vec<f32>,
        corners: Option<[f32; 4]>,
    ) -> Result<Vec<f32>, ModelError> {
        let sam = &self.settings.network.sam;
        let (slices, side) = (self.settings.network.slices, sam.encoder.image_side);
        let channels = window.len() / (slices * side * side);
        let window = TensorData::new(window, [1, channels, slices, side, side]);
        let window = Tensor::<5>::from_data(window, &self.device).swap_dims(1, 2);
        let window = if channels == 1 {
            window.repeat_dim(2, 3)
        } else {
            window
        };
        let boxes = corners.map(|corners| {
            let corners = TensorData::new(corners.to_vec(), [1, 1, 4]);
            Tensor::<3>::from_data(corners, &self.device).repeat_dim(1, slices)
        });
        let logits = self.network.forward(window, boxes, Mode::Inference);
        host(activation::softmax(logits, 1))
    }
}

impl Pipeline for MasamModel {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let settings: MasamSettings = stored.card.settings(TITLE)?;
        settings.check()?;
        let weights = names::renamed(stored.weights.clone());
        let loader = Loader::new(weights, device).with_trainable(|_| false);
        let network = MaSam::load(&loader.root(), &settings.network);
        loader.finish(TITLE, |_| false)?;
        Ok(Self {
            device: device.clone(),
            network,
            settings,
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
}
