//! Encoded slices as batches of tensors.

use std::path::PathBuf;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::train::TrainError;

use super::cache::{EmbeddingCache, EncodedSlice};

/// Slices side by side.
pub(super) struct Batch {
    /// The maps of each slice, `[b, c, h, w]`.
    pub maps: Vec<Tensor<4>>,
    /// The classes of each slice's pixels.
    pub classes: Vec<Vec<u8>>,
}

impl Batch {
    /// Reads these slices from the cache.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(paths: &[PathBuf], maps: usize, device: &Device) -> Result<Self, TrainError> {
        let slices = paths
            .iter()
            .map(|path| EmbeddingCache::read(path, maps))
            .collect::<Result<Vec<EncodedSlice>, _>>()?;
        let map = |n: usize| {
            let first = &slices[0].maps[n].shape;
            let shape = [slices.len(), first[0], first[1], first[2]];
            let values = slices.iter().flat_map(|slice| &slice.maps[n].data);
            Tensor::from_data(TensorData::new(values.copied().collect(), shape), device)
        };
        let maps = (0..maps).map(map).collect();
        Ok(Self {
            maps,
            classes: slices.into_iter().map(|slice| slice.classes).collect(),
        })
    }

    /// The classes as `[b, side, side]`.
    pub fn labels(&self, side: usize, device: &Device) -> Tensor<3, Int> {
        let values: Vec<i32> = self
            .classes
            .iter()
            .flatten()
            .map(|&c| i32::from(c))
            .collect();
        let shape = [self.classes.len(), side, side];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// Puts the slices of an epoch into a random order.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.random_range(0..=last));
    }
}
