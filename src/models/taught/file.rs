//! Adapter files: what was taught, as one file that can be given to a colleague.
//!
//! A safetensors file in half precision; its header holds the card. No pixels are in it, and no names of patients or
//! files.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};

use crate::io::IoError;
use crate::io::atomic::replace_file;
use crate::models::checkpoint::{CheckpointError, TensorFile, WeightMap};
use crate::models::{ModelCard, ModelError};

/// Key of the card in the header.
const CARD: &str = "prosector_adapter";

/// Writes an adapter, complete or not at all; gives the length of the file in bytes.
///
/// # Errors
/// Whatever keeps the file from being written.
pub(crate) fn write_adapter(
    path: &Path,
    card: &ModelCard,
    weights: &WeightMap,
) -> Result<usize, ModelError> {
    let failed = |reason: String| ModelError::Weights {
        path: path.to_owned(),
        reason,
    };
    let text = toml::to_string(card).map_err(|e| failed(e.to_string()))?;
    let mut tensors: Vec<(&str, Vec<usize>, Vec<u8>)> = Vec::new();
    for name in weights.names() {
        let tensor = weights.read(name)?;
        let values = tensor.data.iter();
        let bytes = values
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        tensors.push((name, tensor.shape, bytes));
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        TensorView::new(Dtype::F16, shape.clone(), bytes).map(|view| (*name, view))
    });
    let views: Vec<_> = views
        .collect::<Result<_, _>>()
        .map_err(|e| failed(e.to_string()))?;
    let header = HashMap::from([(CARD.to_owned(), text)]);
    let bytes = safetensors::serialize(views, Some(header)).map_err(|e| failed(e.to_string()))?;
    let written = replace_file(path, |file| file.write_all(&bytes), |_| Ok(()));
    written.map_err(|e: IoError| failed(e.to_string()))?;
    Ok(bytes.len())
}

/// Writes an adapter that comes as bytes, complete or not at all.
///
/// # Errors
/// Bytes that are no adapter; whatever keeps the file from being written.
pub(crate) fn keep_adapter(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let is_adapter = |written: &Path| match read_adapter(written) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    let written = replace_file(path, |file| file.write_all(bytes), is_adapter);
    written.map_err(|e: IoError| ModelError::Weights {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

/// The card and the tensors of an adapter file.
///
/// # Errors
/// A file that cannot be read, or that is no adapter.
pub(crate) fn read_adapter(path: &Path) -> Result<(ModelCard, WeightMap), ModelError> {
    let refused = |reason: &str| CheckpointError::file(path, reason);
    let file = TensorFile::open(path)?;
    let text = file.metadata().get(CARD);
    let text = text.ok_or_else(|| {
        refused("is no adapter: `prosector teach` writes them; checkpoints come in by `prosector models import`")
    })?;
    let card: ModelCard = toml::from_str(text).map_err(|e| refused(e.message()))?;
    if card.taught.is_none() {
        return Err(refused("its card does not say what it was taught upon").into());
    }
    Ok((card, WeightMap::of_file(&Arc::new(file), "")))
}
