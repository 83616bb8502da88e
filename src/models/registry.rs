//! Which models are installed.
//!
//! The model in the box travels inside the program, so one file is all there is to copy; imported and trained models
//! lie in a folder of the user.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{TensorFile, WeightMap};
use super::checksum::verify;
use super::chosen::chosen_model;
use super::system::system_named;
use super::trust::Trust;
use super::{DeviceChoice, ModelCard, ModelError, Segmenter, StoredModel, installed, taught};

/// A model that is part of the program.
struct Boxed {
    card: &'static str,
    weights: &'static [u8],
    /// What was learnt of the answers that these weights give.
    trust: &'static str,
}

const BOXED: [Boxed; 1] = [Boxed {
    card: include_str!("../../weights/prosector1.toml"),
    weights: include_bytes!("../../weights/prosector1.bpk"),
    trust: include_str!("../../weights/prosector1.trust.toml"),
}];

impl Boxed {
    fn card(&self) -> Result<ModelCard, ModelError> {
        toml::from_str(self.card).map_err(|e| ModelError::Weights {
            path: "model card in the program".into(),
            reason: e.message().to_owned(),
        })
    }

    fn stored(&self, card: ModelCard) -> Result<StoredModel, ModelError> {
        let trust = Trust::of_weights(self.trust, &card);
        let trust = trust.map_err(|reason| ModelError::Weights {
            path: "calibration in the program".into(),
            reason,
        })?;
        let file = TensorFile::of_burnpack(card.weights.as_ref(), self.weights.to_vec())?;
        Ok(StoredModel {
            card,
            weights: WeightMap::of_file(&Arc::new(file), ""),
            trust,
        })
    }
}

/// The cards of the installed models; the first is the one in the box.
pub fn installed_models() -> Vec<ModelCard> {
    let boxed = BOXED.iter().filter_map(|m| m.card().ok());
    boxed
        .chain(installed::cards().into_iter().map(|(_, card)| card))
        .collect()
}

/// Whether an id is taken by a model of the program.
pub(super) fn is_boxed(id: &str) -> bool {
    find(Some(id)).is_ok()
}

fn find(id: Option<&str>) -> Result<(&'static Boxed, ModelCard), ModelError> {
    for model in &BOXED {
        let card = model.card()?;
        if id.is_none_or(|id| id == card.id) {
            return Ok((model, card));
        }
    }
    Err(ModelError::Unknown(id.unwrap_or_default().to_owned()))
}

/// A model outside the program, such as one that was imported or that `prosector train` wrote: the path of its card.
/// Weights that are not the card's are refused.
fn stored_at(path: &Path) -> Result<StoredModel, ModelError> {
    let failed = |path: &Path, reason: String| ModelError::Weights {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| failed(path, e.to_string()))?;
    let card = ModelCard::from_text(&text).map_err(|e| failed(path, e.message().to_owned()))?;
    let weights_path = path.with_file_name(&card.weights);
    let weights = std::fs::read(&weights_path).map_err(|e| failed(&weights_path, e.to_string()))?;
    verify(&card, &weights)?;
    // Read again tensor by tensor, so that large models are not held twice.
    drop(weights);
    Ok(StoredModel {
        weights: installed::weights_beside(path, &card)?,
        trust: None,
        card,
    })
}

/// Opens a model upon its base, where it was taught.
pub(crate) fn open_stored(
    stored: StoredModel,
    device: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    if let Some(card) = stored.card.taught.clone() {
        let base = stored_model(Some(&card.base))?;
        return taught::open(stored, &card, base, device);
    }
    let system = system_named(&stored.card.system).ok_or_else(|| {
        ModelError::Unsupported(format!(
            "the model '{}' is of the system '{}', which this program does not know: install a newer one",
            stored.card.id, stored.card.system
        ))
    })?;
    (system.open)(stored, device)
}

/// A model as it is kept, by its id or the path of its card; `None`: the one in the box.
///
/// # Errors
/// No such model, weights that are damaged.
pub(crate) fn stored_model(id: Option<&str>) -> Result<StoredModel, ModelError> {
    match id.and_then(card_of) {
        Some(path) => {
            let stored = stored_at(&path)?;
            Ok(StoredModel {
                trust: Trust::beside(&path, &stored.card)?,
                ..stored
            })
        }
        None => {
            let (model, card) = find(id)?;
            model.stored(card)
        }
    }
}

/// Opens a model by its id (`None`: the one in the box, unless another was chosen), or by the path of its card (`.toml`), on a device.
///
/// # Errors
/// No such model, weights that are damaged, a device that cannot be had.
pub fn open_model(
    id: Option<&str>,
    device: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    let chosen = match id {
        Some(_) => None,
        None => chosen_model(),
    };
    open_stored(stored_model(id.or(chosen.as_deref()))?, device)
}

/// Opens the model of a card as if nothing had been learnt of its answers yet.
///
/// # Errors
/// As [`open_model`].
pub fn open_uncalibrated(
    card_path: &Path,
    device: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    open_stored(stored_at(card_path)?, device)
}

/// The card that an id stands for, where it is no model of the program.
fn card_of(id: &str) -> Option<PathBuf> {
    let path = Path::new(id);
    if path.extension().is_some_and(|e| e == "toml") {
        return Some(path.to_owned());
    }
    installed::card_path(id)
}

/// Checks that the weights of a model are those that its card names, and that they fit its network.
///
/// # Errors
/// No such model, or what is wrong with it.
pub fn verify_model(id: &str) -> Result<(), ModelError> {
    if card_of(id).is_none() {
        let (model, card) = find(Some(id))?;
        verify(&card, model.weights)?;
    }
    open_model(Some(id), DeviceChoice::Cpu).map(|_| ())
}
