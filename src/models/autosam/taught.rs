//! An AutoSAM as a base to teach upon: its head learns, its encoder stays frozen.

use crate::models::checkpoint::WeightMap;
use crate::models::taught::classes::{NARROW, finds_alone, half_of_classes, keep_rows, wanted};
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::{ModelCard, ModelError, StoredModel};

use super::{AutoSamConfig, AutoSamSettings, HeadConfig, TITLE};

pub(super) const TEACHABLE: Teachable = Teachable {
    check: finds_alone,
    start,
    half,
};

/// The network in which a structure is taught.
///
/// # Errors
/// Settings that are not AutoSAM's.
pub(crate) fn narrowed(
    base: &ModelCard,
    structure: &TaughtStructure,
) -> Result<AutoSamConfig, ModelError> {
    let AutoSamSettings { mut network } = base.settings(TITLE)?;
    if !structure.known_to_base {
        let classes = match &mut network.head {
            HeadConfig::Vit(head) => &mut head.classes,
            HeadConfig::Cnn(head) => &mut head.classes,
            HeadConfig::Linear(head) => &mut head.classes,
        };
        *classes = NARROW;
    }
    Ok(network)
}

fn half(card: &ModelCard, taught: &Taught, base: &ModelCard) -> Result<ModelCard, ModelError> {
    half_of_classes((card, base), taught, TITLE, |structure| {
        let network = narrowed(base, structure)?;
        Ok(AutoSamSettings { network })
    })
}

fn start(base: &StoredModel, structure: Option<&TaughtStructure>) -> Result<WeightMap, ModelError> {
    let structure = wanted(structure, &base.card)?;
    let mut weights = base.weights.clone();
    if !structure.known_to_base {
        for (name, rows) in rows(&narrowed(&base.card, structure)?.head) {
            keep_rows(&mut weights, &format!("mask_decoder.{name}"), rows)?;
        }
    }
    Ok(weights)
}

/// The tensors of a head that have rows for each class, and how many it has.
fn rows(head: &HeadConfig) -> Vec<(&'static str, usize)> {
    match head {
        HeadConfig::Vit(head) => vec![
            ("iou_token.weight", head.classes),
            ("mask_tokens.weight", head.classes * head.masks),
        ],
        HeadConfig::Cnn(head) => vec![
            ("final.1.weight", head.classes),
            ("final.1.bias", head.classes),
        ],
        HeadConfig::Linear(head) => vec![
            ("final.2.weight", head.classes),
            ("final.2.bias", head.classes),
        ],
    }
}
