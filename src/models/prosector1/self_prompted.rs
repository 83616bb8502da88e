//! A taught structure looked at again: what was found without a prompt becomes the box of a prompt, and the network, which
//! learnt to answer boxes around it too, looks there as closely as its size asks for. An automatic prompt generator in its
//! plainest form (AutoProSAM, Li et al. 2023, has one that learns its prompts).

use crate::models::loaded::Query;
use crate::models::{AutoResult, ModelError};
use crate::prompt::{PromptSet, loosened_box};
use crate::volume::Mask;

use super::model::Prosector1;
use super::prompted;

/// How much looser than what was found each box is, in percent of its length, on either side: the first finding may
/// be cut, the answer to a box seldom is.
const LOOSENED: [f64; 2] = [10.0, 5.0];

/// The result with every label answered again.
///
/// # Errors
/// A device that fails, a job asked to stop.
pub(super) fn answered(
    model: &Prosector1,
    query: Query<'_>,
    mut result: AutoResult,
) -> Result<AutoResult, ModelError> {
    let values: Vec<u16> = result.table.labels().iter().map(|l| l.value).collect();
    for value in values {
        let found = result.labels.mask_of(value);
        let answer = answer(model, query, found)?;
        for (label, &inside) in result.labels.voxels.iter_mut().zip(&answer.voxels) {
            match (*label, inside) {
                (0, 1) => *label = value,
                (own, 0) if own == value => *label = 0,
                _ => {}
            }
        }
    }
    Ok(result)
}

/// What the network makes of a box around a finding, and of one around that; the finding where it makes nothing of it.
fn answer(model: &Prosector1, query: Query<'_>, found: Mask) -> Result<Mask, ModelError> {
    let grid = query.image.grid();
    let mut mask = found;
    for percent in LOOSENED {
        let Some(tight) = mask.bounds() else {
            break;
        };
        let prompts = PromptSet {
            target_box: Some(loosened_box(tight, percent, grid)),
            ..PromptSet::default()
        };
        let answer = prompted::segment(model, query, &prompts, None)?.mask;
        if answer.bounds().is_none() {
            break;
        }
        mask = answer;
    }
    Ok(mask)
}
