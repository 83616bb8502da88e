//! A box around a structure that is found without a prompt. The network was taught such a structure by many patients, and
//! knows it far better by itself than it knows what somebody draws a box around, so that its own answer is taken where that
//! and the box agree.

use std::sync::Arc;

use crate::geometry::VoxelBox;
use crate::models::loaded::Query;
use crate::models::trust::{FoundStructure, Insight};
use crate::models::{Certainty, Estimate, ModelError, PromptedResult};
use crate::prompt::PromptSet;
use crate::volume::{Mask, title_of};

use super::automatic;
use super::canvas::{Canvas, Output};
use super::field_of_view;
use super::model::Prosector1;
use super::pace::Pace;
use super::prompted::{SLACK, clear, within};
use super::region::Span;
use super::search::STRIDE;
use super::windows;

/// Least share of each side of the box that a structure reaches, and of each of its own sides that lies in the box: boxes
/// are drawn loose, and what is found may end early. Chosen on patients to choose on, from 0.3 to 0.7.
const AGREEMENT: f64 = 0.5;
/// Most windows that are looked at: no structure that is known is longer.
const MOST_WINDOWS: usize = 4;
/// Part of the job's progress that the look is, from and to.
const PART: [f32; 2] = [0.0, 0.05];

/// The answer to a box alone that a known structure agrees with; `None` where there is none.
///
/// # Errors
/// Cancelled, or the device fails.
pub(super) fn answer(
    model: &Prosector1,
    query: Query<'_>,
    prompts: &PromptSet,
    prior: Option<&Mask>,
) -> Result<Option<PromptedResult>, ModelError> {
    let (card, image) = (query.card, query.image);
    let is_alone = prompts.clicks.is_empty() && prompts.drawings.is_empty();
    let is_begun = prior.is_some_and(|p| p.bounds().is_some());
    // What a user taught comes before what the base knows.
    let is_fit = is_alone && !is_begun && card.taught.is_none();
    let (Some(target_box), Some(reach), true) = (prompts.target_box, prompts.reach(SLACK), is_fit)
    else {
        return Ok(None);
    };
    let known = card.structures_in(image.modality(), None)?;
    let output = |(channel, structure)| Output { structure, channel };
    let outputs: Vec<Output<'_>> = known.into_iter().map(output).collect();
    let Some(canvas) = looked_at(model, query, target_box, &outputs)? else {
        return Ok(None);
    };
    let Some((part, labels, table)) = automatic::labels(image, &canvas, &outputs) else {
        return Ok(None);
    };
    let wanted = target_box.relative_to(part.min);
    let agreeing = outputs.iter().enumerate().filter_map(|(n, output)| {
        table.get(output.structure.value)?;
        let mut mask = labels.mask_of(output.structure.value);
        clear(&mut mask, query.beside, image.grid(), part);
        let agreement = agreement(mask.bounds()?, wanted);
        (agreement >= AGREEMENT).then_some((agreement, n, mask))
    });
    let Some((_, n, mask)) = agreeing.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return Ok(None);
    };
    let own = std::iter::once((&outputs[n], &canvas.logits[n]));
    let found = automatic::found_structures(model, query, (&labels, &table), own)?;
    let believed = found.into_iter().find(|f| !automatic::is_doubted(model, f));
    let mask = || {
        let in_reach = within(&mask, reach.relative_to(part.min));
        Mask {
            grid: *image.grid(),
            voxels: automatic::on_whole(image.grid(), part, &in_reach.voxels),
        }
    };
    Ok(believed.map(|found| result(mask(), found, canvas.certainty(|o| o == n))))
}

fn result(mask: Mask, found: FoundStructure, certainty: Certainty) -> PromptedResult {
    PromptedResult {
        mask,
        estimate: Some(Estimate::Dice(found.expected_dice)),
        warnings: vec![format!(
            "taken for the {}, which the model finds by itself: click, or draw another box, if it is not",
            title_of(&found.name)
        )],
        insight: Some(Arc::new(Insight {
            certainty,
            evidence: found.evidence,
        })),
    }
}

/// What the automatic path sees around a box; `None` where it knows nothing in such scans, or nothing as large.
fn looked_at(
    model: &Prosector1,
    query: Query<'_>,
    target_box: VoxelBox,
    outputs: &[Output<'_>],
) -> Result<Option<Canvas>, ModelError> {
    let (card, image) = (query.card, query.image);
    let Some(spacing_mm) = card.automatic_spacing_mm(image.modality()) else {
        return Ok(None);
    };
    let span = Span::of_voxels(image.grid(), target_box);
    let dims = field_of_view::dims_of(&span, spacing_mm);
    let looks = windows::covering(dims, STRIDE);
    if looks.len() > MOST_WINDOWS || outputs.is_empty() {
        return Ok(None);
    }
    let grid = field_of_view::grid_about(image.grid(), &span, spacing_mm, dims);
    let pace = Pace::new(query.ctx, "look", PART, looks.len());
    let refined = card.is_refined(image.modality());
    Canvas::fill(&grid, &looks, refined, (model, image), outputs, &pace).map(Some)
}

/// The least share, over the axes, of the box's side that `found` reaches and of its own that lies in the box; 0 apart.
fn agreement(found: VoxelBox, target_box: VoxelBox) -> f64 {
    let Some(both) = found.intersection(target_box) else {
        return 0.0;
    };
    let (both, found, wanted) = (both.size(), found.size(), target_box.size());
    (0..3)
        .map(|d| both[d] as f64 / found[d].max(wanted[d]) as f64)
        .fold(1.0, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::VoxelIndex;

    fn cube(from: i64, to: i64) -> VoxelBox {
        VoxelBox::from_corners(VoxelIndex([from; 3]), VoxelIndex([to; 3]))
    }

    #[test]
    fn what_agrees_is_as_long_and_in_the_same_place() {
        let found = cube(10, 19);
        assert_eq!(agreement(found, found), 1.0);
        assert_eq!(agreement(found, cube(5, 24)), 0.5, "a loose box");
        assert_eq!(agreement(found, cube(13, 16)), 0.4, "a part of it");
        assert_eq!(agreement(found, cube(15, 24)), 0.5, "half beside it");
        assert_eq!(agreement(found, cube(20, 29)), 0.0, "beside it");
    }
}
