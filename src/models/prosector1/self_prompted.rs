//! A taught structure looked at again: what was found without a prompt becomes the box of a prompt, and the network, which
//! learnt to answer boxes around it too, looks there as closely as its size asks for. An automatic prompt generator in its
//! plainest form (AutoProSAM, Li et al. 2023, has one that learns its prompts).

use crate::geometry::VoxelBox;
use crate::models::loaded::Query;
use crate::models::{AutoResult, ModelError};
use crate::prompt::{PromptSet, loosened_box};
use crate::volume::Mask;

use super::model::Prosector1;
use super::prompted;

/// How much looser than what was found the boxes are, in percent of its length on either side: it may be too small or too
/// large, so several are asked with, and the answers vote.
const LOOSENED: [f64; 3] = [0.0, 12.0, 24.0];
/// Share of what was found that may stick out of its box on either side: a few stray voxels make no box longer.
const STRAY: f64 = 0.015;

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
        let Some(bounds) = robust_bounds(&result.labels.mask_of(value)) else {
            continue;
        };
        let answer = vote(model, query, bounds)?;
        if answer.bounds().is_none() {
            continue;
        }
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

/// Where most of the answers to boxes around `bounds` agree.
fn vote(model: &Prosector1, query: Query<'_>, bounds: VoxelBox) -> Result<Mask, ModelError> {
    let grid = query.image.grid();
    let mut votes = Mask::empty(*grid);
    for percent in LOOSENED {
        let prompts = PromptSet {
            target_box: Some(loosened_box(bounds, percent, grid)),
            ..PromptSet::default()
        };
        let answer = prompted::segment(model, query, &prompts, None)?.mask;
        for (vote, inside) in votes.voxels.iter_mut().zip(answer.voxels) {
            *vote += inside;
        }
    }
    for vote in &mut votes.voxels {
        *vote = u8::from(2 * usize::from(*vote) > LOOSENED.len());
    }
    Ok(votes)
}

/// The box of a mask without what strays; `None` of an empty one.
fn robust_bounds(mask: &Mask) -> Option<VoxelBox> {
    let tight = mask.bounds()?;
    let mut counts = tight.size().map(|n| vec![0usize; n]);
    for (offset, _) in mask.voxels.iter().enumerate().filter(|(_, v)| **v != 0) {
        let at = mask.grid.voxel_at(offset).0;
        for d in 0..3 {
            counts[d][(at[d] - tight.min[d]) as usize] += 1;
        }
    }
    let stray = (mask.count() as f64 * STRAY) as usize;
    Some(VoxelBox {
        min: std::array::from_fn(|d| tight.min[d] + strays(counts[d].iter(), stray)),
        max: std::array::from_fn(|d| tight.max[d] - strays(counts[d].iter().rev(), stray)),
    })
}

/// How many planes at an end hold no more than so many voxels together.
fn strays<'a>(mut counts: impl Iterator<Item = &'a usize>, most: usize) -> i64 {
    let mut sum = 0;
    let reached = counts.position(|n| {
        sum += n;
        sum > most
    });
    reached.unwrap_or(0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;
    use crate::volume::Grid;

    #[test]
    fn stray_voxels_make_no_box_longer() {
        let grid = Grid::new([30, 20, 20], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let block = VoxelBox {
            min: [5, 4, 6],
            max: [14, 13, 15],
        };
        let mut mask = Mask::empty(grid);
        for v in 0..grid.len() {
            mask.voxels[v] = u8::from(block.contains(grid.voxel_at(v)));
        }
        assert_eq!(robust_bounds(&mask), Some(block));
        for i in 15..25 {
            mask.voxels[grid.offset(i, 10, 10)] = 1;
        }
        assert_eq!(robust_bounds(&mask), Some(block));
        assert_eq!(robust_bounds(&Mask::empty(grid)), None);
    }
}
