//! Slices that a frozen encoder reads once: what a decoder learns from, as in AutoSAM and DeSAM.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::{HostTensor, WeightMap};
use crate::train::TrainError;
use crate::train::giving_way::meanwhile;
use crate::train::slices::cache::{EmbeddingCache, EncodedSlice};
use crate::volume::{ImageVolume, Mask, VolumeArray};

use super::super::teacher::Learned;
use super::Setup;
use super::course::Wanted;
use super::slices::{Choice, chosen};

/// The names of what is frozen begin so.
pub(super) const ENCODER: &str = "image_encoder.";

/// A frozen encoder, and what its system does to slices before it.
pub(super) trait Encoder: Sync {
    /// The whole scan in 8 bits of grey.
    fn grey(&self, image: &ImageVolume) -> Vec<u8>;

    /// What a decoder reads of a slice `[rows, columns]`: maps `[c, h, w]`.
    fn maps(&self, slice: &[u8], size: [usize; 2]) -> Vec<HostTensor>;

    /// A slice of a mask at the size at which masks are learnt.
    fn mask(&self, slice: &[u8], size: [usize; 2]) -> Vec<u8>;

    /// Side of such a slice.
    fn side(&self) -> usize;

    /// Which slices are learnt from.
    fn choice(&self) -> Choice;
}

/// A slice to learn from.
pub(super) struct Slice {
    path: PathBuf,
    pub wanted: Wanted,
}

impl Slice {
    /// What the encoder made of it, as many maps `[1, c, h, w]`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn maps(&self, count: usize, device: &Device) -> Result<Vec<Tensor<4>>, TrainError> {
        let maps = EmbeddingCache::read(&self.path, count)?.maps.into_iter();
        let tensor = |map: HostTensor| -> Tensor<4> {
            Tensor::<3>::from_data(TensorData::new(map.data, map.shape), device).unsqueeze_dim(0)
        };
        Ok(maps.map(tensor).collect())
    }
}

/// Encodes the slices that the cases are learnt from, where an earlier run of the lesson did not.
///
/// # Errors
/// No slice at all, a slice that cannot be kept, a job asked to stop.
pub(super) fn slices(setup: &Setup<'_>, encoder: &impl Encoder) -> Result<Vec<Slice>, TrainError> {
    let cache = EmbeddingCache::open(setup.kept, &setup.start.under(ENCODER), "")?;
    let choice = (encoder.choice(), setup.cases.len());
    let mut slices = Vec::new();
    for learned in setup.cases {
        let grey = encoder.grey(&learned.case.image);
        let [ni, nj, _] = learned.case.image.grid().dims;
        let plane = |k: usize| &grey[k * ni * nj..][..ni * nj];
        let is_varied = |k: usize| plane(k).iter().any(|v| *v != plane(k)[0]);
        for k in chosen(learned, is_varied, choice) {
            let path = cache.path(&format!("case_{}", learned.number), k, "");
            if !path.exists() {
                let maps = meanwhile(setup.ctx, || encoder.maps(plane(k), [nj, ni]))?;
                let classes = Vec::new();
                EmbeddingCache::write(&path, &EncodedSlice { maps, classes })?;
            }
            slices.push(Slice {
                path,
                wanted: wanted(learned, k, encoder),
            });
        }
    }
    if slices.is_empty() {
        return Err(TrainError::NothingToLearn);
    }
    Ok(slices)
}

fn wanted(learned: &Learned<'_>, k: usize, encoder: &impl Encoder) -> Wanted {
    let side = encoder.side();
    let resized = |mask: Mask| {
        let [ni, nj, _] = mask.grid.dims;
        let plane = encoder.mask(&mask.voxels[k * ni * nj..][..ni * nj], [nj, ni]);
        VolumeArray {
            dims: [1, side, side],
            values: plane.into_iter().map(f32::from).collect(),
        }
    };
    Wanted {
        drawn: resized(learned.target()),
        answer: learned.beside().map(|(mask, share)| (resized(mask), share)),
    }
}

/// The weights without the encoder's.
pub(super) fn without_encoder(weights: &WeightMap) -> WeightMap {
    weights.clone().renamed(|name| {
        let kept = !name.starts_with(ENCODER);
        kept.then(|| name.to_owned())
    })
}
