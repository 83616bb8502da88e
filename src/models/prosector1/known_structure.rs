//! A prompt at a structure that is found without one. The network was taught such a structure by many patients, and knows it
//! far better by itself than it knows what somebody draws a box around or clicks on, so that its own answer is taken where
//! that and the prompt agree. What is in a structure, as a lesion, stays what was pointed at.

use std::sync::Arc;

use crate::geometry::VoxelBox;
use crate::models::loaded::Query;
use crate::models::trust::{FoundStructure, Insight};
use crate::models::{Estimate, ModelError, PromptedResult};
use crate::prompt::{Click, Polarity, PromptSet, TargetSize};
use crate::volume::{ImageVolume, Mask, morphology, title_of};

use super::automatic;
use super::model::Prosector1;
use super::prompted::{SLACK, within};
use super::region::Span;
use super::surroundings::{Looker, Surroundings};

/// Least share of each side of the box that a structure reaches, and of each of its own sides that lies in the box: boxes
/// are drawn loose, and what is found may end early. Chosen on patients to choose on, from 0.3 to 0.7.
const AGREEMENT: f64 = 0.5;
/// How far apart the values of what the network finds at a click and of the rest of the structure may lie, 0 alike to 1, for
/// the structure to be meant and nothing in it. Chosen on patients to choose on, with lesions painted into them.
const ALIKE: f64 = 0.4;
/// Most values on either side of that comparison.
const MOST_VALUES: usize = 20_000;
/// Dice from which a target so far is taken for a structure; chosen on patients to choose on, from 0.5 and 0.7.
const THE_SAME: f64 = 0.7;
/// Most times that a look is widened to where a clicked structure goes on.
const MOST_WIDENINGS: usize = 2;
/// Part of the job's progress that the look is, from and to: of a box, of a click.
const BOXED: [f32; 2] = [0.0, 0.05];
const CLICKED: [f32; 2] = [0.9, 0.95];

/// The answer to a box alone that a known structure agrees with; `None` where there is none.
///
/// # Errors
/// Cancelled, or the device fails.
pub(super) fn boxed(
    model: &Prosector1,
    query: Query<'_>,
    prompts: &PromptSet,
    prior: Option<&Mask>,
) -> Result<Option<PromptedResult>, ModelError> {
    let is_alone = prompts.clicks.is_empty() && is_first(query, prompts, prior);
    let (Some(target_box), Some(reach), true) =
        (prompts.target_box, prompts.reach(SLACK), is_alone)
    else {
        return Ok(None);
    };
    let looker = Looker::new(model, query, BOXED)?;
    let span = Span::of_voxels(query.image.grid(), target_box);
    let Some(seen) = looker.around(&span)? else {
        return Ok(None);
    };
    let agreeing = looker.masks(&seen).filter_map(|(n, part, mask)| {
        let agreement = agreement(mask.bounds()?, target_box.relative_to(part.min));
        (agreement >= AGREEMENT).then_some((agreement, n, part, mask))
    });
    let Some((_, n, part, mask)) = agreeing.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return Ok(None);
    };
    let Some(found) = looker.believed(&seen, n)? else {
        return Ok(None);
    };
    let mask = within(&mask, reach.relative_to(part.min));
    let said = "click, or draw another box, if it is not";
    Ok(Some(result(query, (&seen, n), (part, &mask), found, said)))
}

/// The answer to lone clicks, the first of a target, into a known structure from which the network's own `answer` to them
/// does not stand out, or after which the target is called; `None` where there is none.
///
/// # Errors
/// Cancelled, or the device fails.
pub(super) fn clicked(
    model: &Prosector1,
    query: Query<'_>,
    prompts: &PromptSet,
    answer: &Mask,
) -> Result<Option<PromptedResult>, ModelError> {
    let is_lone = prompts.target_box.is_none() && is_first(query, prompts, None);
    let is_any = query.size != TargetSize::Small && query.alike.is_none();
    let grid = query.image.grid();
    let mut points = prompts
        .positive()
        .map(|c| grid.world_from_voxel(c.voxel.center()));
    let (Some(first), true) = (points.next(), is_lone && is_any) else {
        return Ok(None);
    };
    let looker = Looker::new(model, query, CLICKED)?;
    let mut span = points.fold(Span::of_point(grid, first), Span::with_point);
    for _ in 0..=MOST_WIDENINGS {
        let Some(seen) = looker.around(&span)? else {
            return Ok(None);
        };
        let Some(n) = looker.at(&seen, first) else {
            return Ok(None);
        };
        if let Some(wider) = looker.wider(&seen, n) {
            span = wider;
            continue;
        }
        let Some((part, mask)) = looker.mask(&seen, n) else {
            return Ok(None);
        };
        let is_alike = || distinctness(query.image, answer, (part, &mask)) < ALIKE;
        if !agree(&prompts.clicks, (part, &mask)) || !(looker.is_asked_for(n) || is_alike()) {
            return Ok(None);
        }
        let said = "if something in it is meant, draw a box around that, or say that it is small";
        let found = looker.believed(&seen, n)?;
        return Ok(found.map(|found| result(query, (&seen, n), (part, &mask), found, said)));
    }
    Ok(None)
}

/// What there is to say of a target so far that is a known structure, or nearly so: the Dice to expect of it, and what else.
///
/// # Errors
/// Cancelled, or the device fails.
pub(super) fn known(
    model: &Prosector1,
    query: Query<'_>,
    so_far: &Mask,
) -> Result<Option<Known>, ModelError> {
    let Some(bounds) = so_far.bounds().filter(|_| query.card.taught.is_none()) else {
        return Ok(None);
    };
    let looker = Looker::new(model, query, CLICKED)?;
    let span = Span::of_voxels(query.image.grid(), bounds);
    let Some(seen) = looker.about(&span)? else {
        return Ok(None);
    };
    let all = so_far.count();
    let is_same = |(_, part, mask): &(usize, VoxelBox, Mask)| {
        let offsets = morphology::rows(so_far.grid.dims, *part).flatten();
        let both = offsets
            .zip(&mask.voxels)
            .filter(|&(o, &m)| m != 0 && so_far.voxels[o] != 0);
        2.0 * both.count() as f64 >= THE_SAME * (all + mask.count()) as f64
    };
    let Some((n, ..)) = looker.masks(&seen).find(is_same) else {
        return Ok(None);
    };
    let found = looker.believed(&seen, n)?;
    Ok(found.map(|found| Known::of(&seen, n, found)))
}

/// What is said of an answer that is a structure.
pub(super) struct Known {
    name: String,
    expected_dice: f32,
    insight: Arc<Insight>,
}

impl Known {
    fn of(seen: &Surroundings, n: usize, found: FoundStructure) -> Self {
        Self {
            name: found.name,
            expected_dice: found.expected_dice,
            insight: Arc::new(Insight {
                certainty: seen.certainty(n),
                evidence: found.evidence,
            }),
        }
    }

    /// The answer, whose mask this is.
    pub(super) fn of_mask(self, mask: Mask) -> PromptedResult {
        PromptedResult {
            mask,
            estimate: Some(Estimate::Dice(self.expected_dice)),
            insight: Some(self.insight),
            structure: Some(self.name),
            warnings: Vec::new(),
        }
    }
}

/// Whether all positive clicks lie in a structure and no negative one does, by its mask on a part of the scan.
fn agree(clicks: &[Click], (part, mask): (VoxelBox, &Mask)) -> bool {
    clicks.iter().all(|click| {
        let offset = mask.grid.offset_of(click.voxel.relative_to(part.min));
        let is_in = offset.is_some_and(|o| mask.voxels[o] != 0);
        is_in == (click.polarity == Polarity::Positive)
    })
}

/// Whether prompts are the first of a target, and the base's structures may be meant: what a user taught comes before
/// what the base knows.
fn is_first(query: Query<'_>, prompts: &PromptSet, prior: Option<&Mask>) -> bool {
    let is_begun = prior.is_some_and(|p| p.bounds().is_some());
    prompts.drawings.is_empty() && !is_begun && query.card.taught.is_none()
}

/// A structure, by its mask on a part of the scan, as the answer to a prompt.
fn result(
    query: Query<'_>,
    (seen, n): (&Surroundings, usize),
    (part, mask): (VoxelBox, &Mask),
    found: FoundStructure,
    if_not: &str,
) -> PromptedResult {
    let grid = *query.image.grid();
    let name = title_of(&found.name);
    let voxels = automatic::on_whole(&grid, part, &mask.voxels);
    PromptedResult {
        warnings: vec![format!(
            "taken for the {name}, which the model finds by itself: {if_not}"
        )],
        ..Known::of(seen, n, found).of_mask(Mask { grid, voxels })
    }
}

/// How well the image's values tell those voxels of a structure that an answer holds from those that it does not: twice
/// the distance of the area under the curve from a half.
fn distinctness(image: &ImageVolume, answer: &Mask, (part, mask): (VoxelBox, &Mask)) -> f64 {
    let offsets = morphology::rows(answer.grid.dims, part).flatten();
    let own = offsets.zip(&mask.voxels).filter(|(_, m)| **m != 0);
    let (held, rest): (Vec<usize>, Vec<usize>) = own
        .map(|(offset, _)| offset)
        .partition(|&o| answer.voxels[o] != 0);
    if held.is_empty() || rest.is_empty() {
        return 0.0;
    }
    let values = |of: &[usize]| -> Vec<f64> {
        let every = of.len().div_ceil(MOST_VALUES);
        of.iter().step_by(every).map(|&o| image.value(o)).collect()
    };
    let (held, mut rest) = (values(&held), values(&rest));
    rest.sort_by(f64::total_cmp);
    let below = |value: f64| {
        let lower = rest.partition_point(|&r| r < value);
        let not_higher = rest.partition_point(|&r| r <= value);
        (lower + not_higher) as f64 / 2.0
    };
    let pairs = (held.len() * rest.len()) as f64;
    let area = held.into_iter().map(below).sum::<f64>() / pairs;
    (2.0 * area - 1.0).abs()
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
    use crate::geometry::{Affine, VoxelIndex};
    use crate::volume::{Grid, Modality, Rescale, VoxelData};

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

    #[test]
    fn what_an_answer_holds_is_told_from_the_rest_by_its_values() {
        let grid = Grid::new([20, 10, 10], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let mut answer = Mask::empty(grid);
        for v in 0..grid.len() {
            answer.voxels[v] = u8::from(grid.voxel_at(v).0[0] < 8);
        }
        let part = VoxelBox::from_corners(VoxelIndex([4, 2, 2]), VoxelIndex([15, 7, 7]));
        let structure = Mask {
            grid: grid.sub_grid(part),
            voxels: vec![1; part.size().iter().product()],
        };
        // A texture of seven values, brighter by `more` where the answer is.
        let told = |more: i16| {
            let value = |v: usize| (v % 7) as i16 + more * i16::from(answer.voxels[v]);
            let voxels = VoxelData::I16((0..grid.len()).map(value).collect());
            let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
            distinctness(&image, &answer, (part, &structure))
        };
        assert!(told(0) < 0.1, "{}", told(0));
        assert_eq!((told(7), told(-7)), (1.0, 1.0));
        assert!((0.3..0.9).contains(&told(2)), "{}", told(2));
    }
}
