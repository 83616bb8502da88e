//! Which models are installed.
//!
//! The model in the box travels inside the program, so one file is all there is to copy.

use sha2::{Digest as _, Sha256};

use super::prosector1::Prosector1;
use super::{DeviceChoice, ModelCard, ModelError, Segmenter};

/// A model that is part of the program.
struct Boxed {
    card: &'static str,
    weights: &'static [u8],
}

const BOXED: [Boxed; 1] = [Boxed {
    card: include_str!("../../weights/prosector1.toml"),
    weights: include_bytes!("../../weights/prosector1.bpk"),
}];

impl Boxed {
    fn card(&self) -> Result<ModelCard, ModelError> {
        toml::from_str(self.card).map_err(|e| ModelError::Weights {
            path: "model card in the program".into(),
            reason: e.message().to_owned(),
        })
    }

    fn verify(&self, card: &ModelCard) -> Result<(), ModelError> {
        let digest = Sha256::digest(self.weights);
        let found: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        if found == card.sha256 {
            return Ok(());
        }
        Err(ModelError::Weights {
            path: card.weights.clone().into(),
            reason: format!(
                "its checksum is {found}, the card says {}: the program is damaged, install it again",
                card.sha256
            ),
        })
    }
}

/// The cards of the installed models; the first is the one in the box.
pub fn installed_models() -> Vec<ModelCard> {
    BOXED.iter().filter_map(|m| m.card().ok()).collect()
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

/// Opens a model by its id (`None`: the one in the box) on a device.
///
/// # Errors
/// No such model, weights that are damaged, a device that cannot be had.
pub fn open_model(
    id: Option<&str>,
    device: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    let (model, card) = find(id)?;
    Ok(Box::new(Prosector1::open(
        card,
        model.weights.to_vec(),
        device,
    )?))
}

/// Checks that the weights of a model are those that its card names, and that they fit its network.
///
/// # Errors
/// No such model, or what is wrong with it.
pub fn verify_model(id: &str) -> Result<(), ModelError> {
    let (model, card) = find(Some(id))?;
    model.verify(&card)?;
    Prosector1::open(card, model.weights.to_vec(), DeviceChoice::Cpu).map(|_| ())
}
