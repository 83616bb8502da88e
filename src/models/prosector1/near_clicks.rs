//! Corrections of a target that is good already: what a click changes is near it, and the rest stays (the progressive
//! merge of FocalClick, Chen et al. 2022, bounded by how far the click is from the border).

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::prompt::{Click, Polarity};
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{Grid, Mask, morphology};

/// How far a click changes a target, in distances from the click to the target's border: who corrects clicks in the middle
/// of what is wrong. Chosen on patients to choose on, from 1 to all of the target.
const REACH: f64 = 1.5;
/// Radius of what a click changes where the answer does not.
const DAB_VOXELS: f64 = 1.5;

/// Whether a click says otherwise than the target so far.
fn says_otherwise(prior: &Mask, click: &Click) -> bool {
    let offset = prior.grid.offset_of(click.voxel);
    offset.is_some_and(|o| (prior.voxels[o] != 0) != is_positive(click))
}

fn is_positive(click: &Click) -> bool {
    click.polarity == Polarity::Positive
}

/// The target so far with those changes of `answer` that hang together with a click that asks for them, and are near it, or
/// with a dab at the click where the answer has none; `None` where no click says otherwise.
pub(super) fn corrected(answer: &Mask, prior: &Mask, clicks: &[Click]) -> Option<Mask> {
    let bounds = prior.bounds()?;
    let mut corrected = None;
    for click in clicks.iter().filter(|c| says_otherwise(prior, c)) {
        let near = Near::of(click, prior, bounds);
        let Some(part) = near.part.clipped(prior.grid.dims) else {
            continue;
        };
        let offsets: Vec<usize> = morphology::rows(prior.grid.dims, part).flatten().collect();
        let wanted = u8::from(is_positive(click));
        let is_change = |&o: &usize| {
            u8::from(answer.voxels[o] != 0) == wanted
                && u8::from(prior.voxels[o] != 0) != wanted
                && near.holds(o)
        };
        let changed: Vec<u8> = offsets.iter().map(|o| u8::from(is_change(o))).collect();
        let (parts, sizes) = connected_components(&changed, part.size(), Connectivity::TwentySix);
        let own = prior.grid.sub_grid(part).offset_of(near.voxel_in(part));
        let own = own.map_or(0, |o| parts[o]);
        // The click's own voxel is always as it says.
        let is_found = own > 0 && sizes[own as usize - 1] > 1;
        let mask: &mut Mask = corrected.get_or_insert_with(|| prior.clone());
        for (&offset, &part) in offsets.iter().zip(&parts) {
            let is_wanted = match is_found {
                true => part == own,
                false => near.distance_mm(offset) <= near.dab_mm,
            };
            if is_wanted {
                mask.voxels[offset] = wanted;
            }
        }
    }
    corrected
}

/// What is near a click.
struct Near<'a> {
    click: &'a Click,
    grid: Grid,
    spacing_mm: [f64; 3],
    reach_mm: f64,
    dab_mm: f64,
    part: VoxelBox,
}

impl<'a> Near<'a> {
    fn of(click: &'a Click, prior: &Mask, bounds: VoxelBox) -> Self {
        let grid = prior.grid;
        let spacing_mm = grid.spacing_mm();
        let voxel_mm = spacing_mm.iter().product::<f64>().cbrt();
        let mut near = Self {
            click,
            grid,
            spacing_mm,
            reach_mm: 0.0,
            dab_mm: DAB_VOXELS * voxel_mm,
            part: bounds,
        };
        // Where the target begins to be as the click wants it.
        let around = bounds.grown(1).clamped(grid.dims);
        let border_mm = morphology::rows(grid.dims, around)
            .flatten()
            .filter(|&o| (prior.voxels[o] != 0) == is_positive(click))
            .map(|o| near.distance_mm(o))
            .fold(f64::INFINITY, f64::min);
        near.reach_mm =
            REACH * (border_mm.min(grid.size_mm().into_iter().fold(0.0, f64::max)) + voxel_mm);
        let voxels = spacing_mm.map(|mm| (near.reach_mm / mm).ceil() as i64);
        near.part = VoxelBox::from_corners(click.voxel, click.voxel).grown_by(voxels);
        near
    }

    fn distance_mm(&self, offset: usize) -> f64 {
        let at = self.grid.voxel_at(offset).0;
        let apart = |d: usize| (at[d] - self.click.voxel.0[d]) as f64 * self.spacing_mm[d];
        (0..3).map(|d| apart(d).powi(2)).sum::<f64>().sqrt()
    }

    fn holds(&self, offset: usize) -> bool {
        self.distance_mm(offset) <= self.reach_mm
    }

    fn voxel_in(&self, part: VoxelBox) -> VoxelIndex {
        let at = self.click.voxel.0;
        VoxelIndex(std::array::from_fn(|d| at[d] - part.min[d]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;

    /// A ball of this radius in mm around voxel (20, 20, 20) of 40³.
    fn ball(radius_mm: f64) -> Mask {
        let mut mask = Mask::empty(Grid::new([40; 3], Affine::from_spacing([1.0; 3], [0.0; 3])));
        for v in 0..mask.voxels.len() {
            let at = mask.grid.voxel_at(v).0;
            let squared: i64 = at.iter().map(|x| (x - 20).pow(2)).sum();
            mask.voxels[v] = u8::from((squared as f64) <= radius_mm.powi(2));
        }
        mask
    }

    fn click(at: [i64; 3], polarity: Polarity) -> Click {
        Click {
            voxel: VoxelIndex(at),
            polarity,
        }
    }

    #[test]
    fn a_click_changes_what_is_near_it_and_leaves_the_rest() {
        for (prior, answer, at, polarity) in [
            (8.0, 12.0, [20, 30, 20], Polarity::Positive),
            (12.0, 8.0, [20, 30, 20], Polarity::Negative),
        ] {
            let (prior, answer) = (ball(prior), ball(answer));
            let clicks = [click(at, polarity), click([20, 20, 20], Polarity::Positive)];
            let found = corrected(&answer, &prior, &clicks).expect("a correction");
            let at = prior.grid.offset_of(VoxelIndex(at)).expect("inside");
            assert_eq!(found.voxels[at], answer.voxels[at]);
            for v in 0..found.voxels.len() {
                // Two or three voxels to the border, and one more, one and a half times.
                let is_far = prior.grid.voxel_at(v).0[1] < 18;
                let expected = if is_far { &prior } else { &found };
                assert_eq!(found.voxels[v], expected.voxels[v]);
                assert!([prior.voxels[v], answer.voxels[v]].contains(&found.voxels[v]));
            }
            assert!(found.voxels != prior.voxels && found.voxels != answer.voxels);
        }
    }

    #[test]
    fn a_click_that_the_answer_does_not_heed_changes_a_dab() {
        let (prior, answer) = (ball(8.0), ball(12.0));
        let inside = click([20, 22, 20], Polarity::Positive);
        assert!(corrected(&answer, &prior, &[inside]).is_none());
        let beyond = click([20, 36, 20], Polarity::Positive);
        let found = corrected(&answer, &prior, &[inside, beyond]).expect("a dab");
        let changed = (0..found.voxels.len()).filter(|&v| found.voxels[v] != prior.voxels[v]);
        // A voxel, its six neighbours and the twelve beside two of them.
        assert_eq!(changed.count(), 19);
    }
}
