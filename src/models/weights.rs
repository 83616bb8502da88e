//! Weights of the model in the box on disk: one burnpack file, half precision.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::io::IoError;
use crate::io::atomic::replace_file;

use super::checkpoint::{CheckpointError, Missing, TensorFile, WeightMap, fill};
use super::prosector1::{NetConfig, ProsectorNet, TITLE};

/// Writes the weights as f16.
///
/// # Errors
/// Whatever keeps the file from being written.
pub fn save_net(path: &Path, net: ProsectorNet) -> Result<(), IoError> {
    let bytes = net
        .map(&mut ToHalf)
        .into_record()
        .into_bytes()
        .map_err(|e| IoError::output(path, e.to_string()))?;
    replace_file(path, |file| file.write_all(&bytes), |_| Ok(()))
}

/// Weights as a network of this configuration, f32, on `device`.
///
/// # Errors
/// A file that cannot be read, or whose tensors are not exactly this network's.
pub fn load_net(
    path: &Path,
    config: &NetConfig,
    device: &Device,
) -> Result<ProsectorNet, CheckpointError> {
    let net = ProsectorNet::new(config, device);
    fill(net, &tensors(path)?, Missing::Refused, TITLE)
}

/// A network to train on: what the file at `path` holds of `net` replaces it, and the rest stays as it is.
///
/// # Errors
/// A file that cannot be read, or tensors that this network does not have.
pub fn start_from(path: &Path, net: ProsectorNet) -> Result<ProsectorNet, CheckpointError> {
    fill(net, &tensors(path)?, Missing::Kept, TITLE)
}

fn tensors(path: &Path) -> Result<WeightMap, CheckpointError> {
    let file = TensorFile::open(path)?;
    Ok(WeightMap::of_file(&Arc::new(file), ""))
}

struct ToHalf;

impl ModuleMapper for ToHalf {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, tensor.cast(DType::F16), mapper)
    }
}
