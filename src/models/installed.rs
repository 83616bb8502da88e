//! The folder of imported and trained models: a folder each, with a card and the weights.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{Precision, TensorFile, WeightMap, write_burnpack};
use super::checksum::checksum;
use super::{ModelCard, ModelError, Segmenter, StoredModel};

/// Where another folder is wanted, such as one that several users share.
const FOLDER_VARIABLE: &str = "PROSECTOR_MODELS";
const CARD: &str = "card.toml";
const WEIGHTS: &str = "weights.bpk";

/// The folder of installed models; it need not exist.
pub(super) fn folder() -> Result<PathBuf, ModelError> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        return Ok(folder.into());
    }
    dirs::data_dir()
        .map(|data| data.join("prosector").join("models"))
        .ok_or_else(|| {
            ModelError::Unsupported(format!(
                "there is no folder for models: set {FOLDER_VARIABLE} to one"
            ))
        })
}

/// The cards in the folder, by id; what cannot be read is left out.
pub(super) fn cards() -> Vec<(PathBuf, ModelCard)> {
    let entries = folder().ok().and_then(|f| std::fs::read_dir(f).ok());
    let mut cards: Vec<(PathBuf, ModelCard)> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path().join(CARD);
            let text = std::fs::read_to_string(&path).ok()?;
            Some((path, ModelCard::from_text(&text).ok()?))
        })
        .collect();
    cards.sort_by(|a, b| a.1.id.cmp(&b.1.id));
    cards
}

/// The card of an installed model.
pub(super) fn card_path(id: &str) -> Option<PathBuf> {
    let mut cards = cards().into_iter();
    cards.find(|(_, card)| card.id == id).map(|(path, _)| path)
}

/// Refuses an id that cannot name a model, or that another has: what takes hours asks before it begins.
///
/// # Errors
/// Such an id.
pub(crate) fn check_free(id: &str) -> Result<(), ModelError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.starts_with('.') || !id.chars().all(plain) {
        return Err(ModelError::Unsupported(format!(
            "'{id}' cannot name a model: use letters, digits, '-' and '_'"
        )));
    }
    let target = folder()?.join(id);
    if target.exists() {
        return Err(ModelError::Unsupported(format!(
            "a model '{id}' is installed already: choose another name, or delete {}",
            target.display()
        )));
    }
    Ok(())
}

/// Installs a model under the card's id: the folder appears complete, or not at all. `open` opens what was written.
///
/// # Errors
/// An id that is taken or no file name, weights that cannot be read or written, whatever `open` finds.
pub(crate) fn install_model(
    mut card: ModelCard,
    weights: &WeightMap,
    precision: Precision,
    open: impl FnOnce(StoredModel) -> Result<Box<dyn Segmenter>, ModelError>,
) -> Result<ModelCard, ModelError> {
    check_free(&card.id)?;
    let folder = folder()?;
    let target = folder.join(&card.id);
    let failed = |e: std::io::Error| ModelError::Weights {
        path: target.clone(),
        reason: e.to_string(),
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let parts = tempfile::Builder::new()
        .prefix(".prosector-")
        .tempdir_in(&folder)
        .map_err(failed)?;
    let weights_path = parts.path().join(WEIGHTS);
    write_burnpack(&weights_path, weights, precision)?;
    card.weights = WEIGHTS.to_owned();
    card.sha256 = checksum(&std::fs::read(&weights_path).map_err(failed)?);
    let text = toml::to_string(&card).map_err(|e| ModelError::Weights {
        path: target.clone(),
        reason: e.to_string(),
    })?;
    let card_path = parts.path().join(CARD);
    std::fs::write(&card_path, text).map_err(failed)?;
    for path in [&weights_path, &card_path] {
        std::fs::File::open(path)
            .and_then(|f| f.sync_all())
            .map_err(failed)?;
    }
    let written = weights_beside(&card_path, &card)?;
    open(StoredModel::new(card.clone(), written))?;
    std::fs::rename(parts.keep(), &target).map_err(failed)?;
    Ok(card)
}

/// The tensors beside a card.
pub(super) fn weights_beside(card_path: &Path, card: &ModelCard) -> Result<WeightMap, ModelError> {
    let file = TensorFile::open(&card_path.with_file_name(&card.weights))?;
    Ok(WeightMap::of_file(&Arc::new(file), ""))
}

/// The card and the tensors of an installed model.
///
/// # Errors
/// No such model, weights that cannot be read.
pub(crate) fn installed_tensors(id: &str) -> Result<(ModelCard, WeightMap), ModelError> {
    let found = cards().into_iter().find(|(_, card)| card.id == id);
    let (path, card) = found.ok_or_else(|| ModelError::Unknown(id.to_owned()))?;
    let weights = weights_beside(&path, &card)?;
    Ok((card, weights))
}
