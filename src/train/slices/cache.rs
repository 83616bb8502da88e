//! Encoder results on disk: computed once, so that training needs neither the encoder's time nor its memory.

use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest as _, Sha256};

use crate::models::checkpoint::{HostTensor, TensorFile, WeightMap};
use crate::models::{ModelError, checkpoint::CheckpointError};
use crate::train::TrainError;

/// A folder of encoded slices of one encoder.
pub(in crate::train) struct EmbeddingCache {
    folder: PathBuf,
}

/// An encoded slice: the tensors that a decoder reads, and the classes of its pixels.
pub(in crate::train) struct EncodedSlice {
    pub maps: Vec<HostTensor>,
    pub classes: Vec<u8>,
}

impl EmbeddingCache {
    /// The folder within `cache` for this encoder and this preparation of slices.
    ///
    /// # Errors
    /// A folder that cannot be made, weights that cannot be read.
    pub fn open(cache: &Path, encoder: &WeightMap, preparation: &str) -> Result<Self, TrainError> {
        let mut digest = Sha256::new();
        digest.update(preparation.as_bytes());
        for name in encoder.names() {
            digest.update(name.as_bytes());
            let tensor = encoder.read(name).map_err(ModelError::from)?;
            digest.update(bytemuck::cast_slice::<f32, u8>(&tensor.data));
        }
        let print: String = digest.finalize()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let folder = cache.join(print);
        std::fs::create_dir_all(&folder).map_err(|e| failed(&folder, e.to_string()))?;
        Ok(Self { folder })
    }

    /// Where a slice lies.
    pub fn path(&self, case: &str, slice: usize, variant: &str) -> PathBuf {
        let case = case.replace(['/', '\\'], "_");
        self.folder
            .join(format!("{case}_{slice:03}{variant}.safetensors"))
    }

    /// Writes a slice, maps in half precision.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(path: &Path, slice: &EncodedSlice) -> Result<(), TrainError> {
        let halves: Vec<Vec<u8>> = slice
            .maps
            .iter()
            .map(|map| {
                let half = |v: &f32| f16::from_f32(*v).to_le_bytes();
                map.data.iter().flat_map(half).collect()
            })
            .collect();
        let mut views = Vec::new();
        for (n, (map, bytes)) in slice.maps.iter().zip(&halves).enumerate() {
            let view = TensorView::new(Dtype::F16, map.shape.clone(), bytes)
                .map_err(|e| failed(path, e.to_string()))?;
            views.push((format!("map{n}"), view));
        }
        let shape = vec![slice.classes.len()];
        let view = TensorView::new(Dtype::U8, shape, &slice.classes)
            .map_err(|e| failed(path, e.to_string()))?;
        views.push(("classes".to_owned(), view));
        let part = path.with_extension("part");
        safetensors::serialize_to_file(views, None, &part)
            .map_err(|e| failed(path, e.to_string()))?;
        std::fs::rename(&part, path).map_err(|e| failed(path, e.to_string()))
    }

    /// Reads a slice with `maps` maps.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path, maps: usize) -> Result<EncodedSlice, TrainError> {
        let lost = |e: CheckpointError| TrainError::Model(e.into());
        let file = TensorFile::open(path).map_err(lost)?;
        let maps = (0..maps)
            .map(|n| file.read(&format!("map{n}")).map_err(lost))
            .collect::<Result<_, _>>()?;
        let classes = file.read("classes").map_err(lost)?.data;
        Ok(EncodedSlice {
            maps,
            classes: classes.into_iter().map(|v| v as u8).collect(),
        })
    }
}

fn failed(path: &Path, reason: String) -> TrainError {
    TrainError::Checkpoint {
        path: path.to_owned(),
        reason,
    }
}
