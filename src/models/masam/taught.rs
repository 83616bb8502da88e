//! A MA-SAM as a base to teach upon.

use crate::models::checkpoint::WeightMap;
use crate::models::taught::classes::{NARROW, finds_alone, half_of_classes, keep_rows, wanted};
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::{ModelCard, ModelError, StoredModel};

use super::{MasamSettings, TITLE, names};

pub(super) const TEACHABLE: Teachable = Teachable {
    check: finds_alone,
    start,
    half,
};

/// The network in which a structure is taught.
///
/// # Errors
/// Settings that are not MA-SAM's.
pub(crate) fn narrowed(
    base: &ModelCard,
    structure: &TaughtStructure,
) -> Result<MasamSettings, ModelError> {
    let mut settings: MasamSettings = base.settings(TITLE)?;
    if !structure.known_to_base {
        settings.network.sam.decoder.masks = NARROW;
    }
    Ok(settings)
}

fn half(card: &ModelCard, taught: &Taught, base: &ModelCard) -> Result<ModelCard, ModelError> {
    half_of_classes((card, base), taught, TITLE, |structure| {
        narrowed(base, structure)
    })
}

/// Under our names. Each class has a token and a head of its own, and the IoU's last layer a row.
fn start(base: &StoredModel, structure: Option<&TaughtStructure>) -> Result<WeightMap, ModelError> {
    let structure = wanted(structure, &base.card)?;
    let before: MasamSettings = base.card.settings(TITLE)?;
    let decoder = &before.network.sam.decoder;
    let mut weights = names::renamed(base.weights.clone());
    if structure.known_to_base {
        return Ok(weights);
    }
    let iou = format!("iou_prediction_head.layers.{}", decoder.iou_depth - 1);
    for name in [
        "mask_tokens.weight",
        &format!("{iou}.weight"),
        &format!("{iou}.bias"),
    ] {
        keep_rows(&mut weights, &format!("mask_decoder.{name}"), NARROW)?;
    }
    let heads = |class: usize| format!("mask_decoder.output_hypernetworks_mlps.{class}.");
    let gone: Vec<String> = (NARROW..decoder.masks).map(heads).collect();
    Ok(weights.renamed(|name| {
        let kept = !gone.iter().any(|head| name.starts_with(head));
        kept.then(|| name.to_owned())
    }))
}
