//! What is drawn on a slice as a prompt: scribbles, lassos and diameters.

use std::sync::Arc;

use crate::geometry::{VoxelBox, VoxelIndex, VoxelPoint};
use crate::volume::distance::squared_distance_mm;
use crate::volume::morphology::{Crop, rows};
use crate::volume::{BrushTip, Grid, fill_outline, sweep};

use super::{Click, Polarity, PromptError};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrawingKind {
    /// A line through the target, or through what is not of it.
    Scribble,
    /// A closed line around it.
    Lasso,
    /// A straight line from border to border where the target is longest in a slice, as lesions are measured by (RECIST).
    Diameter,
}

impl DrawingKind {
    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Scribble => "scribble",
            Self::Lasso => "lasso",
            Self::Diameter => "diameter",
        }
    }
}

/// Something drawn on one slice, as the voxels that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// What.
    pub kind: DrawingKind,
    /// Whether it says "this is it" or "this is not".
    pub polarity: Polarity,
    /// The voxel axis across its slice.
    pub normal_axis: usize,
    /// The voxels under a scribble or a diameter, or inside a lasso; one, at least, on one slice of the scan.
    pub region: Arc<Crop>,
    /// How many clicks were made before it.
    pub clicks_before: usize,
}

/// Most clicks that stand for a scribble.
const MOST_CLICKS: usize = 4;
/// Share of a scribble's length that no voxel of it is further off a click that stands for it.
const NEAR: f64 = 0.2;

impl Drawing {
    /// A line of `width_mm` on the slice across `normal_axis` nearest to its first point: the voxels with their centre
    /// under it, and those that it goes through. What lies beside the scan is left out.
    ///
    /// # Errors
    /// Nothing of it lies on the scan.
    pub fn scribble(
        grid: &Grid,
        normal_axis: usize,
        line: &[VoxelPoint],
        width_mm: f64,
        polarity: Polarity,
    ) -> Result<Self, PromptError> {
        let offsets = under(grid, normal_axis, line, width_mm);
        Self::of_offsets(grid, DrawingKind::Scribble, normal_axis, &offsets, polarity)
    }

    /// A straight line between two ends on the slice across `normal_axis` nearest to the first: the voxels that it goes
    /// through. What lies beside the scan is left out.
    ///
    /// # Errors
    /// Nothing of it lies on the scan.
    pub fn diameter(
        grid: &Grid,
        normal_axis: usize,
        ends: [VoxelPoint; 2],
        polarity: Polarity,
    ) -> Result<Self, PromptError> {
        let offsets = under(grid, normal_axis, &ends, 0.0);
        Self::of_offsets(grid, DrawingKind::Diameter, normal_axis, &offsets, polarity)
    }

    /// A closed line through `corners` on the slice across `normal_axis` nearest to the first: the voxels with their
    /// centre inside.
    ///
    /// # Errors
    /// It encloses no voxel of the scan.
    pub fn lasso(
        grid: &Grid,
        normal_axis: usize,
        corners: &[VoxelPoint],
        polarity: Polarity,
    ) -> Result<Self, PromptError> {
        let mut offsets = Vec::new();
        fill_outline(grid, normal_axis, corners, &mut |offset| {
            offsets.push(offset);
        });
        Self::of_offsets(grid, DrawingKind::Lasso, normal_axis, &offsets, polarity)
    }

    fn of_offsets(
        grid: &Grid,
        kind: DrawingKind,
        normal_axis: usize,
        offsets: &[usize],
        polarity: Polarity,
    ) -> Result<Self, PromptError> {
        let boxes = offsets.iter().map(|&offset| {
            let voxel = grid.voxel_at(offset);
            VoxelBox::from_corners(voxel, voxel)
        });
        let bounds = boxes
            .reduce(VoxelBox::union)
            .ok_or(PromptError::NothingDrawn(kind.title()))?;
        let mut region = Crop::empty(bounds);
        let [ni, nj, _] = region.dims();
        for &offset in offsets {
            let at = grid.voxel_at(offset).0;
            let [i, j, k] = [0, 1, 2].map(|d| (at[d] - bounds.min[d]) as usize);
            region.voxels[i + ni * (j + nj * k)] = 1;
        }
        Ok(Self {
            kind,
            polarity,
            normal_axis,
            region: Arc::new(region),
            clicks_before: 0,
        })
    }

    /// How wide a scribble is that is two voxels wide on the slices across an axis, in mm.
    pub fn two_voxels_mm(grid: &Grid, normal_axis: usize) -> f64 {
        let spacing_mm = grid.spacing_mm();
        let [across, down] = [1, 2].map(|d| spacing_mm[(normal_axis + d) % 3]);
        2.0 * (across * down).sqrt()
    }

    /// Its voxels.
    pub fn voxels(&self, grid: &Grid) -> impl Iterator<Item = VoxelIndex> {
        self.region.offsets(grid.dims).map(|(_, voxel)| voxel)
    }

    /// How far the voxels of its box lie within it: the distance, in the slice, to the nearest voxel that is not of it, in
    /// mm; 0 where it is not.
    pub fn depths_mm(&self, grid: &Grid) -> Vec<f64> {
        let own = self.region.bounds;
        let mut beyond = [1; 3];
        beyond[self.normal_axis] = 0;
        let around = own.grown_by(beyond);
        let wider = self.region.moved_to(around);
        let squared = squared_distance_mm(&wider.voxels, wider.dims(), grid.spacing_mm());
        rows(wider.dims(), own.relative_to(around.min))
            .flatten()
            .map(|at| f64::from(squared[at]).sqrt())
            .collect()
    }

    /// The two of its voxels that are farthest from each other.
    pub fn ends(&self, grid: &Grid) -> [VoxelIndex; 2] {
        let voxels: Vec<VoxelIndex> = self.voxels(grid).collect();
        let place = |voxel: VoxelIndex| grid.world_from_voxel(voxel.center()).0;
        let farthest_from = |from: VoxelIndex| {
            let away = |v: &VoxelIndex| place(*v).distance_squared(place(from));
            let farther = |a: &&VoxelIndex, b: &&VoxelIndex| away(a).total_cmp(&away(b));
            voxels.iter().max_by(farther).copied().unwrap_or(from)
        };
        // Of a straight line, whatever voxel is begun with leads to an end.
        let first = farthest_from(VoxelIndex(self.region.bounds.min));
        [first, farthest_from(first)]
    }

    /// Clicks that say the same, as far as clicks can: some along a line, one in the middle of a lasso or of a diameter of
    /// the target.
    pub fn clicks(&self, grid: &Grid) -> Vec<Click> {
        let is_across = self.kind == DrawingKind::Diameter && self.polarity == Polarity::Positive;
        let voxels = match self.kind {
            _ if is_across => vec![self.halfway(grid)],
            DrawingKind::Scribble | DrawingKind::Diameter => self.spread(grid),
            DrawingKind::Lasso => vec![self.middle(grid)],
        };
        let polarity = self.polarity;
        let click = |voxel| Click { voxel, polarity };
        voxels.into_iter().map(click).collect()
    }

    /// The voxel nearest to the middle between both ends.
    fn halfway(&self, grid: &Grid) -> VoxelIndex {
        let place = |voxel: VoxelIndex| grid.world_from_voxel(voxel.center()).0;
        let ends = self.ends(grid);
        let middle = (place(ends[0]) + place(ends[1])) / 2.0;
        let away = |v: &VoxelIndex| place(*v).distance_squared(middle);
        let nearer = |a: &VoxelIndex, b: &VoxelIndex| away(a).total_cmp(&away(b));
        self.voxels(grid).min_by(nearer).unwrap_or(ends[0])
    }

    /// The voxel furthest inside.
    fn middle(&self, grid: &Grid) -> VoxelIndex {
        let depths = self.depths_mm(grid);
        let deepest = (0..depths.len()).fold(0, |best, at| match depths[at] > depths[best] {
            true => at,
            false => best,
        });
        let [ni, nj, _] = self.region.dims();
        let at = [deepest % ni, deepest / ni % nj, deepest / (ni * nj)];
        VoxelIndex([0, 1, 2].map(|d| self.region.bounds.min[d] + at[d] as i64))
    }

    /// Voxels far from each other: the one furthest inside, then again and again the one furthest from those.
    fn spread(&self, grid: &Grid) -> Vec<VoxelIndex> {
        let place = |voxel: VoxelIndex| grid.world_from_voxel(voxel.center()).0;
        let voxels: Vec<_> = self.voxels(grid).map(|v| (v, place(v))).collect();
        let first = self.middle(grid);
        let mut chosen = vec![first];
        let mut away: Vec<f64> = voxels
            .iter()
            .map(|(_, at)| at.distance(place(first)))
            .collect();
        let mut length_mm = None;
        while chosen.len() < MOST_CLICKS {
            let furthest = (0..away.len()).fold(0, |best, at| match away[at] > away[best] {
                true => at,
                false => best,
            });
            // From about the middle to an end is half of it.
            let length_mm = *length_mm.get_or_insert(2.0 * away[furthest]);
            if away[furthest] <= NEAR * length_mm {
                break;
            }
            let (voxel, next) = voxels[furthest];
            chosen.push(voxel);
            for (away, (_, at)) in away.iter_mut().zip(&voxels) {
                *away = away.min(at.distance(next));
            }
        }
        chosen
    }
}

/// The voxels of a line of `width_mm` on the slice across `normal_axis` nearest to its first point.
fn under(grid: &Grid, normal_axis: usize, line: &[VoxelPoint], width_mm: f64) -> Vec<usize> {
    let mut offsets = Vec::new();
    if let Some(first) = line.first() {
        let tip = BrushTip::Disc {
            radius_mm: width_mm / 2.0,
            normal_axis,
            slice: first.nearest().0[normal_axis],
        };
        let ends = line.iter().skip(1).chain(line.last());
        for (&from, &to) in line.iter().zip(ends) {
            sweep(grid, tip, from, to, |offset| offsets.push(offset));
        }
    }
    offsets
}
