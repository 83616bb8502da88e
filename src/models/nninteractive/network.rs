//! The network between an input and a mask.

use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::nnunet::network::{Architecture, UNet};
use crate::models::trace::Trace;
use crate::models::{ModelError, slices};

/// A network of two classes, on a device.
pub struct Network {
    net: UNet,
    channels: usize,
    patch: [usize; 3],
    device: Device,
}

impl Network {
    /// Loads it.
    ///
    /// # Errors
    /// Tensors that do not fit.
    pub fn from_weights(
        weights: WeightMap,
        architecture: &Architecture,
        patch: [usize; 3],
        device: &Device,
    ) -> Result<Self, CheckpointError> {
        Ok(Self {
            net: UNet::from_weights(weights, architecture, device)?,
            channels: architecture.inputs,
            patch,
            device: device.clone(),
        })
    }

    /// The mask of a patch from its channels, one after the other.
    ///
    /// # Errors
    /// The device failed.
    pub fn mask(&self, input: Vec<f32>) -> Result<Vec<u8>, ModelError> {
        let [d, h, w] = self.patch;
        let input = TensorData::new(input, [1, self.channels, d, h, w]);
        let logits = self
            .net
            .forward(Tensor::from_data(input, &self.device), &Trace::off());
        // A difference is above 0 exactly where the second logit is larger.
        let more = logits.clone().narrow(1, 1, 1) - logits.narrow(1, 0, 1);
        let more = slices::host(more)?;
        Ok(more.into_iter().map(|v| u8::from(v > 0.0)).collect())
    }
}
