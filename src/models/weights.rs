//! Network weights on disk: one burnpack file, half precision.

use std::io::Write as _;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, DType, Device, Tensor};

use crate::io::IoError;
use crate::io::atomic::replace_file;

use super::prosector1::{NetConfig, ProsectorNet};
use super::segmenter::ModelError;

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

/// Reads a file of weights; see [`net_from_bytes`].
///
/// # Errors
/// A file that cannot be read, or whose tensors are not exactly this network's.
pub fn load_net(
    path: &Path,
    config: &NetConfig,
    device: &Device,
) -> Result<ProsectorNet, ModelError> {
    net_from_bytes(path, read(path)?, config, device)
}

/// Weights as a network of this configuration, f32, on `device`; `path` is named when they do not fit.
///
/// # Errors
/// Bytes whose tensors are not exactly this network's.
pub fn net_from_bytes(
    path: &Path,
    bytes: Bytes,
    config: &NetConfig,
    device: &Device,
) -> Result<ProsectorNet, ModelError> {
    fill(path, bytes, ProsectorNet::new(config, device), |r| r)
}

/// A network to train on: what the file at `path` holds of `net` replaces it, and the rest stays as it is, so that a
/// network that has grown goes on from what it was.
///
/// # Errors
/// A file that cannot be read, or tensors that this network does not have.
pub fn start_from(path: &Path, net: ProsectorNet) -> Result<ProsectorNet, ModelError> {
    fill(path, read(path)?, net, |record| record.allow_partial(true))
}

fn read(path: &Path) -> Result<Bytes, ModelError> {
    let bytes = std::fs::read(path).map_err(|e| ModelError::Weights {
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    Ok(Bytes::from_bytes_vec(bytes))
}

fn fill(
    path: &Path,
    bytes: Bytes,
    net: ProsectorNet,
    how: impl FnOnce(ModuleRecord) -> ModuleRecord,
) -> Result<ProsectorNet, ModelError> {
    let failed = |reason: String| ModelError::Weights {
        path: path.to_owned(),
        reason,
    };
    let record = ModuleRecord::from_bytes(bytes).map_err(|e| failed(e.to_string()))?;
    net.try_load_record(how(record.cast_to_module_dtype()))
        .map_err(|e| failed(e.to_string()))
}

struct ToHalf;

impl ModuleMapper for ToHalf {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, tensor.cast(DType::F16), mapper)
    }
}
