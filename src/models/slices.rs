//! What networks that look at single slices have in common: the values of a scan, and settings.
//!
//! A slice is a plane of the scan's own third voxel axis, row by row as the file stores it: what the authors of these
//! systems train on.

use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::volume::ImageVolume;
use crate::with_voxels;

use super::ModelError;
use super::checkpoint::{CheckpointError, WeightMap};

/// All values of a scan, slice by slice; what is not a number counts as 0.
pub(crate) fn values(image: &ImageVolume) -> Vec<f32> {
    let rescale = image.rescale();
    let value = |stored: f64| {
        let value = rescale.apply(stored) as f32;
        if value.is_finite() { value } else { 0.0 }
    };
    with_voxels!(image.voxels(), v => v.par_iter().map(|&x| value(x as f64)).collect())
}

/// All values of a scan as the channels that it has, one whole channel after the other: three in colour, else one.
pub(crate) fn channels(image: &ImageVolume) -> Vec<f32> {
    let Some(colours) = image.colours() else {
        return values(image);
    };
    let channel = |c: usize| colours.iter().map(move |colour| f32::from(colour[c]));
    (0..3).flat_map(channel).collect()
}

/// The values of a tensor, or why the device could not compute them.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ModelError> {
    tensor.try_into_vec_as::<f32>().map_err(|e| {
        ModelError::Device(format!(
            "the device failed while computing ({e:?}): try again, or choose --device cpu"
        ))
    })
}

/// A system's settings with those replaced that a user states; tables are merged.
///
/// # Errors
/// Settings that the system does not have, or of the wrong type.
pub(crate) fn with_overrides<C: Serialize + DeserializeOwned>(
    system: &str,
    settings: &C,
    overrides: &toml::Table,
) -> Result<(C, toml::Table), CheckpointError> {
    let misfit = |problem: String| CheckpointError::Misfit {
        network: system.to_owned(),
        problems: vec![problem],
    };
    let mut table = toml::Table::try_from(settings).map_err(|e| misfit(e.to_string()))?;
    merge(&mut table, overrides).map_err(misfit)?;
    let settings = table
        .clone()
        .try_into()
        .map_err(|e: toml::de::Error| misfit(e.message().to_owned()))?;
    Ok((settings, table))
}

fn merge(into: &mut toml::Table, overrides: &toml::Table) -> Result<(), String> {
    for (name, value) in overrides {
        match (into.get_mut(name), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(overrides)) => {
                merge(inner, overrides)?;
            }
            (Some(found), value) => *found = value.clone(),
            (None, _) => return Err(format!("there is no setting '{name}'")),
        }
    }
    Ok(())
}

/// Whether two sets of tensors are the same, by names and values.
///
/// # Errors
/// A tensor cannot be read.
pub(crate) fn same_tensors(a: &WeightMap, b: &WeightMap) -> Result<bool, CheckpointError> {
    if !a.names().eq(b.names()) {
        return Ok(false);
    }
    for name in a.names() {
        if a.read(name)? != b.read(name)? {
            return Ok(false);
        }
    }
    Ok(true)
}
