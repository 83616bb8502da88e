//! Corrections of a target that is good already: what a click changes is near it, and the rest stays (the progressive
//! merge of FocalClick, Chen et al. 2022, bounded by how far the click is from the border).

use crate::geometry::VoxelBox;
use crate::prompt::{Click, Polarity};
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{Grid, Mask, morphology};

/// How far a click changes a target, in distances from the click to the target's border: who corrects clicks in the middle
/// of what is wrong. Chosen on patients to choose on, from 1 to all of the target.
const REACH: f64 = 1.5;
/// Radius of what a click changes where the answer does not.
const DAB_VOXELS: f64 = 1.5;

/// Whether any click says otherwise than the target so far.
pub(super) fn say_otherwise(clicks: &[Click], prior: &Mask) -> bool {
    clicks.iter().any(|c| says_otherwise(c, prior))
}

fn says_otherwise(click: &Click, prior: &Mask) -> bool {
    let offset = prior.grid.offset_of(click.voxel);
    offset.is_some_and(|o| (prior.voxels[o] != 0) != is_positive(click))
}

fn is_positive(click: &Click) -> bool {
    click.polarity == Polarity::Positive
}

/// The target so far with those changes of `answer` that hang together with a click that asks for them, and are near it, or
/// with a dab at the click where the answer has none.
pub(super) fn corrected(answer: &Mask, prior: &Mask, clicks: &[Click]) -> Mask {
    let mut corrected = prior.clone();
    let Some(bounds) = prior.bounds() else {
        return corrected;
    };
    for click in clicks.iter().filter(|c| says_otherwise(c, prior)) {
        let about = About {
            click,
            grid: prior.grid,
            spacing_mm: prior.grid.spacing_mm(),
        };
        let wanted = u8::from(is_positive(click));
        for offset in about.changed(answer, (prior, bounds)) {
            corrected.voxels[offset] = wanted;
        }
    }
    corrected
}

/// Distances from a click.
struct About<'a> {
    click: &'a Click,
    grid: Grid,
    spacing_mm: [f64; 3],
}

impl About<'_> {
    /// The offsets of what the click changes.
    fn changed(&self, answer: &Mask, (prior, bounds): (&Mask, VoxelBox)) -> Vec<usize> {
        let voxel_mm = self.spacing_mm.iter().product::<f64>().cbrt();
        let reach_mm = REACH * (self.border_mm(prior, bounds) + voxel_mm);
        let voxels = self.spacing_mm.map(|mm| (reach_mm / mm).ceil() as i64);
        let part = VoxelBox::from_corners(self.click.voxel, self.click.voxel)
            .grown_by(voxels)
            .clamped(self.grid.dims);
        let offsets: Vec<usize> = morphology::rows(self.grid.dims, part).flatten().collect();
        let is_wanted = is_positive(self.click);
        let is_change = |&o: &usize| {
            (answer.voxels[o] != 0) == is_wanted
                && (prior.voxels[o] != 0) != is_wanted
                && self.distance_mm(o) <= reach_mm
        };
        let changes: Vec<u8> = offsets.iter().map(|o| u8::from(is_change(o))).collect();
        let (parts, sizes) = connected_components(&changes, part.size(), Connectivity::TwentySix);
        let at = self.click.voxel.relative_to(part.min);
        let own = self
            .grid
            .sub_grid(part)
            .offset_of(at)
            .map_or(0, |o| parts[o]);
        // The click's own voxel is always as it says.
        let is_found = own > 0 && sizes[own as usize - 1] > 1;
        let dab_mm = DAB_VOXELS * voxel_mm;
        let places = offsets.into_iter().zip(parts);
        let changed = places.filter(|&(offset, part)| match is_found {
            true => part == own,
            false => self.distance_mm(offset) <= dab_mm,
        });
        changed.map(|(offset, _)| offset).collect()
    }

    /// How far it is to where the target begins to be as the click wants it; no farther than the scan is long.
    fn border_mm(&self, prior: &Mask, bounds: VoxelBox) -> f64 {
        let longest_mm = self.grid.size_mm().into_iter().fold(0.0, f64::max);
        let around = bounds.grown(1).clamped(self.grid.dims);
        morphology::rows(self.grid.dims, around)
            .flatten()
            .filter(|&o| (prior.voxels[o] != 0) == is_positive(self.click))
            .map(|o| self.distance_mm(o))
            .fold(longest_mm, f64::min)
    }

    fn distance_mm(&self, offset: usize) -> f64 {
        let at = self.grid.voxel_at(offset).relative_to(self.click.voxel.0).0;
        (0..3)
            .map(|d| (at[d] as f64 * self.spacing_mm[d]).powi(2))
            .sum::<f64>()
            .sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Affine, VoxelIndex};

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
            let found = corrected(&answer, &prior, &clicks);
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
        assert!(!say_otherwise(&[inside], &prior));
        assert!(corrected(&answer, &prior, &[inside]).voxels == prior.voxels);
        let beyond = click([20, 36, 20], Polarity::Positive);
        assert!(say_otherwise(&[inside, beyond], &prior));
        let found = corrected(&answer, &prior, &[inside, beyond]);
        let changed = (0..found.voxels.len()).filter(|&v| found.voxels[v] != prior.voxels[v]);
        // A voxel, its six neighbours and the twelve beside two of them.
        assert_eq!(changed.count(), 19);
    }
}
