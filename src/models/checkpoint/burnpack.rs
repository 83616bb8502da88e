//! Burn's own container: how imported models are kept.

use std::path::Path;

use burn::store::burn_pack::{Error, Reader, Tensor, Writer};
use burn::tensor::{Bytes, DType};
use half::f16;

use super::{CheckpointError, HostTensor, WeightMap};

/// Number format of a model on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes a value: exactly what was imported.
    Single,
    /// 2 bytes a value.
    Half,
}

/// Writes the tensors under their names; they are read one at a time, so that the model need not fit into memory.
///
/// # Errors
/// Tensors that cannot be read, a file that cannot be written.
pub fn write_burnpack(
    path: &Path,
    weights: &WeightMap,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let tensors = weights
        .names()
        .map(|name| deferred(weights, name, precision))
        .collect();
    Writer::new(tensors)
        .auto_extension(false)
        .write_to_file_in_place(path)
        .map_err(|e| CheckpointError::file(path, e.to_string()))
}

fn deferred(weights: &WeightMap, name: &str, precision: Precision) -> Tensor {
    let shape = weights.shape(name).unwrap_or_default().to_vec();
    let (dtype, size) = match precision {
        Precision::Single => (DType::F32, 4),
        Precision::Half => (DType::F16, 2),
    };
    let length = shape.iter().product::<usize>() * size;
    let (weights, owned) = (weights.clone(), name.to_owned());
    Tensor::deferred(name.to_owned(), dtype, shape, None, length, move || {
        let tensor = weights
            .read(&owned)
            .map_err(|e| Error::IoError(e.to_string()))?;
        Ok(Bytes::from_bytes_vec(encoded(&tensor, precision)))
    })
}

fn encoded(tensor: &HostTensor, precision: Precision) -> Vec<u8> {
    let values = tensor.data.iter();
    match precision {
        Precision::Single => values.flat_map(|v| v.to_le_bytes()).collect(),
        Precision::Half => values
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect(),
    }
}

/// The tensors of a file, their values still on disk.
pub(super) fn read_burnpack(path: &Path) -> Result<Vec<Tensor>, CheckpointError> {
    tensors_of(path, Reader::from_file_exact(path))
}

/// The tensors of a file that was read already; `path` names it in messages.
pub(super) fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<Tensor>, CheckpointError> {
    tensors_of(path, Reader::from_bytes(Bytes::from_bytes_vec(bytes)))
}

fn tensors_of(path: &Path, file: Result<Reader, Error>) -> Result<Vec<Tensor>, CheckpointError> {
    file.and_then(Reader::into_tensors)
        .map_err(|e| CheckpointError::file(path, format!("not a whole burnpack file: {e}")))
}

/// The values of a tensor; `None` where it holds no numbers that we write.
pub(super) fn values(tensor: &Tensor) -> Result<Option<Vec<f32>>, Error> {
    let bytes = tensor.to_bytes()?;
    Ok(match tensor.dtype {
        DType::F32 => Some(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
        ),
        DType::F16 => Some(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f16::from_le_bytes(*b).to_f32())
                .collect(),
        ),
        _ => None,
    })
}
