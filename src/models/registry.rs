//! Which models are installed.
//!
//! The model in the box travels inside the program, so one file is all there is to copy; imported and trained models
//! lie in a folder of the user.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::prosector1::Prosector1;
use super::system::system_named;
use super::trust::Trust;
use super::{DeviceChoice, ModelCard, ModelError, Segmenter, installed};

/// A model that is part of the program.
struct Boxed {
    card: &'static str,
    weights: &'static [u8],
    /// What was learnt of the answers that these weights give.
    trust: &'static str,
}

/// The architecture of the model in the box, as on its card.
const PROSECTOR1: &str = "prosector1";

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
}

/// SHA-256 in lower-case hex, as cards hold it.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn verify(card: &ModelCard, weights: &[u8]) -> Result<(), ModelError> {
    let found = checksum(weights);
    if found == card.sha256 {
        return Ok(());
    }
    Err(ModelError::Weights {
        path: card.weights.clone().into(),
        reason: format!(
            "its checksum is {found}, the card says {}: the file is damaged or not the card's, install the model again",
            card.sha256
        ),
    })
}

fn is_card(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "toml")
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

/// Whether a model is opened with what was learnt of its answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Calibration {
    Used,
    LeftOut,
}

/// A model outside the program, such as one that was imported or that `prosector train` wrote: the path of its card.
fn open_card(
    path: &Path,
    device: DeviceChoice,
    calibration: Calibration,
) -> Result<Box<dyn Segmenter>, ModelError> {
    let failed = |path: &Path, reason: String| ModelError::Weights {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| failed(path, e.to_string()))?;
    let card: ModelCard =
        toml::from_str(&text).map_err(|e| failed(path, e.message().to_owned()))?;
    let weights_path = path.with_file_name(&card.weights);
    let weights = std::fs::read(&weights_path).map_err(|e| failed(&weights_path, e.to_string()))?;
    verify(&card, &weights)?;
    if card.system == PROSECTOR1 {
        let trust = match calibration {
            Calibration::Used => Trust::beside(path, &card)?,
            Calibration::LeftOut => None,
        };
        let opened = Prosector1::open(card, weights, device)?;
        return Ok(Box::new(opened.calibrated(trust)));
    }
    let system = system_named(&card.system).ok_or_else(|| {
        let reason = format!("this program does not know the system '{}'", card.system);
        failed(path, reason)
    })?;
    drop(weights);
    let weights = installed::weights_beside(path, &card)?;
    (system.open)(card, weights, device)
}

/// The card of an installed model.
fn installed_card(id: &str) -> Option<PathBuf> {
    let found = installed::cards()
        .into_iter()
        .find(|(_, card)| card.id == id);
    found.map(|(path, _)| path)
}

/// Opens a model by its id (`None`: the one in the box), or by the path of its card (`.toml`), on a device.
///
/// # Errors
/// No such model, weights that are damaged, a device that cannot be had.
pub fn open_model(
    id: Option<&str>,
    device: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    if let Some(path) = id.and_then(card_of) {
        return open_card(&path, device, Calibration::Used);
    }
    let (model, card) = find(id)?;
    let trust = Trust::of_weights(model.trust, &card).map_err(|reason| ModelError::Weights {
        path: "calibration in the program".into(),
        reason,
    })?;
    let opened = Prosector1::open(card, model.weights.to_vec(), device)?;
    Ok(Box::new(opened.calibrated(trust)))
}

/// Opens the model of a card as if nothing had been learnt of its answers yet.
///
/// # Errors
/// As [`open_model`].
pub fn open_uncalibrated(
    card_path: &Path,
    device: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    open_card(card_path, device, Calibration::LeftOut)
}

/// The card that an id stands for, where it is no model of the program.
fn card_of(id: &str) -> Option<PathBuf> {
    if is_card(Path::new(id)) {
        return Some(id.into());
    }
    installed_card(id)
}

/// Checks that the weights of a model are those that its card names, and that they fit its network.
///
/// # Errors
/// No such model, or what is wrong with it.
pub fn verify_model(id: &str) -> Result<(), ModelError> {
    if let Some(path) = card_of(id) {
        return open_card(&path, DeviceChoice::Cpu, Calibration::Used).map(|_| ());
    }
    let (model, card) = find(Some(id))?;
    verify(&card, model.weights)?;
    Prosector1::open(card, model.weights.to_vec(), DeviceChoice::Cpu).map(|_| ())
}
